// Per-CPU data, behind one accessor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ant::core {
struct Process;
}

namespace ant::arch {

struct Counters {
    std::uint64_t cr3_writes = 0, invalidations = 0, msr_writes = 0, fpu_switches = 0;
    std::uint64_t interrupts = 0;
};

// entry.S knows the first three offsets, and that there is one.
struct Cpu {
    core::Process* current = nullptr;               // 0: the process whose context a kernel entry saves to
    std::uint64_t stack_top = 0;                    // 8: the one kernel stack of this CPU
    std::uint64_t scratch = 0;                      // 16
    core::Process* loaded = nullptr;                // whose address space is in CR3
    std::uint64_t idle_ticks = 0;                   // without the time stamp at which the present idling began
    std::uint64_t armed = ~std::uint64_t{0};        // deadline in the timer
    std::uint64_t quantum_end = ~std::uint64_t{0};  // when the running process must let an equal run
    core::Process* fpu_owner = nullptr;             // whose FPU state is in the registers
    Counters counters;
};
static_assert(offsetof(Cpu, current) == 0 && offsetof(Cpu, stack_top) == 8 && offsetof(Cpu, scratch) == 16);

extern Cpu boot_cpu;
inline Cpu& cpu() { return boot_cpu; }  // one CPU so far: this accessor and entry.S know

}  // namespace ant::arch
