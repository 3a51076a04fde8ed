// The page at "/".
#pragma once

#include "session.hpp"

namespace ant::web {

inline constexpr std::size_t max_page = 2560;
std::string_view write_page(const Site& site, std::array<char, max_page>& out);

}  // namespace ant::web
