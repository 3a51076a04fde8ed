// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ant {

class Sha256 {
public:
    static constexpr std::size_t digest_bytes = 32;
    static constexpr std::size_t block_bytes = 64;
    using Digest = std::array<std::uint8_t, digest_bytes>;

    void update(std::span<const std::byte> data);
    // Ends the message. The object must not be updated afterwards.
    [[nodiscard]] Digest finish();

private:
    void compress(const std::byte* block);

    std::array<std::uint32_t, 8> hash_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::byte, block_bytes> pending_{};
    std::uint64_t bytes_ = 0;
};

// 64 hexadecimal digits and a NUL.
using HexDigest = std::array<char, 2 * Sha256::digest_bytes + 1>;
HexDigest to_hex(const Sha256::Digest& digest);

}  // namespace ant
