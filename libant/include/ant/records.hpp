// Records: what a server wants to keep when it fails, committed one by one.
//
// A store is the state ICA of a server: a head, and tables of records. Each record has two places; a commit writes
// the older one, so that the newer one stays good whatever happens (P-swap). While a place is written it is marked
// in the head: a place that is bad *and* marked is an interrupted commit, any other bad place is damage.
//
//   place:  check | stamp | data        stamp = sequence * 2 + (0 erased, 1 live); both 0: never written
//   the sequences of a record's two places always differ by `step`
//
// All tables lie in one area, or a master lists one further area per table: the two formats of P-swap.
#pragma once

#include <ant/process.hpp>
#include <ant/syscalls.hpp>

#include <bit>
#include <span>
#include <type_traits>

namespace ant {

struct Table {
    std::uint16_t kind;     // which records these are: the server's own numbers
    std::uint16_t version;  // of their layout
    std::uint32_t record_bytes;
    std::uint32_t capacity;
};
template <class T>
constexpr Table table_of(std::uint16_t kind, std::uint16_t version, std::uint32_t capacity) {
    return {kind, version, sizeof(T), capacity};
}

namespace record {

inline constexpr std::size_t max_bytes = 128;  // with its head

// Three, so that no single bit that flips makes the newer place look like the one before the older.
inline constexpr std::uint64_t step = 3;

struct PlaceHead {
    std::uint64_t check;
    std::uint64_t stamp;

    [[nodiscard]] bool empty() const { return check == 0 && stamp == 0; }
    [[nodiscard]] bool live() const { return (stamp & 1) != 0; }
    [[nodiscard]] std::uint64_t sequence() const { return stamp >> 1; }
    [[nodiscard]] const std::uint64_t* data() const { return reinterpret_cast<const std::uint64_t*>(this + 1); }
    [[nodiscard]] std::uint64_t* data() { return reinterpret_cast<std::uint64_t*>(this + 1); }
};
static_assert(sizeof(PlaceHead) == 16);
inline constexpr std::size_t max_data = max_bytes - sizeof(PlaceHead);

inline std::uint64_t next_stamp(const PlaceHead* newer, unsigned live) { return (newer->sequence() + step) * 2 + live; }

// Each round is a bijection, so that a change in one word never goes unnoticed; the rotation brings the high bits,
// which a multiplication only moves upwards, back down.
constexpr std::uint64_t mix(std::uint64_t sum, std::uint64_t word) { return std::rotl((sum ^ word) * 0x9e37'79b9'7f4a'7c15, 31); }
// The address stands for table, index and place: a record copied elsewhere is not good there.
inline std::uint64_t seed(const PlaceHead* place) { return reinterpret_cast<std::uint64_t>(place); }
// Keeps the order of stores as written: whoever stops the process in between finds the earlier ones done.
inline void ordered() { asm volatile("" : : : "memory"); }

enum class Found : std::uint8_t { none, good, damaged };

// Both places of a record whose data is `words` long.
struct Pair {
    PlaceHead* newer;
    PlaceHead* older;

    Pair(std::uint64_t first, std::size_t place_bytes)
        : newer{reinterpret_cast<PlaceHead*>(first)}, older{reinterpret_cast<PlaceHead*>(first + place_bytes)} {
        if (newer->stamp < older->stamp) std::swap(newer, older);
    }
    // The newer place alone tells what the record is.
    [[nodiscard]] Found look(std::size_t words) const {
        if (newer->empty()) return older->empty() ? Found::none : Found::damaged;
        return look_closely(words);
    }
    [[nodiscard]] Found look_closely(std::size_t words) const;
    [[nodiscard]] bool damaged(std::size_t words) const;
};

}  // namespace record

// The records of one table. A handle: copyable, and gone with the process; the records stay.
template <class T>
class Records {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);
    static_assert(sizeof(T) <= record::max_data, "a record with its head has at most 128 bytes");

public:
    using Found = record::Found;

    Records() = default;  // no such table: capacity 0
    Records(std::uint64_t places, std::uint32_t capacity, std::uint64_t* writing)
        : places_{places}, writing_{writing}, capacity_{capacity} {}

    explicit operator bool() const { return capacity_ != 0; }
    [[nodiscard]] unsigned capacity() const { return capacity_; }

    // After this the record is `data`, whatever happens; before, it is what it was.
    void commit(unsigned index, const T& data) {
        const record::Pair pair = at(index);
        const std::uint64_t stamp = record::next_stamp(pair.newer, 1);
        begin(pair.older);
        std::uint64_t sum = record::mix(record::seed(pair.older), stamp);
        const auto* from = reinterpret_cast<const unsigned char*>(&data);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < words; ++i) {
            std::uint64_t word;
            __builtin_memcpy(&word, from + i * sizeof word, sizeof word);
            pair.older->data()[i] = word;
            sum = record::mix(sum, word);
        }
        end(pair.older, stamp, sum);
    }
    void erase(unsigned index) {
        const record::Pair pair = at(index);
        if (!pair.newer->live()) return;
        const std::uint64_t stamp = record::next_stamp(pair.newer, 0);
        begin(pair.older);
        end(pair.older, stamp, record::mix(record::seed(pair.older), stamp));
    }

