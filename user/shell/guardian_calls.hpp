// The guardian's functions, as the commands use them.
#pragma once

#include "parse.hpp"

#include <ant/client.hpp>
#include <ant/interface/guardian.hpp>

#include <string_view>

namespace ant::shell {

extern Client guardian_client;

// false: too long for a name.
bool copy_name(char (&to)[abi::name_bytes], std::string_view name);
// "" in `as` leaves the choice to the guardian. The program's arguments are words[first..].
Result<guardian::Start> start_request(std::string_view program, std::string_view as, const Arguments& words, unsigned first);
Result<guardian::Name> named(std::string_view name, std::uint32_t status = 0);

}  // namespace ant::shell
