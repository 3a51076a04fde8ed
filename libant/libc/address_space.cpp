#include "address_space.hpp"

namespace ant::foreign {

// Index of the first range that ends behind `address`.
std::size_t AddressSpace::find(std::uint64_t address) const {
    std::size_t i = 0;
    while (i < count_ && ranges_[i].end <= address) ++i;
    return i;
}

void AddressSpace::insert(std::size_t index, Range range) {
    if (count_ == max_ranges) return;
    for (std::size_t i = count_++; i > index; --i) ranges_[i] = ranges_[i - 1];
    ranges_[index] = range;
}

void AddressSpace::erase(std::size_t index) {
    --count_;
    for (std::size_t i = index; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

bool AddressSpace::is_free(std::uint64_t address, std::uint64_t bytes) const {
    const std::size_t i = find(address);
    return i < count_ && ranges_[i].first <= address && ranges_[i].end - address >= bytes;
}

std::uint64_t AddressSpace::take(std::uint64_t bytes) {
    for (std::size_t i = 0; i < count_; ++i) {
        if (ranges_[i].end - ranges_[i].first < bytes) continue;
        const std::uint64_t address = ranges_[i].first;
        ranges_[i].first += bytes;
        if (ranges_[i].first == ranges_[i].end) erase(i);
        return address;
    }
    return 0;
}

bool AddressSpace::take_at(std::uint64_t address, std::uint64_t bytes) {
    if (!is_free(address, bytes)) return false;
    const std::size_t i = find(address);
    const Range behind{address + bytes, ranges_[i].end};
    ranges_[i].end = address;
    if (behind.first != behind.end) insert(i + 1, behind);
    if (ranges_[i].first == ranges_[i].end) erase(i);
    return true;
}

void AddressSpace::give(std::uint64_t address, std::uint64_t bytes) {
    Range range{address, address + bytes};
    std::size_t i = 0;
    while (i < count_ && ranges_[i].end < range.first) ++i;
    // Everything that touches or overlaps the range becomes part of it.
    while (i < count_ && ranges_[i].first <= range.end) {
        if (ranges_[i].first < range.first) range.first = ranges_[i].first;
        if (ranges_[i].end > range.end) range.end = ranges_[i].end;
        erase(i);
    }
    insert(i, range);
}

}  // namespace ant::foreign
