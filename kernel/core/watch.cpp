#include "watch.hpp"

#include "lifecycle.hpp"
#include "scheduler.hpp"

namespace ant::core {

constinit bool watch_asleep = false;

namespace {

constexpr u64 never = ~u64{0};
constexpr unsigned looks_per_deadline = 4;
constexpr u32 silent_looks = looks_per_deadline;     // without a sign of life: it has hung
constexpr u32 reply_looks = 4 * looks_per_deadline;  // a call put aside for longer: its reply is lost
constexpr u32 runaway_refusals = 64, runaway_looks = looks_per_deadline;
constexpr u64 shortest_interval_us = 1000;  // between two looks

constinit Slot* watched[max_slots] = {};
constinit u32 watched_count = 0;
constinit u64 due = never;

u64 interval_of(const Slot& slot) {
    const u64 us = slot.watch.deadline_us / looks_per_deadline;
    return (us < shortest_interval_us ? shortest_interval_us : us) * machine::ticks_per_us();
}

// It waits in receive, or has come back to it since the last look, or has done something with a call.
bool shows_life(const Slot& slot) {
    const Watch& w = slot.watch;
    switch (slot.process->state) {
        case Process::State::receiving:
        case Process::State::handing_over:  // a replacement has time limits of its own
            return true;
        default:
            return slot.turns + slot.calls_served != w.signs || (slot.current != nullptr && slot.current->id != w.call);
    }
}

void note_signs(Slot& slot) {
    slot.watch.signs = slot.turns + slot.calls_served;
    slot.watch.call = slot.current != nullptr ? slot.current->id : 0;
}

bool may_wait(const Control& c) {
    const u32 id = c.frames[c.depth - 1].function;
    const Function& f = functions[id & (max_functions - 1)];
    return f.id != id || f.may_wait;  // withdrawn: nothing is known of it any more
}

// A synchronous request waits where the requester is not to blame: at a slot that waits for its next process, at a
// server that gets no CPU time, at one that shows no life itself and will be found, or at one that put it aside and
// may do so, if the request has a time limit. Those that wait for each other in a circle have no such excuse.
bool excused(const Process& requester) {
    const Process* p = &requester;
    for (unsigned n = 0; n < max_slots && p->state == Process::State::calling; ++n) {
        const Slot& holder = *p->call->holder;
        const bool patient = p->deadline != 0 && may_wait(*p->call);
        p = holder.process;
        if (p == nullptr || p->state == Process::State::ready || p == scheduler.relieved) return true;
        if (p->state == Process::State::receiving && patient) return true;
        if (p->state != Process::State::calling && holder.watch.silent != 0) return true;
    }
    return false;
}

// Whether a look without a sign of life counts: the process could have got on. One that others keep from the CPU could not.
bool had_its_chance(const Slot& slot, u64 cpu_ticks) {
    constexpr unsigned part = 4;  // of the time between two looks
    if (slot.process == scheduler.relieved) return false;
    if (cpu_ticks - slot.watch.cpu_ticks >= interval_of(slot) / part) return true;
    const Process& p = *slot.process;
    return p.state == Process::State::waiting || (p.state == Process::State::calling && !excused(p));
}

// The oldest call that the server put aside and that may not wait.
const Control* oldest_due(const Slot& slot) {
    const Control* c = slot.deferred.front();
    while (c != nullptr && may_wait(*c)) c = slot.deferred.next(*c);
    return c;
}

bool lost_reply(const Slot& slot) {
    const Control* c = oldest_due(slot);
    if (c == nullptr) return false;
    const Watch& w = slot.watch;
    const u32 aside = w.looks - c->deferred_at, serving = w.looks - w.began;
    return (aside < serving ? aside : serving) > reply_looks;
}

// It hangs because it cannot get enough.
bool reserves_for_ever(const Watch& w) {
    for (const auto& row : w.refused)
        if (row.count >= runaway_refusals) return true;
    return false;
}

// `late`: the machine stood still, and nothing follows from this look but signs of life.
void look(Slot& slot, u64 time, bool late) {
    Watch& w = slot.watch;
    const u64 cpu_ticks = cpu_ticks_of(*slot.process, time);
    w.last_look = time;
    if (shows_life(slot)) {
        w.silent = 0;
        w.alive_at = time;
        ++w.looks;
    } else if (!late && had_its_chance(slot, cpu_ticks)) {
        ++w.silent;
        ++w.looks;
    } else if (!late) {
        return;
    }
    w.cpu_ticks = cpu_ticks;
    note_signs(slot);
    if (late) return;
    if (w.silent == silent_looks) {
        w.detection = time - w.alive_at;
        end_process(*slot.process, {reserves_for_ever(w) ? abi::fault_vector::runaway : abi::fault_vector::hang, 0, 0}, 0);
    } else if (lost_reply(slot)) {
        end_process(*slot.process, {abi::fault_vector::lost_reply, 0, 0}, 0);
    }
}

// It may be there still from the slot's life before.
bool listed(const Slot& slot) {
    for (u32 i = 0; i < watched_count; ++i)
        if (watched[i] == &slot) return true;
    return false;
}

// Whether it must be looked at even while the CPU idles.
bool busy(const Slot& slot) {
    return slot.process != nullptr && (slot.process->state != Process::State::receiving || oldest_due(slot) != nullptr);
}

}  // namespace

void begin_watch(Slot& slot) {
    Watch& w = slot.watch;
    if (w.deadline_us == 0) return;
    const u64 time = machine::now();
    w.last_look = w.alive_at = time;
    w.cpu_ticks = cpu_ticks_of(*slot.process, time);
    w.silent = 0;
    w.detection = 0;
    w.began = w.looks;
    w.over_quota = 0;
    for (auto& row : w.refused) row = {};
    note_signs(slot);
    if (!w.on && !listed(slot)) watched[watched_count++] = &slot;
    w.on = true;
    const u64 next = time + interval_of(slot);
    if (next < due) due = next;
    watch_asleep = false;
    arm(due);
}

u64 look_at_servers(u64 time) {
    if (time < due) return due;
    u64 next = never;
    bool anything = arch::cpu().current != nullptr;
    for (u32 i = 0; i < watched_count;) {
        Slot& slot = *watched[i];
        if (!slot.watch.on) {  // the slot has ended
            watched[i] = watched[--watched_count];
            continue;
        }
        ++i;
        const u64 interval = interval_of(slot);
        const u64 its_due = slot.watch.last_look + interval;
        constexpr unsigned part = 4;  // later than that: interrupts are not off so long
        if (slot.process != nullptr && time >= its_due) look(slot, time, time - its_due > interval / part);
        anything = anything || busy(slot);
        const u64 its_next = (slot.process != nullptr ? slot.watch.last_look : time) + interval;
        if (its_next < next) next = its_next;
    }
    watch_asleep = !anything && next != never;
    due = anything ? next : never;
    return due;
}

void wake_watch() {
    const u64 time = machine::now();
    watch_asleep = false;
    for (u32 i = 0; i < watched_count; ++i) {
        Slot& slot = *watched[i];
        slot.watch.last_look = slot.watch.alive_at = time;
        const u64 next = time + interval_of(slot);
        if (next < due) due = next;
    }
    arm(due);
}

bool reservation_refused(Slot& slot, abi::AreaKind kind) {
    Watch& w = slot.watch;
    auto& row = w.refused[static_cast<u32>(kind)];
    ++w.over_quota;
    // One that asks for too much at once has not used up its quota.
    constexpr u32 rest = 16;
    if (kind == abi::AreaKind::data && slot.area_pages + slot.quota_pages / rest < slot.quota_pages) {
        row.count = 0;
        return false;
    }
    if (row.count++ == 0) row.since = w.looks;
    return w.on && row.count >= runaway_refusals && w.looks - row.since > runaway_looks;
}

}  // namespace ant::core
