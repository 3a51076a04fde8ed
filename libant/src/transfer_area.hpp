// The area through which a process lends data that lies elsewhere in its memory to a server. One is enough:
// synchronous calls follow one another.
#pragma once

#include <ant/ica.hpp>

namespace ant::transfer {

inline constexpr std::size_t area_bytes = 64 * 1024;

// Reserved at first use.
Result<const Ica*> area();

}  // namespace ant::transfer
