// Transaction: the metadata blocks of one volume that have changed since the last commit to its journal.
//
// It lies in an area, which outlives the process: a table of entries, and a block behind each. An operation writes its
// blocks into free places, with its number. They become valid together when the server's record says that this operation
// is done (tables.hpp); until then, and for a process that finds them after a failure, they do not count.
#pragma once

#include "disk.hpp"

#include <ant/ica.hpp>

#include <array>

namespace ant::file_server {

class Transaction {
public:
    static constexpr unsigned capacity = 1024;
    static constexpr unsigned none = capacity;

    static Result<Ica> reserve(std::uint32_t block_bytes) {
        return Ica::reserve(sizeof(Entry) * capacity + std::size_t{block_bytes} * capacity);
    }
    static std::size_t pages(std::uint32_t block_bytes) {
        return pages_for(sizeof(Entry) * capacity + std::size_t{block_bytes} * capacity);
    }
    // Takes over what is there; operations behind `done` never happened.
    void use(std::uint64_t area, std::uint32_t block_bytes, std::uint64_t done);

    [[nodiscard]] std::uint64_t area() const { return area_; }
    // The newest contents, or nullptr.
    [[nodiscard]] const std::byte* find(std::uint64_t block) const;

    void begin(std::uint64_t operation) { operation_ = operation; }
    // False if there is no room.
    bool write(std::uint64_t block, const std::byte* contents);
    [[nodiscard]] bool changed() const { return written_count_ != 0; }
    void commit();  // after the record
    void abort();

    [[nodiscard]] unsigned used() const { return capacity - free_count_; }
    // The entry's number for each block that counts, in ascending order of entries: f(entry, block).
    template <class F>
    void each(F&& f) const {
        for (unsigned i = 0; i < capacity; ++i)
            if (entries()[i].operation != 0) f(i, entries()[i].block);
    }
    [[nodiscard]] Memory memory(unsigned entry) const {
        return {area_, sizeof(Entry) * capacity + std::uint64_t{entry} * block_bytes_};
    }
    void drop(unsigned entry);

private:
    struct Entry {
        std::uint64_t block;
        std::uint64_t operation;  // 0: free
    };
    static constexpr std::uint64_t unfinished = ~std::uint64_t{0};  // being filled
    static constexpr unsigned buckets = 1024;

    [[nodiscard]] Entry* entries() const { return reinterpret_cast<Entry*>(area_); }
    [[nodiscard]] std::byte* contents(unsigned entry) const { return memory(entry).data(); }
    static unsigned bucket(std::uint64_t block) { return static_cast<unsigned>(block % buckets); }
    [[nodiscard]] unsigned find_entry(std::uint64_t block) const;
    void link(unsigned entry);
    void unlink(unsigned entry);
    void release(unsigned entry);

    std::uint64_t area_ = 0;
    std::uint64_t operation_ = 0;
    std::uint32_t block_bytes_ = 0;
    unsigned free_count_ = 0, written_count_ = 0;
    // The index of a process over the area: chains of entries by block; the free ones.
    std::array<std::uint16_t, buckets> first_{};
    std::array<std::uint16_t, capacity> next_{}, free_{};
    // Entries of the running operation, and those that they replace.
    std::array<std::uint16_t, capacity> written_{}, before_{};
};

}  // namespace ant::file_server
