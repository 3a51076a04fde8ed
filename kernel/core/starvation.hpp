// Fixed priorities let two servers that talk to each other without end keep everybody below from the CPU. Who has been
// ready for a whole period without running gets a little of it all the same (docs/scheduling.md).
#pragma once

#include "scheduler.hpp"

namespace ant::core {

inline constexpr u64 starvation_period_us = 100'000, relief_us = 5'000;

// Somebody waits for the CPU: from now on it is looked who does not get it.
inline void watch_waiting() {
    if (scheduler.starvation_due != ~u64{0}) [[likely]]
        return;
    scheduler.starvation_due = deadline_after(starvation_period_us);
    arm(scheduler.starvation_due);
}

// It has to wait until a slot has changed hands: nobody serves it until then.
void end_relief();

// From the timer. -> when it is to be called again, ~0: not until somebody waits
u64 relieve_starving(u64 time);

}  // namespace ant::core