    // Of the newer place. The older one is looked at by any_damaged only.
    [[nodiscard]] Found load(unsigned index, T& out) const {
        const record::Pair pair = at(index);
        const Found found = pair.look(words);
        if (found == Found::good) __builtin_memcpy(static_cast<void*>(&out), pair.newer->data(), sizeof out);
        return found;
    }
    // f(index, const T&) for what the newer places hold, which nobody has checked: to see what there is before it is loaded.
    template <class F>
    void each_unchecked(F&& f) const {
        each_written([&](unsigned index, record::Pair pair) {
            if (pair.newer->live()) f(index, *reinterpret_cast<const T*>(pair.newer->data()));
        });
    }
    // f(index, const T&) for every good record.
    template <class F>
    void each(F&& f) const {
        each_written([&](unsigned index, record::Pair) {
            T data;
            if (load(index, data) == Found::good) f(index, std::as_const(data));
        });
    }
    // Looks at both places of all records.
    [[nodiscard]] bool any_damaged() const {
        for (unsigned index = 0; index < capacity_; ++index)
            if (at(index).damaged(words)) return true;
        return false;
    }

private:
    static constexpr std::size_t words = sizeof(T) / sizeof(std::uint64_t);
    static constexpr std::size_t place_bytes = sizeof(record::PlaceHead) + sizeof(T);

    // f(index, pair) for every record that was ever written. Most of a table's never were: that shows at once.
    template <class F>
    void each_written(F f) const {
        std::uint64_t place = places_;
        for (unsigned index = 0; index < capacity_; ++index, place += 2 * place_bytes) {
            const auto& first = *reinterpret_cast<const record::PlaceHead*>(place);
            const auto& second = *reinterpret_cast<const record::PlaceHead*>(place + place_bytes);
            if ((first.check | first.stamp | second.check | second.stamp) != 0) f(index, record::Pair{place, place_bytes});
        }
    }
    [[nodiscard]] record::Pair at(unsigned index) const {
        if (index >= capacity_) [[unlikely]]
            panic("record %u of %u", index, capacity_);
        return {places_ + index * 2 * place_bytes, place_bytes};
    }
    void begin(const record::PlaceHead* place) {
        *writing_ = reinterpret_cast<std::uint64_t>(place);
        record::ordered();
    }
    void end(record::PlaceHead* place, std::uint64_t stamp, std::uint64_t sum) {
        place->stamp = stamp;
        record::ordered();
        place->check = sum;
        record::ordered();
        *writing_ = 0;
    }

    std::uint64_t places_ = 0;
    std::uint64_t* writing_ = nullptr;
    std::uint32_t capacity_ = 0;
};

// The state ICA of a server that keeps records. A handle as well: the areas belong to the slot.
class RecordStore {
public:
    static constexpr std::uint32_t one_area = 1, master = 2;  // layouts
    static constexpr unsigned max_tables = 28;

