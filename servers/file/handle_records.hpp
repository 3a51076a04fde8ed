// Handles on record, in two formats: `file` writes the first one, `file@2` the second one (FILE_VERSION); both read both.
#pragma once

#include <ant/records.hpp>

#include <cstdint>

namespace ant::file_server {

struct HandleRecord {
    std::uint32_t handle;  // with a generation
    std::uint32_t slot;
    std::uint32_t volume, inode;
    std::uint32_t flags;  // file::open_flag
    std::uint32_t reserved;
    std::uint64_t call;  // that opened it
};
struct HandleRecord2 {
    std::uint64_t call;
    std::uint32_t handle, slot, inode;
    std::uint16_t volume, flags;
};
static_assert(sizeof(HandleRecord2) == 24);

class HandleRecords {
public:
    static constexpr std::uint32_t first = 1, second = 2;  // formats of the state
    static constexpr std::uint64_t readable = 1 << first | 1 << second;
    // The version of the table is the format.
    static constexpr Table table(std::uint32_t format, std::uint16_t kind, std::uint32_t capacity) {
        return format == first ? table_of<HandleRecord>(kind, first, capacity) : table_of<HandleRecord2>(kind, second, capacity);
    }

    HandleRecords(const RecordStore& store, std::uint32_t format, std::uint16_t kind) {
        if (format == first)
            first_ = store.table<HandleRecord>(kind, first);
        else
            second_ = store.table<HandleRecord2>(kind, second);
    }
    HandleRecords() = default;

    [[nodiscard]] unsigned capacity() const { return first_ ? first_.capacity() : second_.capacity(); }
    void commit(unsigned index, const HandleRecord& r) {
        if (first_) return first_.commit(index, r);
        second_.commit(index, {r.call, r.handle, r.slot, r.inode, static_cast<std::uint16_t>(r.volume),
                               static_cast<std::uint16_t>(r.flags)});
    }
    void erase(unsigned index) {
        if (first_) return first_.erase(index);
        second_.erase(index);
    }
    [[nodiscard]] record::Found load(unsigned index, HandleRecord& out) const {
        if (first_) return first_.load(index, out);
        HandleRecord2 r{};
        const record::Found found = second_.load(index, r);
        if (found == record::Found::good) out = {r.handle, r.slot, r.volume, r.inode, r.flags, 0, r.call};
        return found;
    }

private:
    Records<HandleRecord> first_;
    Records<HandleRecord2> second_;
};

}  // namespace ant::file_server
