// Identity, end and limits of the process. One thread, no signals: what concerns these is accepted and has no effect.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

Answer call_exit(const Arguments& arguments);
Answer call_uname(const Arguments& arguments);
Answer call_arch_prctl(const Arguments& arguments);
Answer call_futex(const Arguments& arguments);
Answer call_prlimit(const Arguments& arguments);
Answer call_sigaction(const Arguments& arguments);
Answer call_sigprocmask(const Arguments& arguments);
Answer call_signal_to(long process, long signal);
Answer call_getaffinity(const Arguments& arguments);
Answer own_pid();
Answer own_user();  // its group has the same number

}  // namespace ant::foreign
