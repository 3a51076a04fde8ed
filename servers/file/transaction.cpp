#include "transaction.hpp"

#include <ant/records.hpp>

#include <cstring>

namespace ant::file_server {

void Transaction::use(std::uint64_t area, std::uint32_t block_bytes, std::uint64_t done) {
    area_ = area;
    block_bytes_ = block_bytes;
    first_.fill(none);
    free_count_ = written_count_ = 0;
    for (unsigned i = capacity; i-- != 0;) {
        const Entry& entry = entries()[i];
        const bool counts = entry.operation != 0 && entry.operation <= done;
        const unsigned other = counts ? find_entry(entry.block) : none;
        if (!counts || (other != none && entries()[other].operation > entry.operation)) {
            release(i);
            continue;
        }
        if (other != none) drop(other);
        link(i);
    }
}

unsigned Transaction::find_entry(std::uint64_t block) const {
    unsigned i = first_[bucket(block)];
    while (i != none && entries()[i].block != block) i = next_[i];
    return i;
}

const std::byte* Transaction::find(std::uint64_t block) const {
    const unsigned entry = find_entry(block);
    return entry == none ? nullptr : contents(entry);
}

void Transaction::link(unsigned entry) {
    std::uint16_t& first = first_[bucket(entries()[entry].block)];
    next_[entry] = first;
    first = static_cast<std::uint16_t>(entry);
}

void Transaction::unlink(unsigned entry) {
    std::uint16_t* at = &first_[bucket(entries()[entry].block)];
    while (*at != entry) at = &next_[*at];
    *at = next_[entry];
}

void Transaction::release(unsigned entry) {
    entries()[entry].operation = 0;
    free_[free_count_++] = static_cast<std::uint16_t>(entry);
}

bool Transaction::write(std::uint64_t block, const std::byte* data) {
    const unsigned before = find_entry(block);
    if (before != none && entries()[before].operation == operation_) {
        std::memcpy(contents(before), data, block_bytes_);
        return true;
    }
    if (free_count_ == 0) return false;
    const unsigned entry = free_[--free_count_];
    entries()[entry].operation = unfinished;
    record::ordered();
    entries()[entry].block = block;
    std::memcpy(contents(entry), data, block_bytes_);
    record::ordered();
    entries()[entry].operation = operation_;
    if (before != none) unlink(before);
    link(entry);
    written_[written_count_] = static_cast<std::uint16_t>(entry);
    before_[written_count_++] = static_cast<std::uint16_t>(before);
    return true;
}

void Transaction::commit() {
    for (unsigned i = 0; i < written_count_; ++i)
        if (before_[i] != none) release(before_[i]);
    written_count_ = 0;
}

void Transaction::abort() {
    while (written_count_ != 0) {
        const unsigned i = --written_count_;
        unlink(written_[i]);
        release(written_[i]);
        if (before_[i] != none) link(before_[i]);
    }
}

void Transaction::drop(unsigned entry) {
    unlink(entry);
    release(entry);
}

}  // namespace ant::file_server
