#include "controls.hpp"

#include <cstring>

namespace ant::core {

namespace {

constexpr u64 never = ~u64{0};
constinit u32 timed_calls = 0;            // asynchronous calls with a deadline
constinit u64 earliest_deadline = never;  // none of theirs is before this: most interrupts of the timer need not look for it
constinit List<Control, &Control::link> free_controls;  // that have a page

[[gnu::noinline]] Result<Control*> make_control() {
    if (controls_made == max_controls) return Failure(Error::too_many);
    const Pfn page = pool.allocate_zeroed(PageKind::control);
    if (page == no_page) return Failure(Error::no_memory);
    Control& c = controls[controls_made];
    c.index = controls_made++;
    c.address = control_base + c.index * page_size;
    c.page = static_cast<abi::ControlIca*>(machine::page(page));
    c.leaf = machine::Window::control_leaf(page);
    return &c;
}

Result<Control*> take_control() {
    Control* c = free_controls.pop_front();
    if (c == nullptr) return make_control();
    std::memset(c->page, 0, page_size);
    return c;
}

}  // namespace

void init_controls(Pfn zone) {
    control_zone = zone;
    control_base = address_of(zone);
    controls_made = 0;
    free_controls = {};
    while (controls_made < controls_at_boot) {
        const auto made = make_control();
        if (!made) return;
        free_controls.push_back(**made);
    }
}

Result<Control*> reserve_control(Slot& slot) {
    if (slot.control_count >= slot.quota_calls) return Failure(Error::over_quota);
    Control& c = *ANT_TRY(take_control());
    c.set_standing(Control::in_hand);
    c.holder = &slot;
    c.origin = &slot;
    c.origin_generation = slot.generation;
    ++slot.control_count;
    slot.window.map_control(c.index, c.leaf);
    return &c;
}

Result<> release_control(Slot& slot, u64 address) {
    Control* c = control_at(slot, address);
    if (c == nullptr || c->state != Control::State::owned) return Failure(Error::not_owner);
    slot.window.unmap_control(c->index);
    lost_pages(slot, control_zone + c->index, 1);
    free_control(*c);
    return {};
}

bool free_lost_controls(Slot& slot) {
    constexpr u32 per_step = 128;
    for (u32 n = 0; n < per_step && slot.controls_freed < controls_made; ++n) {
        Control& c = controls[slot.controls_freed++];
        if (c.holder != &slot || c.state != Control::State::owned) continue;
        slot.window.unmap_control(c.index);
        free_control(c);
    }
    return slot.controls_freed == controls_made;
}

void free_control(Control& c) {
    if (c.origin != nullptr && c.origin->generation == c.origin_generation) --c.origin->control_count;
    stop_deadline(c);
    c.state = Control::State::free;
    c.holder = nullptr;
    c.waiting = nullptr;
    c.origin = nullptr;
    c.depth = 0;
    c.abandoned = false;
    c.deferred = false;
    free_controls.push_back(c);
}

void fail_call(Slot& holder, Control& c, Error error) {
    const CallFrame& k = c.frames[c.depth - 1];
    if (c.state == Control::State::queued) {
        holder.requests.remove(c);
        --holder.queued;
        if ((k.flags & cargo_flags) != 0) discard_cargo(holder, k.flags, cargo_of(k));
    } else {
        let_go(holder, c);
    }
    Slot* to = pop_to_receiver(c, error);
    if (to == nullptr) {
        free_control(c);
        return;
    }
    if (Process* woken = pass_result(*to, c, error, 0, {}); woken != nullptr) make_ready(*woken);
}

void wake_receiver(Slot& slot) {
    Process* t = slot.process;
    if (t == nullptr || t->state != Process::State::receiving || !anything_pending(slot)) return;
    t->deadline = 0;
    take_next(slot, *t);
    make_ready(*t);
}

void post_event(Slot& slot, u64 events) {
    slot.events |= events;
    wake_receiver(slot);
}

void start_deadline(Control& c, u64 timeout_us) {
    if (timeout_us == 0) return;
    c.deadline = deadline_after(timeout_us);
    ++timed_calls;
    if (c.deadline < earliest_deadline) earliest_deadline = c.deadline;
    arm(c.deadline);
}

void stop_deadline(Control& c) {
    if (c.deadline == 0) return;
    c.deadline = 0;
    if (--timed_calls == 0) earliest_deadline = never;
}

// The requester no longer waits: its side is unmapped first, and the late answer frees the control ICA.
void call_timed_out(Process& process) {
    Control& c = *process.call;
    Slot& me = *process.slot;
    process.call = nullptr;
    me.window.unmap_control(c.index);
    lost_pages(me, control_zone + c.index, 1);
    c.waiting = nullptr;
    c.abandoned = true;
    c.way = Control::Way::other;
    if (c.state == Control::State::queued) fail_call(*c.holder, c, Error::timed_out);
    finish(process, Error::timed_out);
    process.context.rdi = 1;  // the control ICA is gone
    make_ready(process);
}

u64 expire_calls(u64 time) {
    if (time < earliest_deadline) return earliest_deadline;
    u64 first = never;
    for (Control& c : made_controls()) {
        if (c.deadline == 0) continue;
        if (c.deadline > time) {
            if (c.deadline < first) first = c.deadline;
            continue;
        }
        stop_deadline(c);
        // A call in work cannot be taken from its server: the requester gets the result when it comes.
        if (c.state == Control::State::queued) fail_call(*c.holder, c, Error::timed_out);
    }
    earliest_deadline = first;
    return first;
}

}  // namespace ant::core
