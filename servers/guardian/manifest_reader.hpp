// Finds a program's manifest: an ELF note in its image.
#pragma once

#include <ant/abi/manifest.hpp>
#include <ant/abi/result.hpp>

#include <cstddef>
#include <span>

namespace ant::guardian_server {

// bad_image: not an ELF image of this system, or it has no manifest that this guardian understands.
Result<abi::Manifest> read_manifest(std::span<const std::byte> image);

}  // namespace ant::guardian_server
