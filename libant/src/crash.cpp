#include "crash.hpp"

#include <ant/interface/guardian.hpp>

namespace ant {

namespace {

constexpr std::uint32_t crash_exit_status = 7;

// Each of these is one instruction that the CPU refuses. In assembly: a compiler may assume that undefined
// behaviour does not happen.
void write_to(std::uint64_t address) { asm volatile("movl $0, (%0)" : : "r"(address) : "memory"); }
void jump_to(std::uint64_t address) { asm volatile("jmp *%0" : : "r"(address)); }
void divide_by_zero() { asm volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx", "cc"); }
void overflow_stack() { asm volatile("1: pushq %rax; jmp 1b"); }

constexpr std::uint64_t wild_text = 0xdead'0000;
constexpr std::uint64_t wild_data = abi::ica_base + abi::ica_window_bytes - abi::page_size;

}  // namespace

Outcome crash_as_asked(Call call) {
    switch (static_cast<guardian::Fault>(call.params<guardian::Crash>().fault)) {
        case guardian::Fault::null:
            write_to(0);
            break;
        case guardian::Fault::text:
            jump_to(wild_text);
            break;
        case guardian::Fault::div0:
            divide_by_zero();
            break;
        case guardian::Fault::stack:
            overflow_stack();
            break;
        case guardian::Fault::wild:
            write_to(wild_data);
            break;
        case guardian::Fault::panic:
            panic("crash asked for by slot %u", call.requester());
        case guardian::Fault::exit:
            exit(crash_exit_status);
        case guardian::Fault::hang:
            for (;;) asm volatile("pause");
    }
    return Error::invalid_argument;
}

}  // namespace ant
