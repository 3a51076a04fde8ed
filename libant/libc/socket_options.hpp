// setsockopt and getsockopt.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

Answer call_setsockopt(const Arguments& arguments);
Answer call_getsockopt(const Arguments& arguments);

}  // namespace ant::foreign
