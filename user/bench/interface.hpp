// Functions of the servers that the bench calls.
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::bench {

struct Parameters64 {
    std::uint64_t word[8];
};
static_assert(sizeof(Parameters64) == 64);

enum class Op : std::uint16_t { null = 1, params64, move, sequential, direct };
inline constexpr Function<Nothing> null{"null", static_cast<std::uint16_t>(Op::null)};
inline constexpr Function<Parameters64, Parameters64> params64{"params64", static_cast<std::uint16_t>(Op::params64)};
// One data ICA, moved there and back.
inline constexpr Function<Nothing> move{"move", static_cast<std::uint16_t>(Op::move), abi::function_attribute::takes_data};
// Relays pass these on to the next; the last server answers.
inline constexpr Function<Nothing> sequential{"sequential", static_cast<std::uint16_t>(Op::sequential)};
inline constexpr Function<Nothing> direct{"direct", static_cast<std::uint16_t>(Op::direct)};

}  // namespace ant::bench
