// Fixed priorities with preemption, round robin among equals; deadlines of waiting processes.
//
// Handlers return the process to leave into. The running process is in no ready list.
#pragma once

#include "objects.hpp"

namespace ant::core {

inline constexpr u64 quantum_us = 10'000;

struct Scheduler {
    List<Process, &Process::ready> ready[abi::priorities];
    alignas(8) u32 mask = 0;  // bit p: ready[p] is not empty
    // Bit 0: the FPU, thread pointer or I/O ports of some process are open. Bit 1, always set, meets processes that have such.
    static constexpr u32 special_open = 1;
    u32 special = 2;
    Process* relieved = nullptr;  // starved; has a high priority for a moment (starvation.hpp)
    u64 relief_end = ~u64{0}, starvation_due = ~u64{0};

    [[nodiscard]] bool nothing_above(const Process& process) const { return (mask & process.more_important) == 0; }
    // And nothing but the address space is to be switched.
    [[nodiscard]] bool nothing_against(const Process& process) const {
        u64 here, opposed;
        __builtin_memcpy(&here, &mask, sizeof here);
        __builtin_memcpy(&opposed, &process.more_important, sizeof opposed);
        return (here & opposed) == 0;
    }
    [[nodiscard]] bool switches_special(const Process& next) const { return (special & next.opposed_special) != 0; }
};
static_assert(offsetof(Scheduler, special) == offsetof(Scheduler, mask) + 4 &&
              offsetof(Process, opposed_special) == offsetof(Process, more_important) + 4);
extern Scheduler scheduler;

// Makes a blocked process ready. The caller has set up its context.
void make_ready(Process& process);
void make_ready_first(Process& process);  // preempted: it keeps its turn
void remove_ready(Process& process);

// The next process to run; idles (zeroing pages ahead) until there is one. The running one must be blocked or queued.
Process* schedule();

// After events: goes on with the running process unless somebody more important is ready.
Process* resume(Process& running);
// The same when it has just made another one able to run: goes straight to that if it is more important.
Process* resume_beside(Process& running, Process& woken);

// Arms the timer if this comes first.
inline void arm(u64 deadline) {
    auto& cpu = arch::cpu();
    if (deadline < cpu.armed) [[unlikely]] {
        cpu.armed = deadline;
        machine::arm_timer(deadline);
    }
}
inline u64 deadline_after(u64 microseconds, u64 time = machine::now()) {
    constexpr u64 longest = u64{1} << 42;  // about 50 days
    if (microseconds > longest) [[unlikely]]
        microseconds = longest;
    return time + microseconds * machine::ticks_per_us();
}

// Of a process that blocks now. 0: no time limit.
inline void set_deadline(Process& process, u64 timeout_us, u64 time) {
    process.deadline = 0;
    if (timeout_us == 0) return;
    process.deadline = deadline_after(timeout_us, time);
    arm(process.deadline);
}

// Timer interrupt: ends waits and time-outs. True when the running process has had its turn and an equal waits.
[[nodiscard]] bool timer_expired();

// The time of a process (Process::cpu_ticks) is kept without that of its present turn's beginning.
inline u64 cpu_ticks_of(const Process& process, u64 time) {
    return process.cpu_ticks + (arch::cpu().current == &process ? time : 0);
}
// The running process is gone, and nobody runs.
inline void run_nobody(u64 time = machine::now()) {
    auto& cpu = arch::cpu();
    cpu.current->cpu_ticks += time;
    cpu.idle_ticks -= time;
    cpu.current = nullptr;
}

// The part of a switch that every one has.
[[gnu::always_inline]] inline void leave_for(Process& blocked, Process& next, u64 time) {
    auto& cpu = arch::cpu();
    blocked.cpu_ticks += time;
    next.cpu_ticks -= time;
    cpu.current = &next;
}

// From the running process, which has blocked and lost pages, to another.
inline Process* switch_from(Process& blocked, Process& next, u64 time) {
    auto& cpu = arch::cpu();
    if (scheduler.switches_special(next)) [[unlikely]]
        machine::switch_special(&blocked, next);
    leave_for(blocked, next, time);
    ++cpu.counters.cr3_writes;
    machine::load_root(next.cr3);
    cpu.loaded = &next;
    next.state = Process::State::running;
    return &next;
}

// Makes `next` the running process: accounting, address space.
inline Process* switch_to(Process& next, u64 time) {
    auto& cpu = arch::cpu();
    if (cpu.current != &next) {
        (cpu.current != nullptr ? cpu.current->cpu_ticks : cpu.idle_ticks) += time;
        next.cpu_ticks -= time;
        if (scheduler.switches_special(next)) [[unlikely]]
            machine::switch_special(cpu.current, next);
        cpu.current = &next;
    }
    if (cpu.loaded != &next) {
        ++cpu.counters.cr3_writes;
        machine::load_root(next.cr3);
        cpu.loaded = &next;
    }
    next.state = Process::State::running;
    return &next;
}
inline Process* switch_to(Process& next) { return switch_to(next, arch::cpu().current == &next ? 0 : machine::now()); }

// From a process that has just blocked to one that has just become ready: no run-queue work unless somebody
// more important is ready.
inline Process* hand_to(Process& next) {
    if (scheduler.nothing_above(next)) [[likely]]
        return switch_to(next);
    make_ready(next);
    return schedule();
}
inline Process* hand_from(Process& blocked, Process& next, u64 time) {
    if (scheduler.nothing_above(next)) [[likely]]
        return switch_from(blocked, next, time);
    make_ready(next);
    arch::cpu().loaded = nullptr;
    return schedule();
}

// System call results.
inline Process* finish(Process& process, Error error = Error::none, u64 rdx = 0, u64 rsi = 0) {
    process.context.rax = static_cast<u64>(error);
    process.context.rdx = rdx;
    process.context.rsi = rsi;
    process.context.rdi = process.context.r8 = process.context.r9 = 0;
    return &process;
}

// Long work goes in steps: the process executes its SYSCALL once more, so that interrupts and others get in between.
inline void repeat(Process& process, abi::Syscall number, u64 rdi, u64 rsi = 0, u64 rdx = 0) {
    constexpr u64 syscall_bytes = 2;
    process.context.rip -= syscall_bytes;
    finish(process, Error::none, rdx, rsi);
    process.context.rax = static_cast<u64>(number);
    process.context.rdi = rdi;
}

}  // namespace ant::core
