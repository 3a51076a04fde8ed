// A new server on probation writes the state format of the one before it, so that that one could take over again.
#pragma once

#include "objects.hpp"

namespace ant::core {

inline constexpr u64 own_format = ~u64{0};

// The slot changes hands; 0 = no probation. -> the state format that its new process has to write until event::settled, or
// own_format. A slot that is on probation still keeps what it has promised first.
u64 begin_probation(Slot& slot, u64 probation_us);

// From the timer. -> when the next one ends, ~0: none
u64 expire_probations(u64 time);

}  // namespace ant::core
