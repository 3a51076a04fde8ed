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

// GS base points here while the core runs. entry.S knows the first three offsets.
struct Cpu {
    core::Process* current = nullptr;  // 0: the process whose context a kernel entry saves to
    std::uint64_t stack_top = 0;       // 8: the one kernel stack of this CPU
    std::uint64_t scratch = 0;         // 16
    core::Process* loaded = nullptr;   // whose address space is in CR3
    std::uint64_t switched_at = 0;     // time stamp of the last switch, for accounting
    std::uint64_t idle_ticks = 0;
    std::uint64_t armed = ~std::uint64_t{0};        // deadline in the timer
    std::uint64_t quantum_end = ~std::uint64_t{0};  // when the running process must let an equal run
    core::Process* fpu_owner = nullptr;             // whose FPU state is in the registers
    bool special_loaded = false;                    // FPU, thread pointer or ports of some process are open
    Counters counters;
};
static_assert(offsetof(Cpu, current) == 0 && offsetof(Cpu, stack_top) == 8 && offsetof(Cpu, scratch) == 16);

extern Cpu boot_cpu;
inline Cpu& cpu() { return boot_cpu; }  // one CPU so far: only this accessor knows

}  // namespace ant::arch
