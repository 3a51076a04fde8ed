// What the file server needs of a disk: the buffer cache in the guest, a model in the tests.
#pragma once

#include <ant/abi/result.hpp>
#include <ant/interface/cache.hpp>

#include <span>

namespace ant::file_server {

// Bytes in an area that is this server's own, or that came with the call it works on.
struct Memory {
    std::uint64_t area;
    std::uint64_t offset;

    [[nodiscard]] std::byte* data() const { return reinterpret_cast<std::byte*>(area + offset); }
    [[nodiscard]] Memory operator+(std::uint64_t more) const { return {area, offset + more}; }
};

using Extent = cache::Extent;

class Disk {
public:
    // To or from the extents, one after another; at most cache::max_extents.
    virtual Result<> read(Memory to, std::span<const Extent> extents) = 0;
    virtual Result<> write(Memory from, std::span<const Extent> extents, bool through) = 0;
    // What was written before is on the medium after this.
    virtual Result<> flush() = 0;

    Result<> read(Memory to, Extent extent) { return read(to, {&extent, 1}); }
    Result<> write(Memory from, Extent extent, bool through = false) { return write(from, {&extent, 1}, through); }

protected:
    ~Disk() = default;
};

}  // namespace ant::file_server
