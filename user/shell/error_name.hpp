// The enumerator's name of an Error, as the console's messages carry it.
#pragma once

#include <ant/abi/error.hpp>

namespace ant::shell {

const char* error_name(Error error);

}  // namespace ant::shell
