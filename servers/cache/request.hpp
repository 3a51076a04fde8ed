// A call that the cache has taken, and how far it is.
#pragma once

#include "block.hpp"

#include <ant/abi/error.hpp>
#include <ant/interface/cache.hpp>

namespace ant::cache_server {

enum class RequestKind : std::uint8_t { read, write, flush, forget, disks };

struct Request : Links {
    std::uint64_t control;
    const cache::Access* access;  // read, write: in the control ICA
    std::uint64_t area;
    RequestKind kind;
    bool owned;     // the area is ours until the answer, and goes back with it; otherwise it is lent to us
    bool stalled;   // in a list of those that go on when something is free again
    bool flushing;  // waits as a flush does
    bool direct;    // some of it goes straight between disk and area
    std::uint8_t disk;
    Error error;
    std::uint32_t done, extent;  // bytes that were taken care of; extent, and bytes of it, that come next. disks: driver
    std::uint64_t in_extent;
    std::uint32_t direct_from;  // read: so many bytes that are not here go straight from the disk into the area
    std::uint32_t waiting;      // pieces, transfers, or (flush) blocks that have not been written
    std::uint32_t stamp;        // flush: of the blocks that it waits for, at most

    [[nodiscard]] std::uint32_t at() const { return access->offset + done; }
    [[nodiscard]] std::byte* bytes(std::uint32_t offset) const { return reinterpret_cast<std::byte*>(area + offset); }
    [[nodiscard]] bool has(std::uint32_t flag) const { return (access->flags & flag) != 0; }
    [[nodiscard]] bool transfers() const { return kind == RequestKind::read || kind == RequestKind::write; }
    [[nodiscard]] bool complete() const { return error != Error::none || !transfers() || done == access->bytes; }
};

}  // namespace ant::cache_server
