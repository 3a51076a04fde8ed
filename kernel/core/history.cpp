#include "history.hpp"

#include "controls.hpp"

namespace ant::core {

constinit abi::ReplaceResult history[max_history] = {};
constinit u32 history_count = 0;

namespace {

// What the history keeps beside each record.
struct RecordKey {
    Slot* asker;
    u32 asker_generation;
    bool complete;  // the asker may have it
    bool taken;
};
constinit RecordKey keys[max_history] = {};

// Slots whose new server has not yet served.
struct Blackout {
    Slot* slot;
    u32 number;  // of the record
    u64 started, stopped;
    u64 mark;            // end of the last phase
    abi::Phase reached;  // that phase
    u64 deadline;
};
constinit Blackout blackouts[max_replacements] = {};

u64 since(const Replacement& r, u64 time) { return machine::ticks_to_ns(time - r.started); }

bool asked(const RecordKey& key, const Slot& asker) { return key.asker == &asker && key.asker_generation == asker.generation; }

u32 oldest_kept() { return history_count < max_history ? 0 : history_count - max_history; }

Blackout* blackout_of(const Slot& slot) {
    for (Blackout& b : blackouts)
        if (b.slot == &slot) return &b;
    return nullptr;
}

void end_phase(Blackout& b, abi::Phase phase, u64 time) {
    if (b.number >= oldest_kept())
        history[b.number % max_history].phase_ns[static_cast<u32>(phase)] = machine::ticks_to_ns(time - b.mark);
    b.mark = time;
    b.reached = phase;
}

void wake_asker(const RecordKey& key) {
    if (key.asker == nullptr) return;  // the core itself
    if (key.asker->alive && key.asker->generation == key.asker_generation) post_event(*key.asker, abi::event::replacement);
}

void end(Blackout& b) {
    const u64 time = machine::now();
    b.slot = nullptr;
    if (b.number < oldest_kept()) return;
    abi::ReplaceResult& h = history[b.number % max_history];
    h.blackout_ns = machine::ticks_to_ns(time - b.stopped);
    h.total_ns = machine::ticks_to_ns(time - b.started);
    tell_asker(b.number);
}

}  // namespace

u32 record_replacement(const Replacement& r, Error error) {
    const u32 number = history_count++;
    abi::ReplaceResult& h = history[number % max_history];
    h = r.result;
    h.error = error;
    h.total_ns = since(r, machine::now());
    for (unsigned i = 0; i < abi::replacement_events; ++i) h.event_ns[i] = r.event[i] == 0 ? 0 : since(r, r.event[i]);
    keys[number % max_history] = {r.asker, r.asker_generation, false, false};
    return number;
}

void tell_asker(u32 number) {
    RecordKey& key = keys[number % max_history];
    key.complete = true;
    wake_asker(key);
}

Result<> take_result(Slot& asker, abi::ReplaceResult& result) {
    for (u32 i = oldest_kept(); i != history_count; ++i) {
        RecordKey& key = keys[i % max_history];
        if (!asked(key, asker) || key.taken || !key.complete) continue;
        key.taken = true;
        result = history[i % max_history];
        return {};
    }
    return Failure(Error::would_block);
}

bool failed_before(const Slot& asker, u32 transaction) {
    for (u32 i = oldest_kept(); i != history_count; ++i) {
        const RecordKey& key = keys[i % max_history];
        const abi::ReplaceResult& h = history[i % max_history];
        if (asked(key, asker) && !key.taken && h.transaction == transaction && h.error != Error::none) return true;
    }
    return false;
}

void begin_blackout(const Replacement& r, u32 number) {
    if (r.as_paper) wake_asker(keys[number % max_history]);
    if (Blackout* earlier = blackout_of(*r.slot); earlier != nullptr) end(*earlier);
    Blackout now{
        r.slot, number, r.started, r.stopped, r.event[commit_event - 1], abi::Phase::registration, deadline_after(r.timeout_us)};
    for (Blackout& b : blackouts) {
        if (b.slot != nullptr) continue;
        b = now;
        arm(b.deadline);
        r.slot->duties |= Slot::first_receive;
        return;
    }
    end(now);  // all are taken: the asker is told at once
}

void phase_reached(const Slot& slot, abi::Phase phase) {
    Blackout* b = blackout_of(slot);
    if (b != nullptr && phase > b->reached) end_phase(*b, phase, machine::now());
}

void blackout_ended(const Slot& slot, bool served) {
    Blackout* b = blackout_of(slot);
    if (b == nullptr) return;
    if (served) end_phase(*b, abi::Phase::first, machine::now());
    end(*b);
}

u64 expire_blackouts(u64 time) {
    u64 first = ~u64{0};
    for (Blackout& b : blackouts) {
        if (b.slot == nullptr) continue;
        if (b.deadline <= time)
            end(b);
        else if (b.deadline < first)
            first = b.deadline;
    }
    return first;
}

}  // namespace ant::core
