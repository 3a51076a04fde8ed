// A sorted list of disjoint ranges in a fixed array, for the memory map.
#pragma once

#include "boot.hpp"

#include <cstdint>

namespace ant::arch {

class MemoryRanges {
public:
    MemoryRanges(MemoryRange* ranges, unsigned& count) : ranges_{ranges}, count_{count} {}

    // Only what fits: with a full table the smallest range is left out. Nothing is ever counted twice.
    void add(std::uint64_t first, std::uint64_t end);
    void remove(std::uint64_t first, std::uint64_t end);

private:
    void insert(unsigned position, MemoryRange range);
    void erase(unsigned position);

    MemoryRange* ranges_;
    unsigned& count_;
};

}  // namespace ant::arch
