// The end of the core: reason, registers, symbolised stack, stop.
#pragma once

#include "symbols.hpp"  // IWYU pragma: export

#include <cstdint>

namespace ant::arch {

// What isa-debug-exit gets (QEMU's exit status is then 2 * 127 + 1 = 255).
inline constexpr unsigned debug_exit_panic = 127;

struct ExceptionState {
    std::uint64_t vector, error_code;
    std::uint64_t rip, cs, rflags;
    std::uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
};

[[noreturn, gnu::format(printf, 1, 2)]] void panic(const char* format, ...);
[[noreturn]] void panic_exception(const ExceptionState& state);

// "page fault", "general protection fault"...
const char* exception_name(std::uint64_t vector);

}  // namespace ant::arch
