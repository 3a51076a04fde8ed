// The one interface through which kernel/core sees the hardware. The host tests compile the core against a
// model with the same names (tests/host/model/machine.hpp).
#pragma once

#include "context.hpp"
#include "cpu.hpp"
#include "paging.hpp"

#include "../../core/types.hpp"

namespace ant::machine {

using core::Pfn;
using core::u32;
using core::u64;

// Time in ticks of the time stamp counter.
inline u64 now() {
    u64 low, high;  // the upper halves of both registers become 0
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | high << 32;
}
extern u64 tick_rate;  // ticks in a microsecond
inline u64 ticks_per_us() { return tick_rate; }
u64 ticks_to_ns(u64 ticks);

// Asks for a timer interrupt at that time, or earlier. Replaces the one asked for before.
void arm_timer(u64 deadline);

// A physical page through the core's direct map.
inline void* page(Pfn pfn) { return reinterpret_cast<void*>(arch::direct_base + core::physical_of(pfn)); }
void zero_page(Pfn pfn);

using Space = arch::Space;    // the private half of an address space
using Window = arch::Window;  // a slot's page tables of the ICA window

// For the audit.
enum class Leaf { none, read_only, read_write, foreign };
// What the window maps there; `frame` is the page that it should be.
Leaf leaf_of(const Window& window, Pfn pfn, Pfn frame);
void log_audit(const char* what, Pfn pfn);
// Memory that nobody writes to has changed.
void log_damage(const char* program);
void log_damage(core::Pfn free_page);

// Interrupt lines.
void mask_interrupt(core::u8 irq);
void unmask_interrupt(core::u8 irq);

// The CPU must not use old translations of this page in the running process.
inline void invalidate(u64 address) {
    ++arch::cpu().counters.invalidations;
    asm volatile("invlpg (%0)" ::"r"(address) : "memory");
}

// A debug exception right before the instruction at this address is executed, by whatever process. 0: never mind.
inline void break_at(u64 address) {
    constexpr u64 always_one = 1 << 10, local_0 = 1;  // of DR7; Intel SDM volume 3, 18.2.4: execution, any length field 0
    asm volatile("mov %0, %%dr0" ::"r"(address));
    asm volatile("mov %0, %%dr7" ::"r"(always_one | (address != 0 ? local_0 : 0)));
}

// PCI bus mastering off: the device stops touching memory. It does not interrupt either, until its next driver is there.
void quiesce_device(u32 device);
void allow_device_interrupt(u32 device);

// What a system call answers, in the registers of the caller.
struct Answer {
    u64 rax = 0, rdx = 0, rsi = 0, rdi = 0, r8 = 0, r9 = 0;
};
// Leaves the core, into a process that made a system call. As leave_kernel in entry.S, which takes the answer from memory.
[[noreturn, gnu::always_inline]] inline void leave(const arch::UserContext& context, const Answer& answer) {
    register u64 r8 asm("r8") = answer.r8;
    register u64 r9 asm("r9") = answer.r9;
    asm volatile(
        "mov (%%rbx), %%rcx\n\t"
        "mov 8(%%rbx), %%r11\n\t"
        "mov 16(%%rbx), %%rsp\n\t"
        "mov 24(%%rbx), %%rbp\n\t"
        "xor %%ebx, %%ebx\n\t"
        "xor %%r10d, %%r10d\n\t"
        "xor %%r12d, %%r12d\n\t"
        "xor %%r13d, %%r13d\n\t"
        "xor %%r14d, %%r14d\n\t"
        "xor %%r15d, %%r15d\n\t"
        "sysretq"
        :
        : "b"(&context), "a"(answer.rax), "d"(answer.rdx), "S"(answer.rsi), "D"(answer.rdi), "r"(r8), "r"(r9)
        : "memory");
    __builtin_unreachable();
}

inline void load_root(u64 root) { asm volatile("mov %0, %%cr3" ::"r"(root) : "memory"); }
// If this address space is still loaded, leaves it for the core's own: the next switch loads another.
void leave_space(u64 root);

// With no process running: lets pending interrupts in; waits for one.
inline void open_interrupts() { asm volatile("sti; nop; cli" ::: "memory"); }
inline void wait_for_interrupt() { asm volatile("sti; hlt; cli" ::: "memory"); }

// Legacy interrupt line of a PCI device, or no_irq.
core::u8 device_interrupt(u32 device);
// Of a BAR of a PCI device; none if it is in memory, or not there.
abi::PortRange device_ports(u32 device, unsigned bar);

// Facts for ListKind::system, and the log for ListKind::log. -> bytes copied
void describe(abi::SystemRecord& record);
void echo_log(bool on);
u32 copy_log(void* to, std::size_t capacity, u64 from);
bool is_ram(u64 physical);

// RDRAND where the CPU has it, else the time stamp.
u64 hardware_random();

void load_thread_pointer(u64 address);

// FPU, thread pointer and I/O ports of a process that has them.
void switch_special(core::Process* from, core::Process& to);
void forget_special(core::Process& process);

}  // namespace ant::machine
