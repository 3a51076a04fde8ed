// The Internet checksum (RFC 1071), and the keyed hash behind everything that must not be guessed.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ant::inet_server {

inline std::uint16_t fold(std::uint64_t sum) {
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff'ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// Adds `blocks` times 128 bytes. The carry goes from one addition into the next, also around the loop: one instruction for
// each word.
inline std::uint64_t add_blocks(std::uint64_t sum, const unsigned char*& p, std::size_t blocks) {
    asm("clc\n"
        "1:\n\t"
        "adcq (%1), %0\n\t"
        "adcq 8(%1), %0\n\t"
        "adcq 16(%1), %0\n\t"
        "adcq 24(%1), %0\n\t"
        "adcq 32(%1), %0\n\t"
        "adcq 40(%1), %0\n\t"
        "adcq 48(%1), %0\n\t"
        "adcq 56(%1), %0\n\t"
        "adcq 64(%1), %0\n\t"
        "adcq 72(%1), %0\n\t"
        "adcq 80(%1), %0\n\t"
        "adcq 88(%1), %0\n\t"
        "adcq 96(%1), %0\n\t"
        "adcq 104(%1), %0\n\t"
        "adcq 112(%1), %0\n\t"
        "adcq 120(%1), %0\n\t"
        "leaq 128(%1), %1\n\t"
        "decq %2\n\t"
        "jnz 1b\n\t"
        "adcq $0, %0"
        : "+r"(sum), "+r"(p), "+r"(blocks)
        :
        : "memory", "cc");
    return sum;
}

// Adds `words` times 8 bytes, not 0.
inline std::uint64_t add_words(std::uint64_t sum, const unsigned char*& p, std::size_t words) {
    asm("clc\n"
        "1:\n\t"
        "adcq (%1), %0\n\t"
        "leaq 8(%1), %1\n\t"
        "decq %2\n\t"
        "jnz 1b\n\t"
        "adcq $0, %0"
        : "+r"(sum), "+r"(p), "+r"(words)
        :
        : "memory", "cc");
    return sum;
}

// Sum of the 16-bit words in memory order, folded to 16 bits, not complemented. Eight bytes at a time: the
// one's complement sum does not care how wide the words are.
inline std::uint16_t internet_checksum(const void* data, std::size_t bytes) {
    constexpr std::size_t block = 128;
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint64_t sum = 0;
    const auto add = [&sum](std::uint64_t word) { sum += __builtin_add_overflow(sum, word, &sum) ? 1 : 0; };
    const auto add_next = [&](auto word) {
        __builtin_memcpy(&word, p, sizeof word);
        p += sizeof word;
        add(word);
    };
    if (bytes >= block) sum = add_blocks(sum, p, bytes / block);
    if (const std::size_t words = bytes % block / 8; words != 0) sum = add_words(sum, p, words);
    if ((bytes & 4) != 0) add_next(std::uint32_t{});
    if ((bytes & 2) != 0) add_next(std::uint16_t{});
    if ((bytes & 1) != 0) add(*p);
    return fold(sum);
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
