// Names of the core's functions, from the file `symbols` of the boot archive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ant::arch {

// The guardian can write to the file, too: a name may be nonsense, but nothing outside of it is read.
void set_symbols(std::span<const std::byte> file);

bool in_kernel_text(std::uint64_t address);

// The function that this address is in, and how far; empty if that is not known.
std::string_view symbol_at(std::uint64_t address, std::uint64_t& offset);

}  // namespace ant::arch
