// A block of 4 KiB of a disk, in a page of its own.
#pragma once

#include "list.hpp"

#include <ant/interface/cache.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::cache_server {

struct Request;

inline constexpr std::uint32_t block_bytes = cache::block_bytes;

// Disk and number of a block on it, in one word. Blocks of one disk that follow each other have keys that do.
using Key = std::uint64_t;
inline constexpr unsigned disk_shift = 56;
constexpr Key key_of(unsigned disk, std::uint64_t number) { return Key{disk} << disk_shift | number; }
constexpr unsigned disk_of(Key key) { return static_cast<unsigned>(key >> disk_shift); }
constexpr std::uint64_t number_of(Key key) { return key & ((Key{1} << disk_shift) - 1); }

// Bytes of a request that are copied when their block has been read.
struct Piece : Links {
    Piece* following;  // for the same block, in the order in which they came
    Request* request;
    std::uint32_t at;  // in the request's area
    std::uint16_t inside, bytes;
};

enum class BlockState : std::uint8_t { free, reading, clean, dirty, writing };

struct Block : Links {
    Block* in_bucket;
    Piece* pieces;  // that wait while it is read
    Key key;
    std::uint64_t page;    // its address; a free block keeps it. 0: none yet
    std::uint32_t stamp;   // dirty: when it became so, in flushes of its disk
    std::uint32_t issued;  // writing: the stamp of what is being written
    BlockState state;
    bool used : 1;      // asked for since it was read
    bool active : 1;    // asked for again
    bool once : 1;      // will not be asked for again
    bool ahead : 1;     // read ahead, not asked for yet
    bool promised : 1;  // reading: will be dirty then
    bool again : 1;     // writing: has changed since
    bool alone : 1;     // was part of a transfer that failed: goes by itself
    bool failed : 1;    // dirty: could not be written; the next flush tries again

    [[nodiscard]] bool readable() const { return state >= BlockState::clean; }
    [[nodiscard]] bool busy() const { return state != BlockState::clean; }
    [[nodiscard]] std::byte* data() const { return reinterpret_cast<std::byte*>(page); }
};
static_assert(sizeof(Block) == 64);

}  // namespace ant::cache_server
