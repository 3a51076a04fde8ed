// The audit: does every page have exactly one owner, and does every leaf entry of the ICA window agree with it?
#pragma once

#include "types.hpp"

namespace ant::core {

// Number of disagreements; the first few are logged. Takes milliseconds: for tests and `ica`.
u32 audit();

}  // namespace ant::core
