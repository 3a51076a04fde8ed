// What the two kinds of start code (servers, C programs) need of libant's inside.
#pragma once

#include <ant/abi/syscall.hpp>

namespace ant {

// Must run before anything else of libant.
void set_startup(const abi::StartupInfo* startup_info);

}  // namespace ant
