// Causes of failures in words.
#pragma once

#include <cstdint>

namespace ant::shell {

// Of a FaultRecord's vector.
const char* cause_name(std::uint32_t vector);

}  // namespace ant::shell
