// Functions of a disk driver. Its slot is "disk", "disk.1", ... whatever the controller is behind it: function
// identifiers do not show which. One driver serves all drives of its controller; each is a unit.
// A sector has 512 bytes, whatever the drive's own sectors are.
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::block {

inline constexpr unsigned max_units = 16;
inline constexpr std::uint32_t sector_bytes = 512;
inline constexpr std::uint32_t max_transfer_bytes = 4 * 1024 * 1024;

namespace unit_flag {
inline constexpr std::uint32_t read_only = 1 << 0;
inline constexpr std::uint32_t write_cache = 1 << 1;  // what is written may be lost with the power until `flush`
inline constexpr std::uint32_t through = 1 << 2;      // the drive can write through its cache (FUA); else the driver flushes
}  // namespace unit_flag
struct Unit {
    char model[44];  // as the drive tells, with a NUL
    char serial[24];
    std::uint32_t flags;           // unit_flag
    std::uint32_t physical_bytes;  // of a sector on the medium: 512 or 4096
    std::uint32_t port;            // of the controller: ATA channel * 2 + device, AHCI port
    std::uint64_t sectors;
};
struct Units {  // unit n is unit[n]; a unit keeps its number as long as the slot lives
    std::uint32_t count;
    std::uint32_t reserved;
    Unit unit[max_units];
};

namespace transfer_flag {
inline constexpr std::uint32_t through = 1 << 0;  // write: answered when it is on the medium
}
// read and write. Data, either
// - one data ICA: `bytes` from `offset`, both multiples of 512 (offset of 2 is enough for the chip, but not asked for);
// - or a DataList (the structure follows it; offset 0): its areas from their starts, in order, each to its end or until
//   `bytes` are done. Every area but the last must be used whole, and all must be moved, or none.
// The device reads and writes the areas themselves (DMA). Areas that came moved go back with the answer.
// -> value = bytes. All or nothing: after an error the contents of the sectors (write) or areas (read) are not defined,
// and the same transfer may be tried again.
// Requests of one unit that touch the same sectors are done in the order in which they came.
struct Transfer {
    std::uint32_t unit;
    std::uint32_t flags;
    std::uint64_t sector;
    std::uint32_t offset, bytes;
};
// flush: what was answered before is on the medium when this is.
struct UnitId {
    std::uint32_t unit;
    std::uint32_t reserved;
};

// Since the controller was initialised; they survive replacements.
struct Statistics {
    std::uint64_t reads, writes, flushes, read_bytes, written_bytes;
    std::uint64_t interrupts, retries, timeouts, resets;
    std::uint64_t errors;  // answered with io_error
};

enum class Op : std::uint16_t { units = 1, read, write, flush, statistics };

// All of it may be done twice. Time-outs and retries are the driver's business: an answer comes in any case, with io_error
// at the worst, but it may take as long as a drive may take.
inline constexpr Function<Nothing, Units> units{"units", static_cast<std::uint16_t>(Op::units), call::waits};
inline constexpr Function<Transfer> read{"read", static_cast<std::uint16_t>(Op::read), call::waits | call::data};
inline constexpr Function<Transfer> write{"write", static_cast<std::uint16_t>(Op::write), call::waits | call::data};
inline constexpr Function<UnitId> flush{"flush", static_cast<std::uint16_t>(Op::flush), call::waits};
inline constexpr Function<Nothing, Statistics> statistics{"statistics", static_cast<std::uint16_t>(Op::statistics), call::again};

}  // namespace ant::block
