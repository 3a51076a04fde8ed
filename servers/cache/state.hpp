// What the cache keeps for the next process of its slot, in records of at most 128 bytes (docs/cache.md).
#pragma once

#include "block.hpp"

#include <ant/interface/block.hpp>
#include <ant/interface/cache.hpp>
#include <ant/records.hpp>

namespace ant::cache_server {

namespace format {
inline constexpr std::uint32_t first = 1, second = 2;
inline constexpr std::uint64_t readable = 1 << first | 1 << second;
}  // namespace format
#ifdef CACHE_VERSION
inline constexpr std::uint32_t state_format = CACHE_VERSION;
#else
inline constexpr std::uint32_t state_format = format::first;
#endif
namespace table {
inline constexpr std::uint16_t disk = 1, dirty = 2, blocks = 3;
}

// A disk keeps its number: that of its record.
struct DiskRecord {
    std::uint32_t driver, unit;
    std::uint32_t flags;  // block::unit_flag
    std::uint32_t gone;   // 1: another is in its place now
    std::uint64_t bytes;
    char serial[24];
    char model[44];
    std::uint32_t reserved;
};
static_assert(sizeof(DiskRecord) <= record::max_data && sizeof DiskRecord::serial == sizeof block::Unit::serial &&
              sizeof DiskRecord::model == sizeof block::Unit::model);

// A block whose contents are not on the disk yet. Record n is that of block n of the table.
struct DirtyRecord {
    Key key;
    std::uint64_t page;
};

// The same as `cache@2` writes it (CACHE_VERSION); both programs read both.
struct DirtyRecord2 {
    std::uint64_t page, number;
    std::uint32_t disk, reserved;
};

class DirtyRecords {
public:
    // The version of the table is the format.
    static constexpr Table table(std::uint32_t format, std::uint32_t capacity) {
        return format == format::first ? table_of<DirtyRecord>(table::dirty, format::first, capacity)
                                       : table_of<DirtyRecord2>(table::dirty, format::second, capacity);
    }

    DirtyRecords(const RecordStore& store, std::uint32_t format) {
        if (format == format::first)
            first_ = store.table<DirtyRecord>(table::dirty, format::first);
        else
            second_ = store.table<DirtyRecord2>(table::dirty, format::second);
    }
    explicit DirtyRecords(const Records<DirtyRecord>& records) : first_{records} {}
    explicit DirtyRecords(const Records<DirtyRecord2>& records) : second_{records} {}
    DirtyRecords() = default;

    explicit operator bool() const { return first_ || second_; }
    [[nodiscard]] unsigned capacity() const { return first_ ? first_.capacity() : second_.capacity(); }
    void commit(unsigned index, const DirtyRecord& r) {
        if (first_) return first_.commit(index, r);
        second_.commit(index, {r.page, number_of(r.key), disk_of(r.key), 0});
    }
    void erase(unsigned index) {
        if (first_) return first_.erase(index);
        second_.erase(index);
    }
    // f(index, const DirtyRecord&)
    template <class F>
    void each(F&& f) const {
        if (first_) return first_.each(f);
        second_.each([&f](unsigned index, const DirtyRecord2& r) { f(index, DirtyRecord{key_of(r.disk, r.number), r.page}); });
    }

private:
    Records<DirtyRecord> first_;
    Records<DirtyRecord2> second_;
};

// Where the process has its blocks: in a planned replacement the next one goes on with those that are clean.
struct BlocksRecord {
    static constexpr std::uint32_t as_now = 1;  // another number with each change of Block
    std::uint64_t area;
    std::uint32_t count, layout;
};

// The records as the cache uses them.
struct State {
    Records<DiskRecord> disks;
    DirtyRecords dirty;
};

}  // namespace ant::cache_server
