#include "replacement.hpp"

#include "call_path.hpp"
#include "controls.hpp"
#include "guardian.hpp"
#include "history.hpp"
#include "images.hpp"
#include "lifecycle.hpp"
#include "probation.hpp"
#include "starvation.hpp"
#include "trace.hpp"
#include "watch.hpp"

#include <cstring>

namespace ant::core {

namespace {

using State = Replacement::State;
using abi::Phase;

constexpr u64 never = ~u64{0};

constinit Replacement replacements[max_replacements] = {};
constinit u32 last_ticket = 0;
static_assert(max_processes >= max_slots + max_replacements + max_loads);

// Event n of P-time figure 5, counted from 1.
void note(Replacement& r, unsigned n) {
    r.event[n - 1] = machine::now();
    trace_event(abi::TraceKind::replacement, r.fresh != nullptr ? r.fresh->pid : 0, n, r.slot->id());
}
u64 event(const Replacement& r, unsigned n) { return r.event[n - 1]; }

void set_phase(Replacement& r, Phase phase, u64 ticks) {
    r.result.phase_ns[static_cast<u32>(phase)] = machine::ticks_to_ns(ticks);
}

Replacement* free_replacement() {
    for (Replacement& r : replacements)
        if (r.state == State::free) return &r;
    return nullptr;
}

bool readable(const Replacement& r) {
    const Slot& slot = *r.slot;
    const u32 format = slot.state_area == no_page ? 0 : slot.state_format;
    return (r.formats >> format & 1) != 0;
}

bool has_registered(const Replacement& r) {
    return r.state == State::registered || r.state == State::prepared || r.state == State::stopped;
}

// Nobody serves the slot: it is vacant, or its old server has handed over.
bool old_has_stopped(const Slot& slot) { return slot.process == nullptr || slot.process->state == Process::State::handing_over; }

void set_deadline(Replacement& r, u64 time) {
    r.deadline = time;
    arm(time);
}
void set_deadline(Replacement& r) { set_deadline(r, deadline_after(r.timeout_us)); }

// Transactions --------------------------------------------------------------------------------------------

bool asked_by(const Replacement& r, const Slot& asker, u32 transaction) {
    return r.state != State::free && r.transaction == transaction && r.asker == &asker && r.asker_generation == asker.generation;
}

// Also when the asker has ended meanwhile.
bool together(const Replacement& a, const Replacement& b) {
    return b.state != State::free && a.transaction == b.transaction && a.asker == b.asker &&
           a.asker_generation == b.asker_generation;
}

// The members of a transaction in the order of their requests. One that stands alone has one.
class Members {
public:
    explicit Members(Replacement& r) {
        if (r.members == 1) {
            add(r);
            return;
        }
        for (Replacement& other : replacements)
            if (together(r, other)) add(other);
    }
    [[nodiscard]] auto begin() const { return members_; }
    [[nodiscard]] auto end() const { return members_ + count_; }
    [[nodiscard]] bool complete() const { return count_ == members_[0]->members; }

private:
    void add(Replacement& r) {
        unsigned i = count_++;
        for (; i != 0 && members_[i - 1]->result.ticket > r.result.ticket; --i) members_[i] = members_[i - 1];
        members_[i] = &r;
    }

