// The user context of a process, as entry.S saves it. entry.S knows the offsets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ant::arch {

// After a system call only rip, rflags, rsp, rbp and the result registers rax rdx rsi rdi r8 r9 count; the
// others are cleared on the way out. After an interrupt or exception (`full`) everything counts, until the
// process runs again: one that made a system call is never full.
struct UserContext {
    std::uint64_t rip, rflags, rsp, rbp;                   // 0, 8, 16, 24
    std::uint64_t rax, rdx, rsi, rdi, r8, r9;              // 32 40 48 56 64 72
    std::uint64_t rbx, rcx, r10, r11, r12, r13, r14, r15;  // 80 .. 136
    std::uint64_t full;                                    // 144
};
// In rflags: a debug exception after each instruction; none before the next one, whatever breakpoint is there.
inline constexpr std::uint64_t trap_flag = 1 << 8, resume_flag = 1 << 16;
static_assert(offsetof(UserContext, full) == 144 && sizeof(UserContext) == 152);

}  // namespace ant::arch
