// jbd2, the journal format of ext3 and ext4 (Linux Documentation/filesystems/ext4/journal.rst). Everything in it is big-endian.
#pragma once

#include <bit>
#include <cstdint>

namespace ant::file_server::jbd2 {

template <class T>
class BigEndian {
public:
    BigEndian() = default;
    constexpr BigEndian(T value) : raw_{swap(value)} {}  // NOLINT: stands for the number
    constexpr operator T() const { return swap(raw_); }  // NOLINT
private:
    static constexpr T swap(T value) {
        if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
        if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
        if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
    }
    T raw_;
};
using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;

inline constexpr std::uint32_t magic = 0xc03b3998;
enum BlockType : std::uint32_t { descriptor = 1, commit = 2, superblock_v1 = 3, superblock_v2 = 4, revoke = 5 };

struct Header {
    Be32 magic, type, sequence;
};

namespace incompat {
inline constexpr std::uint32_t revoke = 1 << 0;
inline constexpr std::uint32_t bits64 = 1 << 1;
inline constexpr std::uint32_t async_commit = 1 << 2;
inline constexpr std::uint32_t csum_v2 = 1 << 3;
inline constexpr std::uint32_t csum_v3 = 1 << 4;
inline constexpr std::uint32_t fast_commit = 1 << 5;
}  // namespace incompat
inline constexpr std::uint32_t compat_checksum = 1 << 0;
inline constexpr std::uint8_t crc32c_type = 4;

struct Superblock {
    Header header;
    Be32 block_bytes, length, first;
    Be32 sequence, start;  // of the oldest transaction that may have to be replayed; start 0: the journal is empty
    Be32 error;
    Be32 compat, incompat, ro_compat;
    std::uint8_t uuid[16];
    Be32 users, dynamic_superblock, max_transaction, max_data;
    std::uint8_t checksum_type, padding[3];
    Be32 fast_commit_blocks;
    Be32 padding2[41];
    Be32 checksum;
    std::uint8_t user_ids[768];
};
static_assert(sizeof(Superblock) == 1024);

namespace tag_flag {
inline constexpr std::uint32_t escaped = 1, same_uuid = 2, deleted = 4, last = 8;
}
struct Tag3 {  // csum_v3
    Be32 block, flags, block_high, checksum;
};
struct Tag {  // block_high only with bits64
    Be32 block;
    Be16 checksum, flags;
    Be32 block_high;
};

struct Commit {
    Header header;
    std::uint8_t checksum_type, checksum_bytes, padding[2];
    Be32 checksum[8];
    Be64 seconds;
    Be32 nanoseconds;
};

struct Revoke {  // block numbers follow, of 8 bytes with bits64, else of 4
    Header header;
    Be32 bytes;  // with this header
};

}  // namespace ant::file_server::jbd2
