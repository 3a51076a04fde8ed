// x87/SSE state, loaded when a process first uses it after another one did.
#pragma once

#include "../../core/objects.hpp"

namespace ant::arch {

// On the device-not-available exception. False: the process has no FPU, or there is no memory for its state.
bool load_fpu(core::Process& process);

}  // namespace ant::arch
