// CRC-32C (Castagnoli), as ext4 and jbd2 use it: reflected, not inverted at the end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ant::file_server {

std::uint32_t crc32c(std::uint32_t sum, const void* bytes, std::size_t count);
// The other way: the sum before these bytes.
std::uint32_t crc32c_before(std::uint32_t sum, const void* bytes, std::size_t count);

}  // namespace ant::file_server
