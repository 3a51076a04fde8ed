#include "memory_ranges.hpp"

#include <algorithm>

namespace ant::arch {

void MemoryRanges::add(std::uint64_t first, std::uint64_t end) {
    if (first >= end) return;
    unsigned position = 0;
    while (position < count_ && ranges_[position].end < first) ++position;
    // Everything that touches the new range becomes part of it.
    while (position < count_ && ranges_[position].first <= end) {
        first = std::min(first, ranges_[position].first);
        end = std::max(end, ranges_[position].end);
        erase(position);
    }
    insert(position, {first, end});
}

void MemoryRanges::remove(std::uint64_t first, std::uint64_t end) {
    if (first >= end) return;
    unsigned i = 0;
    while (i < count_) {
        const MemoryRange range = ranges_[i];
        if (range.end <= first || range.first >= end) {
            ++i;
            continue;
        }
        erase(i);
        if (range.first < first) insert(i, {range.first, first});
        if (range.end > end) add(end, range.end);
        i = 0;  // a full table may have dropped a range before this one
    }
}

void MemoryRanges::insert(unsigned position, MemoryRange range) {
    if (count_ == max_ram_ranges) {
        unsigned smallest = 0;
        for (unsigned i = 1; i < count_; ++i)
            if (ranges_[i].end - ranges_[i].first < ranges_[smallest].end - ranges_[smallest].first) smallest = i;
        if (ranges_[smallest].end - ranges_[smallest].first >= range.end - range.first) return;
        erase(smallest);
        if (smallest < position) --position;
    }
    for (unsigned i = count_; i > position; --i) ranges_[i] = ranges_[i - 1];
    ranges_[position] = range;
    ++count_;
}

void MemoryRanges::erase(unsigned position) {
    --count_;
    for (unsigned i = position; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

}  // namespace ant::arch
