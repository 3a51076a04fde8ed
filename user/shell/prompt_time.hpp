#pragma once

#include <cstdint>

namespace ant::shell {

// When the first prompt was shown, in nanoseconds since the core was entered.
extern std::uint64_t prompt_ns;

}  // namespace ant::shell
