// The boot archive: an ustar file that GRUB loads as a module. The core looks for one member; the guardian reads the rest.
#pragma once

#include <cstddef>
#include <span>

namespace ant::core {

// Contents of the member of that name; empty if there is none, or the archive is damaged before it.
std::span<const std::byte> find_in_archive(std::span<const std::byte> archive, const char* name);

}  // namespace ant::core
