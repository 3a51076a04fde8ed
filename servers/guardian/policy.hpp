// When a slot that has failed gets its next process, and when it is given up. Pure: the core's clock comes in as a number.
#pragma once

#include "state.hpp"

namespace ant::guardian_server::policy {

inline constexpr std::uint64_t millisecond = 1'000'000;  // ns
// A process that failed sooner, and after fewer calls, has not worked at all.
inline constexpr std::uint64_t good_life_ns = 50 * millisecond;
inline constexpr std::uint64_t good_calls = 16;
// That many such failures in a row are repaired at once, then there is a pause that doubles.
inline constexpr std::uint32_t free_failures = 5;
inline constexpr std::uint64_t first_pause_ns = 10 * millisecond, longest_pause_ns = 1000 * millisecond;
// So many, and the state is blamed, however sound its records look: a process that works wrongly can write nonsense. The
// next one starts without it; nothing is risked that giving up would not lose as well.
inline constexpr std::uint32_t distrustful_failures = 25;
// So many, and the slot is given up.
inline constexpr std::uint32_t most_failures = 30;
inline constexpr std::uint32_t default_probation_us = 2'000'000;

// How a process of the slot ended.
struct Failure {
    std::uint64_t time_ns;
    std::uint64_t unnoticed_ns;  // of a hang: it had failed that much earlier, at most
    std::uint64_t served;        // calls of the slot so far
    bool on_purpose;             // killed by somebody, or damaged by a test
};
void failed(SlotRecord& slot, const Failure& failure);
// The process that was to be its next one did not get that far.
void not_started(SlotRecord& slot, std::uint64_t time_ns);

inline bool hopeless(const SlotRecord& slot) { return slot.streak >= most_failures; }
inline bool distrusts_state(const SlotRecord& slot) { return slot.streak >= distrustful_failures; }
inline bool on_probation(const SlotRecord& slot, std::uint64_t time_ns) {
    return slot.previous != 0 && time_ns < slot.probation_until_ns;
}

}  // namespace ant::guardian_server::policy
