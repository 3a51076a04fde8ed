// Time stamp counter as clock, local APIC (or PIT) as one-shot alarm.
#pragma once

#include <cstdint>

namespace ant::arch::timer {

// Calibrates against PIT channel 2.
void init();

std::uint64_t tsc_khz();
bool uses_local_apic();

// One interrupt at or soon after that time stamp, replacing what was armed before. Far deadlines are clipped:
// then the interrupt comes early and the core arms again. Vector: interrupts::timer_vector, or
// interrupts::first_vector + 0 with the PIT.
void arm(std::uint64_t tsc_deadline);
void disarm();

// End of interrupt for the vector above.
void acknowledge();

// value * multiplier / 2^32, without overflow for anything below 2^63 results.
struct Scale {
    std::uint64_t multiplier;
    [[nodiscard]] std::uint64_t operator()(std::uint64_t value) const {
        return static_cast<std::uint64_t>(static_cast<unsigned __int128>(value) * multiplier >> 32);
    }
};
extern Scale tick_scale;        // ticks -> ns
extern Scale nanosecond_scale;  // ns -> ticks

inline std::uint64_t ticks_to_ns(std::uint64_t ticks) { return tick_scale(ticks); }
inline std::uint64_t ns_to_ticks(std::uint64_t ns) { return nanosecond_scale(ns); }

}  // namespace ant::arch::timer
