#include "replacement.hpp"

#include "controls.hpp"
#include "guardian.hpp"
#include "images.hpp"
#include "lifecycle.hpp"
#include "watch.hpp"

#include <cstring>

namespace ant::core {

constinit abi::ReplaceResult history[max_history] = {};
constinit u32 history_count = 0;

namespace {

constexpr u64 any_format = ~u64{0};

constinit Replacement replacements[max_replacements] = {};
constinit u32 last_ticket = 0;

// What the history keeps beside each record.
struct RecordKey {
    Slot* asker;
    u32 asker_generation;
    bool complete;  // the asker may have it
    bool taken;
};
constinit RecordKey keys[max_history] = {};

// Slots whose new server has not yet served: their blackout goes on.
struct Watched {
    Slot* slot;
    u32 number;  // of the record
    u64 started, stopped;
    u64 deadline;  // the asker is told by then, whatever the new server does
};
constinit Watched watched[max_replacements] = {};

u64 since(const Replacement& r, u64 time) { return machine::ticks_to_ns(time - r.started); }

// Event n of P-time figure 5, counted from 1.
void note(Replacement& r, unsigned n) { r.event[n - 1] = machine::now(); }

Replacement* free_replacement() {
    for (Replacement& r : replacements)
        if (r.state == Replacement::State::free) return &r;
    return nullptr;
}

u32 record(const Replacement& r, Error error) {
    const u32 number = history_count++;
    abi::ReplaceResult& h = history[number % max_history];
    h = r.result;
    h.error = error;
    h.total_ns = since(r, machine::now());
    for (unsigned i = 0; i < abi::replacement_events; ++i) h.event_ns[i] = r.event[i] == 0 ? 0 : since(r, r.event[i]);
    keys[number % max_history] = {r.asker, r.asker_generation, error != Error::none, false};
    return number;
}

void post_to(const RecordKey& key) {
    if (key.asker == nullptr) return;
    if (key.asker->alive && key.asker->generation == key.asker_generation) post_event(*key.asker, abi::event::replacement);
}

// The blackout has ended, or the new server did before it served.
void complete(Watched& w) {
    const u64 time = machine::now();
    const u32 number = w.number;
    if (history_count - number <= max_history) {
        abi::ReplaceResult& h = history[number % max_history];
        h.blackout_ns = machine::ticks_to_ns(time - w.stopped);
        h.total_ns = machine::ticks_to_ns(time - w.started);
        keys[number % max_history].complete = true;
        post_to(keys[number % max_history]);
    }
    w.slot = nullptr;
}

Watched* watched_of(const Slot& slot) {
    for (Watched& w : watched)
        if (w.slot == &slot) return &w;
    return nullptr;
}

// The old server goes on serving, or the slot stays as it is without one; the asker learns why.
void fail(Replacement& r, Error error) {
    const u32 number = record(r, error);
    Slot& slot = *r.slot;
    slot.replacement = nullptr;
    slot.events &= ~Slot::tell_replacement;
    Process* fresh = r.fresh;
    Process* old = slot.process;
    r.state = Replacement::State::free;
    post_to(keys[number % max_history]);
    if (old != nullptr && old->state == Process::State::handing_over) {
        finish(*old, Error::cancelled);
        make_ready(*old);
    }
    if (fresh != nullptr) {
        fresh->replacement = nullptr;
        end_process(*fresh, {abi::fault_vector::kill}, 0);
    }
    if (old != nullptr) return;
    if (slot.outlives_process())
        guardian_vacant(slot, error);
    else
        end_slot(slot);
}

void set_deadline(Replacement& r) {
    r.deadline = deadline_after(r.timeout_us);
    arm(r.deadline);
}

// Asks the old server to stop at its next receive.
void notify_old(Replacement& r) {
    note(r, 3);
    set_deadline(r);
    r.slot->events |= Slot::tell_replacement;
    wake_receiver(*r.slot);
}

// The slot changes hands: constant time.
void commit(Replacement& r) {
    Slot& slot = *r.slot;
    Process& fresh = *r.fresh;
    const bool vacant = slot.process == nullptr;
    occupy(slot, fresh);
    slot.events &= ~Slot::tell_replacement;
    slot.replacement = nullptr;
    ++slot.replacements;
    fresh.replacement = nullptr;
    if (r.redeliver) deliver_deferred_again(slot);
    note(r, 8);
    r.result.areas = slot.area_count;
    r.result.calls = slot.queued + slot.deferred_count + slot.result_count;
    if (vacant || r.redeliver) r.result.calls_redelivered = slot.deferred_count;
    begin_watch(slot);
    finish(fresh, Error::none, static_cast<u64>(vacant ? abi::Registered::restarted : abi::Registered::replaced), any_format);
}

void describe_failure(Replacement& r) {
    const LastFailure& failure = r.slot->failure;
    r.stopped = failure.time;
    r.result.failure = failure.vector;
    r.result.fault = failure.fault;
    r.result.calls_failed = failure.calls_failed;
}

// In a vacant slot a new server keeps nobody from serving: it need not have the asker's priority. But it stays below the
// guardian, who has to go on if it never registers.
unsigned priority_in_vacant(const Slot& slot) {
    return slot.priority < abi::priority::guardian ? slot.priority : abi::priority::guardian - 1;
}

// After the commit: the record, and the watch on the blackout. The asker is told when the new server has served, so
// that a more important asker does not prolong it; as the paper has it, at once.
void close(Replacement& r) {
    note(r, 10);
    r.state = Replacement::State::free;
    const u32 number = record(r, Error::none);
    if (r.as_paper) post_to(keys[number % max_history]);
    if (Watched* earlier = watched_of(*r.slot); earlier != nullptr) complete(*earlier);
    Watched now{r.slot, number, r.started, r.stopped, deadline_after(r.timeout_us)};
    for (Watched& w : watched) {
        if (w.slot != nullptr) continue;
        w = now;
        arm(w.deadline);
        r.slot->duties |= Slot::first_receive;
        return;
    }
    complete(now);  // all are taken: the asker is told at once
}

}  // namespace

namespace {

// A new process for the slot, and the record of its way to there.
Result<Replacement*> open(Slot& slot, Image& image, const char* program, u32 version, unsigned priority) {
    const u64 start = machine::now();
    Replacement* r = free_replacement();
    if (r == nullptr) return Failure(Error::too_many);
    abi::ProcessRequest plan{};
    copy_name(plan.program, program);
    plan.version = version;
    plan.flags = slot.flags;
    plan.argument_bytes = slot.argument_bytes;
    plan.argc = slot.argc;
    plan.envc = slot.envc;
    const bool vacant = slot.process == nullptr;
    Process* fresh = ANT_TRY(create_process({&image, &plan, slot.arguments, &slot, priority}));

    *r = {};
    r->slot = &slot;
    r->fresh = fresh;
    r->started = vacant ? slot.failure.time : start;
    r->event[0] = start;
    note(*r, 2);
    r->result.ticket = ++last_ticket;
    copy_name(r->result.name, slot.name);
    r->result.old_pid = vacant ? slot.failure.pid : slot.process->pid;
    r->result.new_pid = fresh->pid;
    r->result.old_version = vacant ? slot.failure.version : slot.process->version;
    r->result.new_version = version;
    r->result.start_ns = machine::ticks_to_ns(r->started - boot_facts.boot_tsc);
    fresh->replacement = r;
    slot.replacement = r;
    if (vacant) describe_failure(*r);
    return r;
}

void start(Replacement& r, u64 timeout_us) {
    constexpr u64 usual_timeout_us = 2'000'000;
    r.timeout_us = timeout_us == 0 ? usual_timeout_us : timeout_us;
    const bool vacant = r.slot->process == nullptr;
    if (r.as_paper && !vacant) {
        r.state = Replacement::State::stopping;
        r.result.as_paper = 1;
        notify_old(r);
        return;
    }
    r.as_paper = false;
    r.state = vacant ? Replacement::State::starting : Replacement::State::preparing;
    note(r, 6);
    set_deadline(r);
    start_process(*r.fresh);
}

}  // namespace

Result<u32> begin_replacement(Process& asker, const abi::ReplaceRequest& request) {
    if (!valid_name(request.name) || !valid_name(request.program)) return Failure(Error::invalid_argument);
    Slot* slot = slot_by_name(request.name);
    if (slot == nullptr) return Failure(Error::not_found);
    if (slot->replacement != nullptr) return Failure(Error::busy);
    Image* image = image_by_number(request.image);
    if (image == nullptr) return Failure(Error::not_found);
    // While it prepares it runs with the asker's priority, so that a busy system does not starve it; but never above
    // the server that it replaces, which goes on serving.
    const unsigned planned = asker.priority < slot->priority ? asker.priority : slot->priority;
    const unsigned priority = slot->process == nullptr ? priority_in_vacant(*slot) : planned;
    Replacement* r = ANT_TRY(open(*slot, *image, request.program, request.version, priority));
    r->asker = asker.slot;
    r->asker_generation = asker.slot->generation;
    r->as_paper = request.as_paper != 0;
    start(*r, request.timeout_us);
    return r->result.ticket;
}

Error restart_slot(Slot& slot, Image& image) {
    const auto opened = open(slot, image, slot.name, slot.failure.version, priority_in_vacant(slot));
    if (!opened) return opened.error();
    start(**opened, 0);
    return Error::none;
}

Result<Registration> register_replacing(Process& process, u64 readable_formats, u64 flags) {
    Replacement& r = *process.replacement;
    note(r, 7);
    Slot& slot = *r.slot;
    const u32 format = slot.state_area == no_page ? 0 : slot.state_format;
    if ((readable_formats >> format & 1) == 0) {
        fail(r, Error::state_refused);
        return Failure(Error::state_refused);
    }
    if (slot.process == nullptr && !free_lost_controls(slot)) return Registration::more;
    r.formats = readable_formats;
    r.redeliver = (flags & abi::register_flag::redeliver) != 0;
    process.set_priority(slot.priority);  // it is running, in no list
    process.deadline = 0;
    if (r.state == Replacement::State::starting) {
        Process* old = slot.process;
        commit(r);
        note(r, 9);
        if (old != nullptr) retire_process(*old);
        note(r, 12);
        close(r);
        return Registration::committed;
    }
    process.state = Process::State::registering;
    r.state = Replacement::State::prepared;
    notify_old(r);
    return Registration::waits;
}

void old_server_told(Slot& slot) {
    if (slot.replacement != nullptr) slot.replacement->stopped = machine::now();
}

Process* hand_over(Process& process) {
    Slot* slot = process.slot;
    Replacement* r = slot == nullptr ? nullptr : slot->replacement;
    if (r == nullptr) return finish(process, Error::cancelled);
    note(*r, 4);
    if (r->stopped == 0) r->stopped = r->event[3];  // it was not told, but came by itself
    if (slot->current != nullptr) defer_current(*slot);
    if (r->state == Replacement::State::stopping) {  // as paper: now the new one is started
        r->state = Replacement::State::starting;
        note(*r, 5);
        note(*r, 6);
        set_deadline(*r);
        process.state = Process::State::handing_over;
        start_process(*r->fresh);
        return schedule();
    }
    if (r->state != Replacement::State::prepared) return finish(process, Error::cancelled);
    note(*r, 5);
    Process& fresh = *r->fresh;
    commit(*r);
    note(*r, 9);
    note(*r, 12);
    retire_process(process);
    close(*r);
    return hand_to(fresh);
}

void blackout_ended(Slot& slot) {
    if (Watched* w = watched_of(slot); w != nullptr) complete(*w);
}

Result<> take_result(Slot& asker, abi::ReplaceResult& result) {
    const u32 kept = history_count < max_history ? history_count : max_history;
    for (u32 i = history_count - kept; i != history_count; ++i) {
        RecordKey& key = keys[i % max_history];
        if (key.asker != &asker || key.asker_generation != asker.generation || key.taken || !key.complete) continue;
        key.taken = true;
        result = history[i % max_history];
        return {};
    }
    return Failure(Error::would_block);
}

void new_server_ended(Process& process, u32 status) {
    Replacement& r = *process.replacement;
    process.replacement = nullptr;
    r.result.exit_status = status;
    r.fresh = nullptr;
    fail(r, Error::exited_early);
}

void server_failed(Slot& slot) {
    blackout_ended(slot);
    Replacement* r = slot.replacement;
    if (r == nullptr) return;
    describe_failure(*r);
    Process& fresh = *r->fresh;
    const bool ready = fresh.state == Process::State::ready;
    if (ready) remove_ready(fresh);
    fresh.set_priority(priority_in_vacant(slot));
    if (r->state == Replacement::State::prepared) {  // it registers once more, and has the slot at once
        repeat(fresh, abi::Syscall::server_register, r->formats, r->redeliver ? abi::register_flag::redeliver : 0);
        make_ready(fresh);
    } else if (r->state == Replacement::State::stopping) {
        note(*r, 6);
        start_process(fresh);
    } else if (ready) {
        make_ready(fresh);
    }
    r->state = Replacement::State::starting;
    set_deadline(*r);
}

void cancel_replacement(Slot& slot, Error error) { fail(*slot.replacement, error); }

const Slot* replaced_slot(const Process& process) { return process.replacement == nullptr ? nullptr : process.replacement->slot; }

u64 expire_replacements(u64 time) {
    u64 first = ~u64{0};
    for (Watched& w : watched) {
        if (w.slot == nullptr) continue;
        if (w.deadline <= time)
            complete(w);
        else if (w.deadline < first)
            first = w.deadline;
    }
    for (Replacement& r : replacements) {
        if (r.state == Replacement::State::free) continue;
        if (r.deadline > time) {
            if (r.deadline < first) first = r.deadline;
            continue;
        }
        const bool waits_for_new = r.state == Replacement::State::preparing || r.state == Replacement::State::starting;
        fail(r, waits_for_new ? Error::not_registered : Error::not_handed_over);
    }
    return first;
}

}  // namespace ant::core
