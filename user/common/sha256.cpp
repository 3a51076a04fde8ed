#include "ant/sha256.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace ant {
namespace {

// FIPS 180-4, 4.2.2: the first 32 bits of the fractions of the cube roots of the first 64 primes.
constexpr std::uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

constexpr std::uint32_t big_sigma0(std::uint32_t x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
constexpr std::uint32_t big_sigma1(std::uint32_t x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
constexpr std::uint32_t small_sigma0(std::uint32_t x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3; }
constexpr std::uint32_t small_sigma1(std::uint32_t x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10; }

// Round `I` of 16. Instead of shifting the working variables a..h along, their roles rotate.
template <unsigned I>
[[gnu::always_inline]] inline void round(std::uint32_t (&v)[8], std::uint32_t (&w)[16], const std::uint32_t* k, bool extend) {
    if (extend) w[I] += small_sigma1(w[(I + 14) % 16]) + w[(I + 9) % 16] + small_sigma0(w[(I + 1) % 16]);
    const std::uint32_t a = v[(8 - I % 8) % 8], b = v[(9 - I % 8) % 8], c = v[(10 - I % 8) % 8];
    const std::uint32_t e = v[(12 - I % 8) % 8], f = v[(13 - I % 8) % 8], g = v[(14 - I % 8) % 8];
    std::uint32_t& d = v[(11 - I % 8) % 8];
    std::uint32_t& h = v[(15 - I % 8) % 8];
    const std::uint32_t t = h + big_sigma1(e) + (g ^ (e & (f ^ g))) + k[I] + w[I];
    d += t;
    h = t + big_sigma0(a) + ((a & b) | (c & (a | b)));
}

template <unsigned... I>
[[gnu::always_inline]] inline void rounds(std::uint32_t (&v)[8], std::uint32_t (&w)[16], const std::uint32_t* k, bool extend,
                                          std::integer_sequence<unsigned, I...>) {
    (round<I>(v, w, k, extend), ...);
}

std::uint32_t big_endian(const std::byte* from) {
    std::uint32_t word;
    __builtin_memcpy(&word, from, 4);
    return __builtin_bswap32(word);
}

}  // namespace

void Sha256::compress(const std::byte* block) {
    constexpr auto sixteen = std::make_integer_sequence<unsigned, 16>{};
    std::uint32_t w[16];
    for (unsigned i = 0; i < 16; ++i) w[i] = big_endian(block + 4 * i);
    std::uint32_t v[8];
    for (unsigned i = 0; i < 8; ++i) v[i] = hash_[i];
    rounds(v, w, constants, false, sixteen);
    for (unsigned i = 16; i < 64; i += 16) rounds(v, w, constants + i, true, sixteen);
    for (unsigned i = 0; i < 8; ++i) hash_[i] += v[i];
}

void Sha256::update(std::span<const std::byte> data) {
    const std::size_t filled = bytes_ % block_bytes;
    bytes_ += data.size();
    if (filled != 0) {
        const std::size_t n = std::min(data.size(), block_bytes - filled);
        std::copy_n(data.data(), n, pending_.data() + filled);
        if (filled + n < block_bytes) return;
        compress(pending_.data());
        data = data.subspan(n);
    }
    for (; data.size() >= block_bytes; data = data.subspan(block_bytes)) compress(data.data());
    std::copy_n(data.data(), data.size(), pending_.data());
}

Sha256::Digest Sha256::finish() {
    const std::uint64_t bits = bytes_ * 8;
    // A one bit, zeroes up to 8 bytes before the end of a block, the length in bits.
    std::array<std::byte, block_bytes + 8> padding{std::byte{0x80}};
    const std::size_t zeroes = (2 * block_bytes - 8 - 1 - bytes_ % block_bytes) % block_bytes;
    for (unsigned i = 0; i < 8; ++i) padding[1 + zeroes + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
    update(std::span{padding}.first(1 + zeroes + 8));
    Digest digest;
    for (unsigned i = 0; i < digest_bytes; ++i) digest[i] = static_cast<std::uint8_t>(hash_[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

HexDigest to_hex(const Sha256::Digest& digest) {
    constexpr char digits[] = "0123456789abcdef";
    HexDigest text{};
    for (unsigned i = 0; i < digest.size(); ++i) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return text;
}

}  // namespace ant
