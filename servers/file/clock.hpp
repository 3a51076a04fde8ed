#pragma once

#include <cstdint>

namespace ant::file_server {

inline constexpr std::int64_t ns_per_s = 1'000'000'000;

// Nanoseconds since 1970.
std::int64_t now_ns();

}  // namespace ant::file_server
