// AddressSpace: which addresses of a region are free, for mmap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ant::foreign {

// A sorted table of free ranges. When it is full, freed addresses (not memory) are forgotten; there are
// more of them than a program can use up.
class AddressSpace {
public:
    static constexpr std::size_t max_ranges = 256;

    constexpr AddressSpace(std::uint64_t first, std::uint64_t end) : ranges_{Range{first, end}}, count_{1} {}

    // The lowest free range of that length. -> 0 if there is none
    std::uint64_t take(std::uint64_t bytes);
    // Exactly [address, address + bytes), if all of it is free.
    bool take_at(std::uint64_t address, std::uint64_t bytes);
    void give(std::uint64_t address, std::uint64_t bytes);
    [[nodiscard]] bool is_free(std::uint64_t address, std::uint64_t bytes) const;
    [[nodiscard]] std::size_t ranges() const { return count_; }

private:
    struct Range {
        std::uint64_t first, end;
    };
    [[nodiscard]] std::size_t find(std::uint64_t address) const;
    void insert(std::size_t index, Range range);
    void erase(std::size_t index);

    std::array<Range, max_ranges> ranges_;
    std::size_t count_;
};

}  // namespace ant::foreign
