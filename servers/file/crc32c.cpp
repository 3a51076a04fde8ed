#include "crc32c.hpp"

#include <array>

namespace ant::file_server {

namespace {

constexpr std::uint32_t polynomial = 0x82f6'3b78;
constexpr unsigned slices = 8;

// tables[n][b]: what byte b does to the sum when n zero bytes follow it, so that eight bytes need no chain of eight steps.
constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, slices> t{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? polynomial : 0);
        t[0][byte] = sum;
    }
    for (unsigned slice = 1; slice < slices; ++slice)
        for (unsigned byte = 0; byte < 256; ++byte) t[slice][byte] = t[slice - 1][byte] >> 8 ^ t[0][t[slice - 1][byte] & 0xff];
    return t;
}();

// by_top[b]: the only entry whose highest byte is b.
constexpr auto by_top = [] {
    std::array<std::uint8_t, 256> t{};
    for (unsigned byte = 0; byte < 256; ++byte) t[tables[0][byte] >> 24] = static_cast<std::uint8_t>(byte);
    return t;
}();

// CPUs with SSE 4.2 have an instruction for it, which works on general registers (Intel SDM 2, CRC32).
bool has_instruction() {
    constexpr unsigned sse4_2 = 1 << 20;
    unsigned a = 1, b, c = 0, d;
    asm("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c & sse4_2) != 0;
}
const bool by_instruction = has_instruction();

std::uint32_t crc32c_by_instruction(std::uint64_t sum, const unsigned char* p, std::size_t count) {
    for (; count >= sizeof(std::uint64_t); count -= sizeof(std::uint64_t), p += sizeof(std::uint64_t)) {
        std::uint64_t word;
        __builtin_memcpy(&word, p, sizeof word);
        asm("crc32q %1, %0" : "+r"(sum) : "r"(word));
    }
    for (; count != 0; --count, ++p) asm("crc32b %1, %k0" : "+r"(sum) : "r"(*p));
    return static_cast<std::uint32_t>(sum);
}

}  // namespace

std::uint32_t crc32c(std::uint32_t sum, const void* bytes, std::size_t count) {
    const auto* p = static_cast<const unsigned char*>(bytes);
    if (by_instruction) return crc32c_by_instruction(sum, p, count);
    for (; count >= slices; count -= slices, p += slices) {
        std::uint64_t word;
        __builtin_memcpy(&word, p, sizeof word);
        word ^= sum;
        sum = 0;
        for (unsigned i = 0; i < slices; ++i) sum ^= tables[slices - 1 - i][word >> 8 * i & 0xff];
    }
    for (; count != 0; --count) sum = sum >> 8 ^ tables[0][(sum ^ *p++) & 0xff];
    return sum;
}

std::uint32_t crc32c_before(std::uint32_t sum, const void* bytes, std::size_t count) {
    const auto* p = static_cast<const unsigned char*>(bytes);
    while (count-- != 0) {
        const std::uint32_t used = by_top[sum >> 24];
        sum = (sum ^ tables[0][used]) << 8 | (used ^ p[count]);
    }
    return sum;
}

}  // namespace ant::file_server

// libext2fs asks for it by this name; its own wants tables that are generated at build time.
extern "C" std::uint32_t ext2fs_crc32c_le(std::uint32_t sum, const unsigned char* bytes, std::size_t count) {
    return ant::file_server::crc32c(sum, bytes, count);
}
