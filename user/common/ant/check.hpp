// What the clients that check servers have in common.
#pragma once

#include <ant/process.hpp>

#include <charconv>
#include <cstdint>
#include <string_view>

namespace ant::check {

// An argument, or what it is if it is missing or no number.
inline std::uint64_t number(unsigned index, std::uint64_t otherwise) {
    const std::string_view text{argument(index)};
    std::uint64_t value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// A reproducible pattern: each word by itself.
inline std::uint64_t pattern(std::uint64_t seed, std::uint64_t word) {
    std::uint64_t x = seed * 0x9e37'79b9'7f4a'7c15 + word;
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    return x ^ x >> 27;
}

}  // namespace ant::check
