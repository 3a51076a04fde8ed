#include "starvation.hpp"

#include "replacement.hpp"

#include <algorithm>

namespace ant::core {

namespace {

constexpr u64 never = ~u64{0};

// In a ready list, whose it is to be moved to.
void move_to(Process& process, unsigned level) {
    remove_ready(process);
    process.raise_to(level);
    make_ready(process);
}

// Whoever else has set its priority meanwhile has ended the relief as well. To the watch it is no time in which a server
// could have got on: it starves still.
void end_relief(u64 time) {
    Process& process = *scheduler.relieved;
    scheduler.relieved = nullptr;
    scheduler.relief_end = never;
    if (process.slot != nullptr) {
        u64& seen = process.slot->watch.cpu_ticks;  // a look during the relief has seen some of it
        const u64 now = cpu_ticks_of(process, time);
        seen = std::min(seen + now - process.ticks_when_ready, now);
    }
    if (process.priority == process.own_priority) return;
    if (process.state == Process::State::ready || process.state == Process::State::ending)
        move_to(process, process.own_priority);
    else
        process.raise_to(process.own_priority);
}

// For how many periods it has been ready without running; notes that it is ready now.
u32 periods_starved(Process& process) {
    const bool has_run = process.cpu_ticks != process.ticks_when_ready;
    process.ticks_when_ready = process.cpu_ticks;
    process.periods_starved = has_run ? 0 : process.periods_starved + 1;
    return process.periods_starved;
}

// The one that starves longest, of equals the most important.
Process* most_starving(unsigned below) {
    Process* found = nullptr;
    u32 longest = 0;
    for (unsigned priority = below; priority-- != 0;) {
        auto& list = scheduler.ready[priority];
        for (Process* p = list.front(); p != nullptr; p = list.next(*p)) {
            const u32 periods = periods_starved(*p);
            if (periods <= longest) continue;
            found = p;
            longest = periods;
        }
    }
    return found;
}

void look(u64 time) {
    scheduler.starvation_due = scheduler.mask == 0 ? never : deadline_after(starvation_period_us, time);
    const Process* running = arch::cpu().current;
    if (running == nullptr) return;
    Process* process = most_starving(running->priority);
    if (process == nullptr || changing_hands()) return;
    scheduler.relieved = process;
    scheduler.relief_end = deadline_after(relief_us, time);
    move_to(*process, abi::priority::guardian - 1);
}

}  // namespace

void end_relief() {
    if (scheduler.relieved != nullptr) end_relief(machine::now());
}

u64 relieve_starving(u64 time) {
    if (time >= scheduler.relief_end) end_relief(time);
    if (time >= scheduler.starvation_due) look(time);
    return scheduler.relief_end < scheduler.starvation_due ? scheduler.relief_end : scheduler.starvation_due;
}

}  // namespace ant::core
