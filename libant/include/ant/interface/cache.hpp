// Functions of the buffer cache ("cache"): the disks of all drivers, by byte position, in blocks of 4 KiB (P-ipc 5).
// It answers hits while misses are under way, reads a block once however many ask for it, reads ahead, writes back
// later; what it has taken survives its own failure, and the drivers'. Only `flush` makes it survive a power cut.
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::cache {

inline constexpr std::uint32_t block_bytes = 4096;
inline constexpr unsigned max_disks = 16;

struct Disk {
    char driver[32];      // slot: "disk"
    char model[44];       // block::Unit::model
    std::uint32_t unit;   // of that driver
    std::uint32_t flags;  // block::unit_flag
    std::uint32_t reserved;
    std::uint64_t bytes;
};
struct Disks {  // disk n is disk[n]; it keeps its number as long as the slot lives
    std::uint32_t count;
    std::uint32_t reserved;
    Disk disk[max_disks];
};

inline constexpr std::uint64_t hole = ~std::uint64_t{0};
struct Extent {
    std::uint64_t position;  // on the disk, any byte; hole (read only): zeros
    std::uint64_t bytes;
};
inline constexpr unsigned max_extents = 96;
namespace access_flag {
inline constexpr std::uint32_t read_ahead = 1 << 0;  // read: what follows the last extent will be read soon
inline constexpr std::uint32_t once = 1 << 1;     // not worth keeping: straight between area and disk where whole blocks allow it
inline constexpr std::uint32_t through = 1 << 2;  // write: answered when it is on the medium (of these bytes only)
inline constexpr std::uint32_t sequential = 1 << 3;  // no direct return: the answer comes back through every server (P-ipc 3)
}  // namespace access_flag
// read and write: `bytes` from `offset` of the data ICA, to or from the extents in order, which make `bytes` together.
// The data ICA is moved with the request and comes back with the answer, also with an error; one that is lent stays lent.
// -> value = bytes, or an error: then some of it may have been done, and the same call may be made again.
// Whole blocks that are not in the cache are read by the driver into the area itself, and the answer may come from the driver
// (direct return). A write is in the cache when answered, whole blocks without reading them first.
struct Access {
    std::uint32_t disk;
    std::uint32_t flags;
    std::uint32_t offset, bytes;
    std::uint32_t count;  // of extents
    std::uint32_t reserved;
    Extent extent[max_extents];
};
// flush: all that was written to this disk before is on the medium. io_error: some of it could not be written; it is
// kept and tried again with the next flush.
// forget: flush, and what is kept of this disk is dropped (before somebody else writes to it).
struct DiskId {
    std::uint32_t disk;
    std::uint32_t reserved;
};

struct Statistics {
    std::uint64_t blocks, dirty, limit;  // kept now; at most
    std::uint64_t hits, misses, joined;  // joined: found its block being read for somebody else
    std::uint64_t direct;                // blocks read or written past the cache
    std::uint64_t ahead, ahead_used;     // read ahead; of these, asked for later
    std::uint64_t written_back, write_errors, read_errors;
    std::uint64_t recovered;  // dirty blocks that were taken over from a process that failed
};

enum class Op : std::uint16_t { disks = 1, read, write, flush, forget, statistics };

inline constexpr Function<Nothing, Disks> disks{"disks", static_cast<std::uint16_t>(Op::disks), call::waits};
inline constexpr Function<Access> read{"read", static_cast<std::uint16_t>(Op::read), call::waits | call::data};
inline constexpr Function<Access> write{"write", static_cast<std::uint16_t>(Op::write), call::waits | call::data};
inline constexpr Function<DiskId> flush{"flush", static_cast<std::uint16_t>(Op::flush), call::waits};
inline constexpr Function<DiskId> forget{"forget", static_cast<std::uint16_t>(Op::forget), call::waits};
inline constexpr Function<Nothing, Statistics> statistics{"statistics", static_cast<std::uint16_t>(Op::statistics), call::again};

}  // namespace ant::cache
