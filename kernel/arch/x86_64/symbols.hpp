// Names of the kernel's functions, from the table that the second link puts into the image.
#pragma once

#include <cstdint>

namespace ant::arch {

bool in_kernel_text(std::uint64_t address);

// The function that this address is in, and how far; nullptr if it is not in kernel text.
const char* symbol_at(std::uint64_t address, std::uint64_t* offset);

}  // namespace ant::arch