    Replacement* members_[max_replacements];
    unsigned count_ = 0;
};

// Lets go of slot and new server, and says so in the record.
void give_up(Replacement& r, Error error) {
    r.error = error;
    r.number = record_replacement(r, error);
    r.state = State::free;
    r.slot->replacement = nullptr;
    r.slot->events &= ~Slot::tell_replacement;
    if (r.fresh != nullptr) r.fresh->replacement = nullptr;
}

// The old server goes on serving, or the slot stays as it is without one; the asker learns why.
void go_back(const Replacement& r) {
    Slot& slot = *r.slot;
    Process* old = slot.process;
    tell_asker(r.number);
    if (old != nullptr && old->state == Process::State::handing_over) {
        finish(*old, Error::cancelled);
        make_ready(*old);
    }
    if (r.fresh != nullptr) end_process(*r.fresh, {abi::fault_vector::kill}, 0);
    if (old != nullptr) return;
    if (slot.outlives_process())
        guardian_vacant(slot, r.error);
    else
        end_slot(slot);
}

// All members fail with the one.
void fail(Replacement& culprit, Error error) {
    const Members members{culprit};
    for (Replacement* r : members) give_up(*r, r == &culprit ? error : Error::cancelled);
    for (Replacement* r : members) go_back(*r);
}

// Asks the old server to stop at its next receive.
void notify_old(Replacement& r) {
    note(r, 3);
    end_relief();
    if (r.stop_by == 0) r.stop_by = deadline_after(r.timeout_us);
    set_deadline(r, r.stop_by);
    // It looks for a replacement before it takes a request or a result (step 4).
    if (r.as_paper) take_back_receipt(*r.slot);
    r.slot->events |= Slot::tell_replacement;
    wake_receiver(*r.slot);
}

// The time is over for which a server that has stopped waits for the other members.
void go_on_serving(Replacement& r) {
    r.state = State::registered;
    r.patience_us *= 2;
    Process& old = *r.slot->process;
    finish(old, Error::cancelled);
    make_ready(old);
}

// Leads a transaction on when one of its members has got on. True: every new server is there, and every old one has
// stopped. Those that serve are told as soon as all that were told before have stopped.
bool advance(const Members& members) {
    if (!members.complete()) return false;
    bool somebody_is_to_stop = false;
    for (const Replacement* r : members) {
        if (!has_registered(*r)) return false;
        somebody_is_to_stop = somebody_is_to_stop || r->state == State::prepared;
    }
    bool all_stopped = true;
    for (Replacement* r : members) {
        if (r->state == State::registered && old_has_stopped(*r->slot)) {
            r->state = State::stopped;
        } else if (r->state == State::registered && !somebody_is_to_stop) {
            r->state = State::prepared;
            notify_old(*r);
        }
        all_stopped = all_stopped && r->state == State::stopped;
    }
    return all_stopped;
}

// The slot changes hands: constant time.
void commit(Replacement& r) {
    Slot& slot = *r.slot;
    Process& fresh = *r.fresh;
    Process* old = slot.process;
    occupy(slot, fresh);
    slot.events &= ~Slot::tell_replacement;
    slot.replacement = nullptr;
    ++slot.replacements;
    fresh.replacement = nullptr;
    if (r.redeliver) deliver_deferred_again(slot);
    note(r, commit_event);
    r.result.areas = slot.area_count;
    r.result.calls = slot.queued + slot.deferred_count + slot.result_count;
    if (old == nullptr || r.redeliver) r.result.calls_redelivered = slot.deferred_count;
    begin_watch(slot);
    const u64 format = begin_probation(slot, r.probation_us);
    const auto how = old == nullptr ? abi::Registered::restarted : abi::Registered::replaced;
    finish(fresh, Error::none, static_cast<u64>(how), format);
    note(r, 9);
    if (old != nullptr) retire_process(*old);
    note(r, 12);
}

// After the commit: the record, and the end of the blackout to wait for.
void close(Replacement& r) {
    note(r, 10);
    r.state = State::free;
    begin_blackout(r, record_replacement(r, Error::none));
}

// All slots of a transaction change hands in one go. The new servers are ready to run, in the order of their requests;
// but `next` is the caller's to run.
void commit_all(const Members& members, const Process& next) {
    for (Replacement* r : members) commit(*r);
    for (Replacement* r : members) close(*r);
    for (Replacement* const* r = members.end(); r-- != members.begin();)
        if ((*r)->fresh != &next) make_ready_first(*(*r)->fresh);
}

// Between the two an old server may have changed the format of its state. True: a member has failed.
bool refused(const Members& members) {
    for (Replacement* r : members) {
        if (readable(*r)) continue;
        fail(*r, Error::state_refused);
        return true;
    }
    return false;
}

// Of one member's old server ---------------------------------------------------------------------------------

void describe_failure(Replacement& r) {
    const LastFailure& failure = r.slot->failure;
    r.stopped = failure.time;
    r.result.failure = failure.vector;
    r.result.fault = failure.fault;
    r.result.calls_failed = failure.calls_failed;
    set_phase(r, Phase::detect, r.slot->watch.detection);
}

// In a vacant slot a new server keeps nobody from serving: it need not have the asker's priority. But it stays below the
// guardian, who has to go on if it never registers.
unsigned priority_in_vacant(const Slot& slot) {
    return slot.priority < abi::priority::guardian ? slot.priority : abi::priority::guardian - 1;
}

// Requests ---------------------------------------------------------------------------------------------------

// May this request join those that have the same number?
Error check_transaction(const Slot& asker, const abi::ReplaceRequest& request) {
    if (request.transaction == 0) return request.members > 1 ? Error::invalid_argument : Error::none;
    if (request.as_paper != 0 || request.members == 0 || request.members > max_replacements) return Error::invalid_argument;
    if (failed_before(asker, request.transaction)) return Error::cancelled;
    u32 present = 0;
    for (const Replacement& r : replacements) {
        if (!asked_by(r, asker, request.transaction)) continue;
        if (r.members != request.members) return Error::invalid_argument;
        ++present;
    }
    return present < request.members ? Error::none : Error::invalid_argument;
}

// A member that cannot even begin takes the others with it.
void cancel_transaction(const Slot& asker, u32 transaction) {
    if (transaction == 0) return;
    for (Replacement& r : replacements)
        if (asked_by(r, asker, transaction)) return fail(r, Error::cancelled);
}

// Makes the process with the program the slot's new server, and begins the record of its way to there.
Result<Replacement*> open(Slot& slot, Process& loaded, u32 version, unsigned priority) {
    const u64 start = loaded.started;
    Replacement* r = free_replacement();
    if (r == nullptr) {
        abandon_process(loaded);
        return Failure(Error::too_many);
    }
    abi::ProcessRequest plan{};
    plan.version = version;
    plan.flags = slot.flags;
    plan.argument_bytes = slot.argument_bytes;
    plan.argc = slot.argc;
    plan.envc = slot.envc;
    const bool vacant = slot.process == nullptr;
    Process* fresh = ANT_TRY(complete_process(loaded, {&plan, slot.arguments, &slot, priority}));

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
    set_phase(*r, Phase::load, fresh->load_ticks);
    set_phase(*r, Phase::create, event(*r, 2) - start - fresh->load_ticks);
    fresh->replacement = r;
    slot.replacement = r;
    if (!vacant) return r;
    describe_failure(*r);
    set_phase(*r, Phase::stop, start - slot.failure.time);
    return r;
}

void start_new_server(Replacement& r, State state) {
    r.state = state;
    note(r, 6);
    set_deadline(r);
    start_process(*r.fresh);
}

void start(Replacement& r, u64 timeout_us) {
    constexpr u64 usual_timeout_us = 2'000'000;
    r.timeout_us = timeout_us == 0 ? usual_timeout_us : timeout_us;
    const bool vacant = r.slot->process == nullptr;
    r.as_paper = r.as_paper && !vacant;
    r.result.as_paper = r.as_paper ? 1 : 0;
    if (!r.as_paper) return start_new_server(r, vacant ? State::starting : State::preparing);
    r.state = State::stopping;
    notify_old(r);
}

Result<u32> begin(Process& asker, const abi::ReplaceRequest& request) {
    if (!valid_name(request.name) || !valid_name(request.program)) return Failure(Error::invalid_argument);
    if (const Error error = check_transaction(*asker.slot, request); error != Error::none) return Failure(error);
    Slot* slot = slot_by_name(request.name);
    if (slot == nullptr) return Failure(Error::not_found);
    if (slot->replacement != nullptr) return Failure(Error::busy);
    Process* loaded = ANT_TRY(load_process_for(asker, request.image, request.program));
    if (loaded == nullptr) return u32{0};
    // While it prepares it runs with the asker's priority, so that a busy system does not starve it; but never above
    // the server that it replaces, which goes on serving.
    const unsigned planned = asker.own_priority < slot->priority ? asker.own_priority : slot->priority;
    const unsigned priority = slot->process == nullptr ? priority_in_vacant(*slot) : planned;
    Replacement* r = ANT_TRY(open(*slot, *loaded, request.version, priority));
    r->asker = asker.slot;
    r->asker_generation = asker.slot->generation;
    r->transaction = r->result.transaction = request.transaction;
    r->members = request.transaction == 0 ? 1 : request.members;
    r->probation_us = request.probation_us;
    r->as_paper = request.as_paper != 0;
    slot->state_distrusted = request.distrust != 0;
    start(*r, request.timeout_us);
    return r->result.ticket;
}

}  // namespace

Result<u32> begin_replacement(Process& asker, const abi::ReplaceRequest& request) {
    const auto ticket = begin(asker, request);
    if (ticket) return ticket;
    abandon_load(asker);
    cancel_transaction(*asker.slot, request.transaction);
    return ticket;
}

Error restart_slot(Slot& slot, Image& image, u32 version) {
    const auto loaded = load_process(image, slot.name);
    if (!loaded) return loaded.error();
    const auto opened = open(slot, **loaded, version, priority_in_vacant(slot));
    if (!opened) return opened.error();
    start(**opened, 0);
    return Error::none;
}

Result<Registration> register_replacing(Process& process, u64 readable_formats, u64 flags) {
    Replacement& r = *process.replacement;
    Slot& slot = *r.slot;
    if (event(r, 7) == 0) {
        note(r, 7);
        set_phase(r, Phase::registration, event(r, 7) - event(r, 6));
    }
    r.formats = readable_formats;
    if (!readable(r)) {
        fail(r, Error::state_refused);
        return Failure(Error::state_refused);
    }
    if (slot.process == nullptr && !free_lost_controls(slot)) return Registration::more;
    r.redeliver = (flags & abi::register_flag::redeliver) != 0;
    process.set_priority(slot.priority);  // it is running, in no list
    process.deadline = 0;
    r.state = State::registered;
    set_deadline(r);
    const Members members{r};
    const bool complete = advance(members);
    if (complete && refused(members)) return Failure(Error::state_refused);
    if (!complete) {
        process.state = Process::State::registering;
        return Registration::waits;
    }
    commit_all(members, process);
    return Registration::committed;
}

void old_server_told(Slot& slot) {
    if (slot.replacement != nullptr) slot.replacement->stopped = machine::now();
}

Process* hand_over(Process& process) {
    Slot* slot = process.slot;
    Replacement* r = slot == nullptr ? nullptr : slot->replacement;
    if (r == nullptr) return finish(process, Error::cancelled);
    note(*r, 4);
    if (r->stopped == 0) r->stopped = event(*r, 4);  // it was not told, but came by itself
    if (r->state != State::stopping && r->state != State::prepared) return finish(process, Error::cancelled);
    if (slot->current != nullptr) defer_current(*slot);
    note(*r, 5);
    set_phase(*r, Phase::stop, event(*r, 5) - event(*r, 3));
    process.state = Process::State::handing_over;
    if (r->state == State::stopping) {  // as paper: now the new one is started
        start_new_server(*r, State::starting);
        return schedule();
    }
    r->state = State::stopped;
    const Members members{*r};
    if (!advance(members)) {
        set_deadline(*r, deadline_after(r->patience_us));
        return schedule();
    }
    if (refused(members)) return schedule();
    Process& next = *(*members.begin())->fresh;
    commit_all(members, next);
    return hand_to(next);
}

void new_server_ended(Process& process, u32 status) {
    Replacement& r = *process.replacement;
    process.replacement = nullptr;
    r.result.exit_status = status;
    r.fresh = nullptr;
    fail(r, Error::exited_early);
}

void server_failed(Slot& slot) {
    blackout_ended(slot, false);
    Replacement* r = slot.replacement;
    if (r == nullptr) return;
    describe_failure(*r);
    if (event(*r, 3) != 0) set_phase(*r, Phase::stop, slot.failure.time - event(*r, 3));
    Process& fresh = *r->fresh;
    const bool ready = fresh.state == Process::State::ready;
    if (ready) remove_ready(fresh);
    fresh.set_priority(priority_in_vacant(slot));
    if (has_registered(*r)) {  // it registers once more, now for a slot without a process
        repeat(fresh, abi::Syscall::server_register, r->formats, r->redeliver ? abi::register_flag::redeliver : 0);
        make_ready(fresh);
    } else if (r->state == State::stopping) {
        note(*r, 6);
        start_process(fresh);
    } else if (ready) {
        make_ready(fresh);
    }
    r->state = State::starting;
    set_deadline(*r);
}

void cancel_replacement(Slot& slot, Error error) { fail(*slot.replacement, error); }

const Slot* replaced_slot(const Process& process) { return process.replacement == nullptr ? nullptr : process.replacement->slot; }

namespace {

// A member that waits for others does not count the time: it is theirs.
bool waits_for_others(Replacement& r) {
    if (r.state == State::stopped) return r.slot->process == nullptr;
    return r.state == State::registered && Members{r}.complete();
}

Error what_took_too_long(State state) {
    switch (state) {
        case State::preparing:
        case State::starting:
            return Error::not_registered;
        case State::registered:  // the asker has not named the other members
            return Error::timed_out;
        default:
            return Error::not_handed_over;
    }
}

}  // namespace

bool changing_hands() {
    for (const Replacement& r : replacements)
        if (r.state != State::free && r.state != State::preparing && r.state != State::registered) return true;
    return false;
}

u64 expire_replacements(u64 time) {
    u64 first = never;
    for (Replacement& r : replacements) {
        if (r.state == State::free || waits_for_others(r)) continue;
        if (r.deadline > time)
            first = r.deadline < first ? r.deadline : first;
        else if (r.state == State::stopped)
            go_on_serving(r);
        else
            fail(r, what_took_too_long(r.state));
    }
    return first;
}

}  // namespace ant::core
