// Reads the boot information of a multiboot2 loader.
#pragma once

#include "boot.hpp"

namespace ant::arch {

// The information must be mapped at `address`. False if this is no multiboot2 information.
bool read_multiboot(std::uint32_t magic, std::uint64_t address, BootInfo& info);

}  // namespace ant::arch
