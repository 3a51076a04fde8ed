// The few files that there are without a file system: devices, and texts that libraries look for.
#pragma once

#include "descriptors.hpp"

namespace ant::foreign {

// A file of the given name, not yet open for anything; its kind is `none` if there is none of that name.
OpenFile special_file(std::string_view path);

}  // namespace ant::foreign
