// The kernel's own half of every address space.
#pragma once

#include "boot.hpp"

namespace ant::arch {

// Makes the final kernel page tables in free RAM, loads them and turns on the protections that the CPU has.
// Must run on the early tables. Fills in the kernel's and the tables' place in `info`.
void build_kernel_space(BootInfo& info);

}  // namespace ant::arch
