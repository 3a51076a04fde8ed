#pragma once

#include "cache.hpp"

namespace ant::cache_server {

Cache& the_cache();

}  // namespace ant::cache_server
