// The model of P-time, figure 6: application processes call a server, which calls a driver that waits for its device.
#pragma once

#include <ant/function.hpp>
#include <ant/process.hpp>

#include <charconv>
#include <cstdint>
#include <string_view>

namespace ant::bench::model {

inline constexpr std::uint64_t think_us = 10'000;                      // of an application process between two requests
inline constexpr std::uint64_t driver_us = 5'000, device_us = 15'000;  // of the driver: computation, then waiting
inline constexpr unsigned requests = 100;                              // of each application process

struct Responses {
    std::uint64_t ns[requests];
};
inline constexpr Function<Nothing> work{"work", 1};          // of the server
inline constexpr Function<Nothing> transfer{"transfer", 1};  // of the driver
// Of an application process: all of its requests; and nothing but computing, how long it took.
inline constexpr Function<Nothing, Responses> run{"run", 1};
struct Number {
    std::uint64_t value;
};
inline constexpr Function<Number, Number> burn{"burn", 2};  // increments -> ns

// Increments a place in memory, as the paper has it: three instructions each time.
inline void compute(std::uint64_t increments) {
    std::uint64_t place = 0;
    if (increments == 0) return;
    asm volatile("1: incq %0\n dec %1\n jnz 1b" : "+m"(place), "+r"(increments) : : "cc");
}

inline std::uint64_t number_argument(unsigned index) {
    const std::string_view text = argument(index);
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace ant::bench::model