    // Reserves the areas, all records empty, and registers the state.
    static Result<RecordStore> create(std::uint32_t format, std::span<const Table> tables, std::uint32_t layout = one_area);
    // Takes over the store of the process before, and finishes or undoes what that was interrupted in.
    // state_refused: not a store, or its head is damaged. Damage of records shows when they are loaded.
    static Result<RecordStore> adopt(const sys::State& registered);

    // The format that the state is registered with.
    [[nodiscard]] std::uint32_t format() const { return format_; }
    Result<> set_format(std::uint32_t format);

    // A table in a further area; all at once, or not. `exists` if there is one of that kind and version. To change the
    // layout of a table: add one of a new version, convert, set_format, drop the old one. Whoever finds the old
    // format with a newer table was interrupted in this and drops the newer one.
    Result<> add_table(const Table& table);
    Result<> drop_table(std::uint16_t kind, std::uint16_t version);

    // Newest version of that kind, 0 if there is none.
    [[nodiscard]] std::uint16_t table_version(std::uint16_t kind) const;
    // The newest one, or that of a given version. Without such a table, or if its records have another size than
    // T, the result is false and has capacity 0.
    template <class T>
    [[nodiscard]] Records<T> table(std::uint16_t kind) const {
        return table<T>(kind, table_version(kind));
    }
    template <class T>
    [[nodiscard]] Records<T> table(std::uint16_t kind, std::uint16_t version) const {
        const Entry* entry = find(kind, version);
        if (entry == nullptr || entry->table.record_bytes != sizeof(T)) return {};
        return {entry->address, entry->table.capacity, &head_->writing};
    }

    // Both places of all records of all tables.
    [[nodiscard]] bool any_damaged() const;
    // Areas to keep: f(address).
    template <class F>
    void for_each_area(F&& f) const {
        f(reinterpret_cast<std::uint64_t>(head_));
        for (const Entry& entry : head_->entries)
            if (entry.used() && entry.own_area != 0) f(entry.address);
    }

private:
    static constexpr std::size_t table_bytes(const Table& table) {
        return (sizeof(record::PlaceHead) + table.record_bytes) * 2 * table.capacity;
    }
    struct Entry {
        Table table;
        std::uint32_t own_area;  // 1: the places have an area of their own; 0: they lie behind the head
        std::uint64_t address;   // of the places
        std::uint64_t check;

        [[nodiscard]] bool used() const { return check != 0; }
        [[nodiscard]] std::uint64_t expected_check() const;
        [[nodiscard]] std::size_t place_bytes() const { return sizeof(record::PlaceHead) + table.record_bytes; }
        [[nodiscard]] std::size_t bytes() const { return table_bytes(table); }
        [[nodiscard]] std::size_t words() const { return table.record_bytes / sizeof(std::uint64_t); }
        [[nodiscard]] record::Pair pair(unsigned index) const { return {address + index * 2 * place_bytes(), place_bytes()}; }
    };
    static_assert(sizeof(Entry) == 32);
    struct Head {
        std::uint64_t magic;
        std::uint64_t writing;  // address of the place that is being written; 0: none
        Entry entries[max_tables];
    };

    RecordStore(Head* head, std::uint32_t format) : head_{head}, format_{format} {}
    static Result<> valid(const Table& table);
    Result<> list(const Table& table, std::uint64_t address, bool own_area);
    Result<> fill(std::span<const Table> tables, std::uint32_t layout);
    static void clear(Entry& entry);
    [[nodiscard]] Entry* find(std::uint16_t kind, std::uint16_t version) const;
    [[nodiscard]] bool intact(const Entry& entry, std::size_t area_bytes) const;
    // False if what is marked is no place.
    [[nodiscard]] bool finish_interrupted();

    Head* head_;
    std::uint32_t format_;
};

}  // namespace ant
