// The Internet checksum (RFC 1071), and the keyed hash behind everything that must not be guessed.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ant::inet_server {

// Sum of the 16-bit words in memory order, folded to 16 bits, not complemented. Eight bytes at a time: the
// one's complement sum does not care how wide the words are.
constexpr std::uint64_t add_with_carry(std::uint64_t sum, std::uint64_t word) {
    sum += word;
    return sum + (sum < word ? 1 : 0);
}

inline std::uint16_t fold(std::uint64_t sum) {
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

inline std::uint16_t internet_checksum(const void* data, std::size_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint64_t sum = 0;
    const auto load = [](const unsigned char* from) {
        std::uint64_t word;
        __builtin_memcpy(&word, from, sizeof word);
        return word;
    };
    for (; bytes >= 32; p += 32, bytes -= 32) {
        sum = add_with_carry(sum, load(p));
        sum = add_with_carry(sum, load(p + 8));
        sum = add_with_carry(sum, load(p + 16));
        sum = add_with_carry(sum, load(p + 24));
    }
    for (; bytes >= 8; p += 8, bytes -= 8) sum = add_with_carry(sum, load(p));
    std::uint64_t rest = 0;
    for (std::size_t i = 0; i < bytes; ++i) rest |= std::uint64_t{p[i]} << (8 * i);
    return fold(add_with_carry(sum, rest));
}

// SipHash-2-4 of two words (the message is always 16 bytes here).
struct HashKey {
    std::uint64_t k0, k1;
};

constexpr std::uint64_t keyed_hash(const HashKey& key, std::uint64_t first, std::uint64_t second) {
    std::uint64_t v0 = key.k0 ^ 0x736f6d6570736575, v1 = key.k1 ^ 0x646f72616e646f6d;
    std::uint64_t v2 = key.k0 ^ 0x6c7967656e657261, v3 = key.k1 ^ 0x7465646279746573;
    const auto round = [&] {
        v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
        v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
    };
    const auto word = [&](std::uint64_t m) {
        v3 ^= m;
        round();
        round();
        v0 ^= m;
    };
    word(first);
    word(second);
    word(std::uint64_t{16} << 56);
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace ant::inet_server
