// What the cache keeps for the next process of its slot, in records of at most 128 bytes (docs/cache.md).
#pragma once

#include "block.hpp"

#include <ant/interface/block.hpp>
#include <ant/interface/cache.hpp>
#include <ant/records.hpp>

namespace ant::cache_server {

inline constexpr std::uint32_t state_format = 1;
namespace table {
inline constexpr std::uint16_t disk = 1, dirty = 2;
}

// A disk keeps its number: that of its record.
struct DiskRecord {
    std::uint32_t driver, unit;
    std::uint32_t flags;  // block::unit_flag
    std::uint32_t gone;   // 1: another is in its place now
    std::uint64_t bytes;
    char serial[24];
    char model[44];
    std::uint32_t reserved;
};
static_assert(sizeof(DiskRecord) <= record::max_data && sizeof DiskRecord::serial == sizeof block::Unit::serial &&
              sizeof DiskRecord::model == sizeof block::Unit::model);

// A block whose contents are not on the disk yet. Record n is that of block n of the table.
struct DirtyRecord {
    Key key;
    std::uint64_t page;
};

// The records as the cache uses them.
struct State {
    Records<DiskRecord> disks;
    Records<DirtyRecord> dirty;
};

}  // namespace ant::cache_server
