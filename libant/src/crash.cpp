#include "crash.hpp"

#include <ant/ica.hpp>
#include <ant/interface/guardian.hpp>

#include <cstring>

namespace ant {

namespace {

constexpr std::uint32_t crash_exit_status = 7;

// Each of these is one instruction that the CPU refuses. In assembly: a compiler may assume that undefined
// behaviour does not happen.
void write_to(std::uint64_t address) { asm volatile("movl $0, (%0)" : : "r"(address) : "memory"); }
void jump_to(std::uint64_t address) { asm volatile("jmp *%0" : : "r"(address)); }
void divide_by_zero() { asm volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx", "cc"); }
void overflow_stack() { asm volatile("1: pushq %rax; jmp 1b"); }

Outcome release_twice() {
    auto area = Ica::reserve(abi::page_size);
    if (!area) return area.error();
    Ica again = Ica::adopt(area->address(), area->pages());
    area->reset();
    again.reset();
    return Error::none;
}

// The page behind the area belongs to nobody or to somebody else: a fault; or to this server as well: its damage.
Outcome overrun_area() {
    const auto area = Ica::reserve(abi::page_size);
    if (!area) return area.error();
    std::memset(area->data(), 0xa5, area->size() + abi::page_size);
    return Error::none;
}

[[noreturn]] void reserve_for_ever() {
    for (;;) (void)sys::ica_reserve(1);
}

constexpr std::uint64_t wild_text = 0xdead'0000;
constexpr std::uint64_t wild_data = abi::ica_base + abi::ica_window_bytes - abi::page_size;

}  // namespace

Outcome crash_as_asked(Call call) {
    if (call.redelivered()) return Error::restarted;  // once is enough
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
            for (;;) asm volatile("");  // no `pause`: emulators leave their fast path for it
        case guardian::Fault::lost_reply:
            return Call::defer();
        case guardian::Fault::double_free:
            return release_twice();
        case guardian::Fault::overrun:
            return overrun_area();
        case guardian::Fault::runaway:
            reserve_for_ever();
        case guardian::Fault::bad_reply:
            Server::spoil_next_answer();
            return Error::none;
    }
    return Error::invalid_argument;
}

}  // namespace ant
