// The system calls: from registers to the core. entry.S calls through the table.
#pragma once

#include "../core/objects.hpp"

namespace ant::core {

using Handler = Process* (*)(u64, u64, u64, u64, u64);
inline constexpr unsigned syscall_count =
    static_cast<unsigned>(abi::Syscall::count_) - static_cast<unsigned>(abi::Syscall::first);

}  // namespace ant::core
