// Private memory that a server takes once and keeps: tables whose size is known only at start.
#pragma once

#include <ant/abi/result.hpp>

#include <cstddef>

namespace ant::memory {

// Zeroed, page aligned. There is no way back: what comes and goes belongs into an Ica.
Result<void*> map(std::size_t bytes);

}  // namespace ant::memory
