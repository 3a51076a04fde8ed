// Fixed priorities with preemption, round robin among equals; deadlines of waiting processes.
//
// Handlers return the process to leave into. The running process is in no ready list.
#pragma once

#include "objects.hpp"

namespace ant::core {

inline constexpr u64 quantum_us = 10'000;

struct Scheduler {
    List<Process, &Process::ready> ready[abi::priorities];
    u32 mask = 0;  // bit p: ready[p] is not empty

    [[nodiscard]] bool nothing_above(const Process& process) const { return (mask & process.more_important) == 0; }
};
extern Scheduler scheduler;

// Makes a blocked process ready. The caller has set up its context.
void make_ready(Process& process);
void make_ready_first(Process& process);  // preempted: it keeps its turn
void remove_ready(Process& process);

// The next process to run; idles (zeroing pages ahead) until there is one. The running one must be blocked or queued.
Process* schedule();

// After events: goes on with the running process unless somebody more important is ready.
Process* resume(Process& running);

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

// Timer interrupt: ends waits and time-outs. True when the running process has had its turn and an equal waits.
[[nodiscard]] bool timer_expired();

// From the running process, which has blocked and lost pages, to another.
inline Process* switch_from(Process& blocked, Process& next, u64 time) {
    auto& cpu = arch::cpu();
    blocked.cpu_ticks += time - cpu.switched_at;
    cpu.switched_at = time;
    if ((next.special | cpu.special_loaded) != 0) [[unlikely]]
        machine::switch_special(&blocked, next);
    cpu.current = &next;
    ++cpu.counters.cr3_writes;
    machine::load_root(next.cr3);
    cpu.loaded = &next;
    next.state = Process::State::running;
    return &next;
}

// Makes `next` the running process: accounting, address space.
inline Process* switch_to(Process& next) {
    auto& cpu = arch::cpu();
    if (cpu.current != &next) {
        const u64 time = machine::now();
        (cpu.current != nullptr ? cpu.current->cpu_ticks : cpu.idle_ticks) += time - cpu.switched_at;
        cpu.switched_at = time;
        if ((next.special | cpu.special_loaded) != 0) [[unlikely]]
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
