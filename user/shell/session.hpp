// What a shell knows that the one in its place goes on with: it lies in the state ICA from the start.
#pragma once

#include "history.hpp"

#include <ant/abi/result.hpp>

#include <cstdint>

namespace ant::shell {

inline constexpr std::uint32_t session_format = 1;

struct Session {
    std::uint64_t prompt_ns;    // when the first prompt was shown, since the core was entered; 0: not yet
    std::uint64_t replacement;  // control ICA of the call to the guardian that is to replace this shell; 0: none
    std::int32_t status;        // of the last command
    std::uint32_t reserved;
    History history;
};

extern Session* session;

// Registers the shell at the inner core. After a planned replacement the session is that of the shell before; after a failure
// it begins anew, as what the shell wrote last may have been half done.
Result<> begin_session();

// Waits until the guardian has answered the call `replacement`; hands the slot over if it is this shell's turn, and then the next
// shell waits for the answer. Prints the results. -> exit status
int finish_replacement();

}  // namespace ant::shell
