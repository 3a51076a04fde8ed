// What a file is, in words for people.
#pragma once

#include <ant/interface/file.hpp>

#include <array>

namespace ant::shell {

file::Type type_of(std::uint32_t mode);
const char* type_name(file::Type type);
std::array<char, 11> mode_text(std::uint32_t mode);  // "-rw-r--r--"
std::array<char, 20> time_text(std::int64_t ns);     // "2027-03-04 05:06:07", UTC

}  // namespace ant::shell
