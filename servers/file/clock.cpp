#include "clock.hpp"

#include <ant/process.hpp>

namespace ant::file_server {

std::int64_t now_ns() { return static_cast<std::int64_t>(time_of_day_ns()); }

}  // namespace ant::file_server
