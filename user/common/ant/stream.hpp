// The reproducible stream that the web server sends and `sum` checks.
//
// It is the output of SplitMix64, 8-byte words in little-endian order: with word i (from 0) of seed S
//     z = S + (i + 1) * 0x9e3779b97f4a7c15
//     z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9
//     z = (z ^ z >> 27) * 0x94d049bb133111eb
//     word = z ^ z >> 31          (all modulo 2^64)
// A word depends on its index only, so that a stream can be entered at any byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ant {

class Stream {
public:
    explicit constexpr Stream(std::uint64_t seed, std::uint64_t offset = 0) : seed_{seed}, offset_{offset} {}

    static constexpr std::uint64_t word(std::uint64_t seed, std::uint64_t index) { return mixed(seed + (index + 1) * increment); }

    [[nodiscard]] std::uint64_t offset() const { return offset_; }
    // The next out.size() bytes.
    void fill(std::span<std::byte> out);

private:
    static constexpr std::uint64_t increment = 0x9e37'79b9'7f4a'7c15;
    static constexpr std::uint64_t mixed(std::uint64_t z) {
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
        return z ^ z >> 31;
    }
    // Bytes [offset_, offset_ + n) of one word; n is what is left of the word or of `out`.
    std::size_t fill_partial_word(std::span<std::byte> out);

    std::uint64_t seed_;
    std::uint64_t offset_;
};

}  // namespace ant
