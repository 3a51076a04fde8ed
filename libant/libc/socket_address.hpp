// sockaddr_in to inet::Address and back.
#pragma once

#include <ant/interface/inet.hpp>

#include <cstdint>

#include "foreign.hpp"

namespace ant::foreign {

// -> 0 or minus errno
Answer read_address(const void* address, std::size_t bytes, inet::Address& result);
// Writes what fits and the whole length, as Linux does. No effect if `address` is nullptr.
void write_address(inet::Address source, void* address, std::uint32_t* bytes);

}  // namespace ant::foreign
