// How replacements are shown: the line that ends `replace`, and `history`.
#pragma once

#include <ant/abi/syscall.hpp>

namespace ant::shell {

// replaced=NAME ... or error=CODE why="...". -> the command's status
int print_replacement(const abi::ReplaceResult& result);

}  // namespace ant::shell
