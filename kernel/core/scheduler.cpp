#include "scheduler.hpp"

#include "controls.hpp"
#include "guardian.hpp"
#include "history.hpp"
#include "lifecycle.hpp"
#include "probation.hpp"
#include "replacement.hpp"
#include "starvation.hpp"
#include "watch.hpp"

#include <bit>
#include <span>

namespace ant::core {

constinit Scheduler scheduler;

namespace {

constexpr u64 never = ~u64{0};

// While anybody waits there is a time limit, whoever it waits for: processes hand the CPU to each other unseen.
void limit_turn(u64 time = machine::now()) {
    auto& cpu = arch::cpu();
    cpu.quantum_end = deadline_after(quantum_us, time);
    arm(cpu.quantum_end);
    watch_waiting();
}

void enqueue(Process& process, bool first) {
    process.state = process.state == Process::State::ending ? Process::State::ending : Process::State::ready;
    auto& list = scheduler.ready[process.priority];
    first ? list.push_front(process) : list.push_back(process);
    scheduler.mask |= 1u << process.priority;
    const auto& cpu = arch::cpu();
    if (cpu.current != nullptr && cpu.quantum_end == never) limit_turn();
}

Process* pick(u64 time) {
    if (scheduler.mask == 0) return nullptr;
    const unsigned priority = static_cast<unsigned>(std::bit_width(scheduler.mask)) - 1;
    auto& list = scheduler.ready[priority];
    Process* process = list.pop_front();
    if (list.empty()) scheduler.mask &= ~(1u << priority);
    if (scheduler.mask != 0)
        limit_turn(time);
    else
        arch::cpu().quantum_end = never;
    return process;
}

void idle() {
    if (arch::cpu().current != nullptr) run_nobody();
    if (pool.zero_ahead())
        machine::open_interrupts();
    else
        machine::wait_for_interrupt();
}

// The deadline of any other state is one that was met.
bool waits(const Process& process) {
    return process.state == Process::State::waiting || process.state == Process::State::receiving ||
           process.state == Process::State::calling;
}

void expire(Process& process) {
    process.deadline = 0;
    switch (process.state) {
        case Process::State::waiting:
            finish(process);
            make_ready(process);
            break;
        case Process::State::receiving:
            finish(process, Error::timed_out);
            ++process.slot->turns;
            make_ready(process);
            break;
        case Process::State::calling:
            call_timed_out(process);
            break;
        case Process::State::registering:
        case Process::State::handing_over:
        case Process::State::free:
        case Process::State::loading:
        case Process::State::ready:
        case Process::State::running:
        case Process::State::ending:
            break;
    }
}

}  // namespace

void make_ready(Process& process) { enqueue(process, false); }
void make_ready_first(Process& process) { enqueue(process, true); }

void remove_ready(Process& process) {
    auto& list = scheduler.ready[process.priority];
    list.remove(process);
    if (list.empty()) scheduler.mask &= ~(1u << process.priority);
}

Process* schedule() {
    for (;;) {
        const u64 time = machine::now();
        Process* next = pick(time);
        if (next == nullptr) {
            idle();
            continue;
        }
        if (next->state != Process::State::ending) [[likely]] {
            watch_running_cpu();
            return switch_to(*next, time);
        }
        // The end of a process goes in steps, in its own time; interrupts get in between.
        if (!end_step(*next)) make_ready(*next);
        machine::open_interrupts();
    }
}

Process* resume(Process& running) {
    if (scheduler.nothing_above(running)) [[likely]]
        return switch_to(running);
    make_ready_first(running);
    return schedule();
}

Process* resume_beside(Process& running, Process& woken) {
    if (woken.priority <= running.priority || !scheduler.nothing_above(woken)) {
        make_ready(woken);
        return resume(running);
    }
    make_ready_first(running);
    return switch_to(woken);
}

bool timer_expired() {
    auto& cpu = arch::cpu();
    const u64 time = machine::now();
    cpu.armed = never;
    u64 first = expire_calls(time);
    for (const auto expire_others : {expire_replacements, expire_blackouts, expire_probations, expire_guardian, relieve_starving})
        if (const u64 next = expire_others(time); next < first) first = next;
    for (Process& process : std::span{processes}.first(processes_used)) {
        if (process.deadline == 0 || !waits(process)) continue;
        if (process.deadline <= time)
            expire(process);
        else if (process.deadline < first)
            first = process.deadline;
    }
    if (const u64 next = look_at_servers(time); next < first) first = next;
    bool rotate = false;
    if (cpu.quantum_end <= time) {
        cpu.quantum_end = never;
        if (scheduler.mask != 0) limit_turn(time);
        rotate = cpu.current != nullptr && (scheduler.mask & 1u << cpu.current->priority) != 0;
    }
    if (cpu.quantum_end < first) first = cpu.quantum_end;
    if (first != never) arm(first);
    return rotate;
}

}  // namespace ant::core
