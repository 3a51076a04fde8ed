#include "calls.hpp"

#include "interrupt_lines.hpp"
#include "replacement.hpp"

namespace ant::core {

namespace {

constexpr u32 request_flags = abi::flag::data_mask | abi::flag::data_list | abi::flag::io_wait;
constexpr u32 cargo_flags = abi::flag::data_mask | abi::flag::data_list;
constexpr u64 relayed_bit = u64{1} << 16;

constinit u64 next_call_id = 0;
constinit u32 timed_calls = 0;  // asynchronous calls with a deadline

abi::ControlIca& page_of(const Control& c) {
    return *static_cast<abi::ControlIca*>(machine::page(control_zone + c.index));
}

Slot* callee_of(const Slot& me, u64 function, const Function*& f) {
    f = &functions[function & (max_functions - 1)];
    if (f->id != static_cast<u32>(function) || f->slot == nullptr) return nullptr;
    return (me.callees >> f->group & 1) != 0 ? f->slot : nullptr;
}

Error why_not(const Slot& me, u64 function) {
    const Function& f = functions[function & (max_functions - 1)];
    if (f.id != static_cast<u32>(function) || f.id == 0) return Error::not_found;
    return (me.callees >> f.group & 1) == 0 ? Error::denied : Error::no_server;
}

// The parameter area lies inside the page, behind the frames.
bool good_parameters(u64 parameters) {
    const u64 offset = static_cast<u32>(parameters), bytes = parameters >> 32;
    return offset >= abi::parameter_base && offset + bytes <= page_size;
}

// Pushes a stage. The page gets a copy for the server to read (P-ipc table 1).
void push(Control& c, Slot& requester, const Process& process, const Function& f, u32 flags, u64 parameters, const Cargo& cargo) {
    const unsigned depth = c.depth++;
    CallFrame& k = c.frames[depth];
    k.requester = &requester;
    k.requester_generation = requester.generation;
    k.flags = flags;
    k.function = f.id;
    k.data = cargo.data;
    k.list = cargo.list;
    abi::ControlIca& page = page_of(c);
    abi::Frame& w = page.frames[depth];
    const u64 here = c.address + offsetof(abi::ControlIca, frames) + depth * sizeof(abi::Frame);
    w.previous = depth == 0 ? 0 : here - sizeof(abi::Frame);
    w.requester_pid = process.pid;
    w.requester_slot = requester.id();
    w.user_id = requester.user_id;
    w.flags = flags;
    w.callee_slot = f.slot->id();
    w.function = f.id;
    w.parameters = c.address + static_cast<u32>(parameters);
    w.parameter_bytes = static_cast<u32>(parameters >> 32);
    w.error = 0;
    w.value = 0;
    w.data = cargo.data == no_page ? 0 : address_of(cargo.data);
    page.currentp = here;
}

void set_receipt(Process& t, abi::Receipt kind, u64 detail, u64 control, u64 events, u64 value, u64 data) {
    t.context.rax = 0;
    t.context.rdx = events;
    t.context.rsi = static_cast<u64>(kind) | detail;
    t.context.rdi = control;
    t.context.r8 = value;
    t.context.r9 = data;
}

// Gives a call to the slot's process, which receives.
void deliver_request(Slot& s, Process& t, Control& c, u64 events) {
    const CallFrame& k = c.frames[c.depth - 1];
    c.state = Control::State::held;
    c.deferred = false;
    s.current = &c;
    s.window.map_control(c.index, control_zone + c.index);
    const Function& f = functions[k.function & (max_functions - 1)];
    u64 data = 0;
    if ((k.flags & cargo_flags) != 0) [[unlikely]] {
        arrive_cargo(s, k.flags, {k.data, k.list});
        data = k.data == no_page ? 0 : address_of(k.data);
    }
    set_receipt(t, abi::Receipt::request, u64{f.op} << 8, c.address, events, 0, data);
}

// Gives a result: the requester's own control ICA comes back, or a call that it forwarded.
void deliver_result(Slot& s, Process& t, Control& c, u64 events) {
    u64 detail = u64{c.result_error} << 8 | u64{c.result_function} << 32;
    if (c.depth != 0) {
        detail |= relayed_bit;
        c.state = Control::State::held;
        c.deferred = false;
        s.current = &c;
    } else {
        c.state = Control::State::owned;
    }
    s.window.map_control(c.index, control_zone + c.index);
    u64 data = 0;
    if (c.result_data != no_page || c.result_list != nullptr) [[unlikely]] {
        arrive_cargo(s, static_cast<u32>(abi::DataMode::move), {c.result_data, c.result_list});
        data = c.result_data == no_page ? 0 : address_of(c.result_data);
        if (c.result_list != nullptr) free_list(c.result_list);
        c.result_data = no_page;
        c.result_list = nullptr;
    }
    set_receipt(t, abi::Receipt::result, detail, c.address, events, static_cast<u64>(c.result_value), data);
}

bool anything_pending(const Slot& s) {
    return s.requests.front() != nullptr || s.results.front() != nullptr || s.events != 0 || s.notify_replacement;
}

// What comes first: a pending replacement, then results, then requests; events with each of them.
void take_next(Slot& s, Process& t) {
    const u64 events = s.events;
    s.events = 0;
    s.duties |= static_cast<u8>(events & abi::event::interrupts);
    if (s.notify_replacement) {
        s.notify_replacement = false;
        set_receipt(t, abi::Receipt::replacement, 0, 0, events, 0, 0);
    } else if (Control* c = s.results.pop_front(); c != nullptr) {
        --s.result_count;
        deliver_result(s, t, *c, events);
    } else if (c = s.requests.pop_front(); c != nullptr) {
        --s.queued;
        deliver_request(s, t, *c, events);
    } else {
        set_receipt(t, abi::Receipt::event, 0, 0, events, 0, 0);
    }
}

void stop_deadline(Control& c) {
    if (c.deadline != 0) [[unlikely]] {
        c.deadline = 0;
        --timed_calls;
    }
}

// A call has been pushed for `s`. -> the process of `s` if it now has the call and can run
Process* pass_request(Slot& s, Control& c) {
    c.holder = &s;
    Process* t = s.process;
    if (t != nullptr && t->state == Process::State::receiving) [[likely]] {
        t->deadline = 0;
        deliver_request(s, *t, c, 0);
        return t;
    }
    c.state = Control::State::queued;
    s.requests.push_back(c);
    ++s.queued;
    return nullptr;
}

// Checks common to request, request_async and forward. -> the callee
struct Target {
    Error error = Error::none;
    Slot* callee = nullptr;
    const Function* function = nullptr;
    Cargo cargo{};
};
[[gnu::always_inline]] inline Target aim(Slot& me, Control& c, u64 function_flags, u32 flags, u64 parameters, u64 data,
                                         bool waits = false) {
    Target t;
    t.callee = callee_of(me, static_cast<u32>(function_flags), t.function);
    if (t.callee == nullptr) [[unlikely]] {
        t.error = why_not(me, static_cast<u32>(function_flags));
    } else if (waits && t.callee == &me) [[unlikely]] {
        t.error = Error::invalid_argument;  // it would wait for itself
    } else if (!good_parameters(parameters)) [[unlikely]] {
        t.error = Error::invalid_argument;
    } else if (t.callee->queued >= max_queue) [[unlikely]] {
        t.error = Error::queue_full;
    } else if ((flags & cargo_flags) != 0) [[unlikely]] {
        const auto cargo = load_cargo(me, *t.callee, c, flags, data, parameters, static_cast<u32>(parameters >> 32));
        if (cargo)
            t.cargo = *cargo;
        else
            t.error = cargo.error();
    }
    return t;
}

// A blackout ends when the new server's first handler returns, or when it finds nothing to do.
void do_duties(Slot& me) {
    interrupts_done(me);
    const u8 blackout = me.duties;
    me.duties = 0;
    if (blackout == Slot::first_receive && anything_pending(me))
        me.duties = Slot::first_handler;
    else if (blackout != 0)
        serving_again(me);
}

void begin_receive(Slot& me) {
    if (Control* c = me.current; c != nullptr) {  // still held: it becomes a deferred call
        me.current = nullptr;
        c->deferred = true;
        me.deferred.push_back(*c);
        ++me.deferred_count;
    }
    if (me.duties != 0) [[unlikely]] do_duties(me);
}

// Blocks the process in receive. False: there is something to take, and it has it now.
bool block_in_receive(Process& p, Slot& me, u64 timeout_us) {
    if (anything_pending(me)) {
        take_next(me, p);
        return false;
    }
    if (timeout_us == abi::poll) {
        finish(p, Error::timed_out);
        return false;
    }
    p.state = Process::State::receiving;
    if (timeout_us != 0) {
        p.deadline = deadline_after(timeout_us);
        arm(p.deadline);
    }
    return true;
}

// Goes on after a call was passed on and the caller may receive: `woken` is the process that became able to run.
Process* receive_after(Process& p, Slot& me, u64 control, Process* woken, u64 timeout_us) {
    begin_receive(me);
    if (block_in_receive(p, me, timeout_us)) [[likely]] {
        arch::cpu().loaded = nullptr;  // the control ICA has left this space: flushed by the switch
        if (woken != nullptr) [[likely]] return hand_to(*woken);
        return schedule();
    }
    machine::invalidate(control);
    if (woken != nullptr) make_ready(*woken);
    return resume(p);
}

Process* go_on_after(Process& p, u64 control, Process* woken) {
    machine::invalidate(control);
    if (woken != nullptr) make_ready(*woken);
    return resume(p);
}

// Takes a call out of the hands of its holder.
void let_go(Slot& me, Control& c) {
    if (me.current == &c) [[likely]] {
        me.current = nullptr;
    } else if (c.deferred) {
        me.deferred.remove(c);
        --me.deferred_count;
        c.deferred = false;
    }
    me.window.unmap_control(c.index);
}

// Areas that go with a result that nobody takes.
void discard_result(const Cargo& cargo) {
    if (cargo.data != no_page) {
        unlink_area(slots[pool[cargo.data].owner], cargo.data);
        free_area(cargo.data);
    }
    if (cargo.list != nullptr) {
        for (u32 i = 0; i < cargo.list->count; ++i) {
            unlink_area(slots[pool[cargo.list->entry[i].pfn].owner], cargo.list->entry[i].pfn);
            free_area(cargo.list->entry[i].pfn);
        }
        free_list(cargo.list);
    }
}

// Where a result goes: pops the stages that need not see it, and those whose relay is gone.
Slot* pop_to_receiver(Control& c, Error& error) {
    for (;;) {
        const CallFrame& k = c.frames[--c.depth];
        c.result_function = k.function;
        if ((k.flags & cargo_flags) != 0) [[unlikely]] end_loans(k.flags, {k.data, k.list});
        const bool there = k.requester->generation == k.requester_generation && k.requester->alive;
        if (there && (k.flags & abi::flag::direct_return) == 0) [[likely]] {
            if (c.depth == 0 && c.abandoned) return nullptr;
            abi::ControlIca& page = page_of(c);
            page.currentp = c.address + offsetof(abi::ControlIca, frames) + (c.depth == 0 ? 0 : c.depth - 1) * sizeof(abi::Frame);
            return k.requester;
        }
        if (!there && (k.flags & abi::flag::direct_return) == 0) error = Error::server_died;
        if (c.depth == 0) return nullptr;
    }
}

// Hands the answer to its receiver. -> the process that became able to run
Process* pass_result(Slot& to, Control& c, Error error, std::int64_t value, const Cargo& cargo) {
    c.holder = &to;
    abi::Frame& w = page_of(c).frames[c.depth];
    w.error = static_cast<u32>(error);
    w.value = value;
    if (c.waiting != nullptr && c.depth == 0) [[likely]] {  // synchronous: the requester has it mapped already
        Process& t = *to.process;
        c.waiting = nullptr;
        c.state = Control::State::owned;
        t.call = nullptr;
        t.deadline = 0;
        u64 data = 0;
        if (cargo.data != no_page || cargo.list != nullptr) [[unlikely]] {
            arrive_cargo(to, static_cast<u32>(abi::DataMode::move), cargo);
            data = cargo.data == no_page ? 0 : address_of(cargo.data);
            if (cargo.list != nullptr) free_list(cargo.list);
        }
        t.context.rax = static_cast<u64>(error);
        t.context.rdx = static_cast<u64>(value);
        t.context.rsi = data;
        t.context.rdi = t.context.r8 = t.context.r9 = 0;
        return &t;
    }
    if (c.depth == 0) stop_deadline(c);
    c.result_error = static_cast<u32>(error);
    c.result_value = value;
    c.result_data = cargo.data;
    c.result_list = cargo.list;
    if (Process* t = to.process; t != nullptr && t->state == Process::State::receiving) {
        t->deadline = 0;
        deliver_result(to, *t, c, 0);
        return t;
    }
    c.state = Control::State::returned;
    to.results.push_back(c);
    ++to.result_count;
    return nullptr;
}

// Answers; `error` from the holder or from the core. -> the process that became able to run
Process* answer(Slot& me, Control& c, Error error, std::int64_t value, u64 data_mode, bool list, Error& refused) {
    refused = Error::none;
    Cargo cargo;
    if ((data_mode & abi::flag::data_mask) != 0 || list) [[unlikely]] {
        // Only moves go back; the receiver is who the result will reach, so find it before anything changes.
        unsigned depth = c.depth - 1u;
        while (depth != 0 && ((c.frames[depth].flags & abi::flag::direct_return) != 0 ||
                              c.frames[depth].requester->generation != c.frames[depth].requester_generation))
            --depth;
        Slot& to = *c.frames[depth].requester;
        const bool there = to.alive && to.generation == c.frames[depth].requester_generation && !(depth == 0 && c.abandoned);
        const u32 flags = list ? abi::flag::data_list : static_cast<u32>(abi::DataMode::move);
        const abi::Frame& w = page_of(c).frames[c.depth - 1];
        const u64 parameters = *const_cast<const volatile u64*>(&w.parameters) & (page_size - 1);
        if ((data_mode & abi::flag::data_mask) > 1 || (list && parameters < abi::parameter_base)) {
            refused = Error::invalid_argument;
            return nullptr;
        }
        const auto loaded = load_cargo(me, there ? to : me, c, flags, data_mode & ~u64{page_size - 1}, parameters,
                                       static_cast<u32>(page_size - parameters));
        if (!loaded) {
            refused = loaded.error();
            return nullptr;
        }
        cargo = *loaded;
        if (list)
            for (u32 i = 0; i < cargo.list->count; ++i)
                if (cargo.list->entry[i].mode != abi::DataMode::move) {
                    refused = Error::invalid_argument;
                    end_loans(0, cargo);
                    return nullptr;
                }
    }
    let_go(me, c);
    ++me.calls_served;
    Slot* to = pop_to_receiver(c, error);
    if (to == nullptr) [[unlikely]] {
        discard_result(cargo);
        free_control(c);
        return nullptr;
    }
    return pass_result(*to, c, error, value, cargo);
}

Process* fail(Process& p, Error error) { return finish(p, error); }

}  // namespace

Control* control_at(const Slot& slot, u64 address) {
    const u64 index = (address - control_base) >> page_shift;
    if (index >= max_controls) [[unlikely]] return nullptr;
    Control& c = controls[index];
    return c.holder == &slot && c.address == address ? &c : nullptr;
}

Process* request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::owned) [[unlikely]] return fail(p, Error::not_owner);
    const u32 flags = static_cast<u32>(function_flags >> 32) & request_flags;
    p.state = Process::State::calling;
    const Target t = aim(*me, *c, function_flags, flags, parameters, data, true);
    if (t.error != Error::none) [[unlikely]] {
        p.state = Process::State::running;
        return fail(p, t.error);
    }
    push(*c, *me, p, *t.function, flags, parameters, t.cargo);
    page_of(*c).call_id = c->id = ++next_call_id;
    c->waiting = me;
    p.call = c;
    if (timeout_us != 0) [[likely]] {
        p.deadline = deadline_after(timeout_us);
        arm(p.deadline);
    }
    if (Process* next = pass_request(*t.callee, *c); next != nullptr) [[likely]] return hand_to(*next);
    return schedule();
}

Process* request_async(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::owned) [[unlikely]] return fail(p, Error::not_owner);
    const u32 flags = (static_cast<u32>(function_flags >> 32) & request_flags) | abi::flag::async;
    const Target t = aim(*me, *c, function_flags, flags, parameters, data);
    if (t.error != Error::none) [[unlikely]] return fail(p, t.error);
    push(*c, *me, p, *t.function, flags, parameters, t.cargo);
    page_of(*c).call_id = c->id = ++next_call_id;
    if (timeout_us != 0) {
        c->deadline = deadline_after(timeout_us);
        ++timed_calls;
        arm(c->deadline);
    }
    me->window.unmap_control(c->index);
    finish(p);
    p.context.rdx = c->id;
    return go_on_after(p, control, pass_request(*t.callee, *c));
}

Process* receive(u64 timeout_us) {
    Process& p = *arch::cpu().current;
    if (p.slot == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    begin_receive(*p.slot);
    if (block_in_receive(p, *p.slot, timeout_us)) return schedule();
    return resume(p);
}

Process* reply(u64 control, u64 value, u64 data_mode, u64 error_list) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]] return fail(p, Error::not_owner);
    Error refused;
    Process* woken = answer(*me, *c, static_cast<Error>(error_list & 0xff), static_cast<std::int64_t>(value), data_mode,
                            (error_list >> 32) != 0, refused);
    finish(p, refused);
    if (refused != Error::none) return &p;
    return go_on_after(p, control, woken);
}

Process* reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]] return fail(p, Error::not_owner);
    Error refused;
    p.state = Process::State::ready;  // on its way out: no single page is flushed, the switch does it
    Process* woken = answer(*me, *c, static_cast<Error>(error_list & 0xff), static_cast<std::int64_t>(value), data_mode,
                            (error_list >> 32) != 0, refused);
    if (refused != Error::none) [[unlikely]] {
        p.state = Process::State::running;
        return fail(p, refused);
    }
    return receive_after(p, *me, control, woken, timeout_us);
}

namespace {

Process* pass_on(Process& p, u64 function_flags, u64 control, u64 parameters, u64 data, Error& error) {
    Slot* me = p.slot;
    Control* c = me == nullptr ? nullptr : control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]] {
        error = Error::not_owner;
        return nullptr;
    }
    if (c->depth == abi::max_stages) [[unlikely]] {
        error = Error::too_many;
        return nullptr;
    }
    const u32 flags = (static_cast<u32>(function_flags >> 32) & (request_flags | abi::flag::direct_return)) | abi::flag::async;
    const Target t = aim(*me, *c, function_flags, flags, parameters, data);
    error = t.error;
    if (error != Error::none) [[unlikely]] return nullptr;
    let_go(*me, *c);
    push(*c, *me, p, *t.function, flags, parameters, t.cargo);
    return pass_request(*t.callee, *c);
}

}  // namespace

Process* forward(u64 function_flags, u64 control, u64 parameters, u64 data) {
    Process& p = *arch::cpu().current;
    Error error;
    Process* woken = pass_on(p, function_flags, control, parameters, data, error);
    finish(p, error);
    if (error != Error::none) return &p;
    return go_on_after(p, control, woken);
}

Process* forward_and_receive(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Error error;
    Process* woken = pass_on(p, function_flags, control, parameters, data, error);
    if (error != Error::none) [[unlikely]] return fail(p, error);
    return receive_after(p, *p.slot, control, woken, timeout_us);
}

// Control ICAs ---------------------------------------------------------------------------------------

Result<Control*> reserve_control(Slot& slot) {
    if (slot.control_count >= slot.quota_calls) return Failure(Error::over_quota);
    static constinit u32 cursor = 0;
    for (u32 i = 0; i < max_controls; ++i) {
        Control& c = controls[cursor++ % max_controls];
        if (c.state != Control::State::free) continue;
        machine::zero_page(control_zone + c.index);
        c.state = Control::State::owned;
        c.holder = &slot;
        c.depth = 0;
        c.abandoned = false;
        c.origin = &slot;
        c.origin_generation = slot.generation;
        ++slot.control_count;
        slot.window.map_control(c.index, control_zone + c.index);
        return &c;
    }
    return Failure(Error::too_many);
}

Result<> release_control(Slot& slot, u64 address) {
    Control* c = control_at(slot, address);
    if (c == nullptr || c->state != Control::State::owned) return Failure(Error::not_owner);
    slot.window.unmap_control(c->index);
    machine::invalidate(c->address);
    free_control(*c);
    return {};
}

void free_control(Control& c) {
    if (c.origin != nullptr && c.origin->generation == c.origin_generation) --c.origin->control_count;
    stop_deadline(c);
    c.state = Control::State::free;
    c.holder = nullptr;
    c.waiting = nullptr;
    c.origin = nullptr;
    c.depth = 0;
}

// Errors and time ------------------------------------------------------------------------------------

void fail_call(Slot& holder, Control& c, Error error) {
    const CallFrame& k = c.frames[c.depth - 1];
    if (c.state == Control::State::queued) {
        holder.requests.remove(c);
        --holder.queued;
        if ((k.flags & cargo_flags) != 0) discard_cargo(holder, k.flags, {k.data, k.list});
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

// The requester no longer waits: its side is unmapped first, and the late answer frees the control ICA.
void call_timed_out(Process& process) {
    Control& c = *process.call;
    Slot& me = *process.slot;
    process.call = nullptr;
    me.window.unmap_control(c.index);
    lost_pages(me, control_zone + c.index, 1);
    c.waiting = nullptr;
    c.abandoned = true;
    if (c.state == Control::State::queued) fail_call(*c.holder, c, Error::timed_out);
    finish(process, Error::timed_out);
    make_ready(process);
}

u64 expire_calls(u64 time) {
    u64 first = ~u64{0};
    if (timed_calls == 0) return first;
    for (Control& c : controls) {
        if (c.deadline == 0) continue;
        if (c.deadline > time) {
            if (c.deadline < first) first = c.deadline;
            continue;
        }
        stop_deadline(c);
        if (c.state == Control::State::queued) fail_call(*c.holder, c, Error::timed_out);
        // A call in work cannot be taken from its server; the requester gets the result when it comes.
    }
    return first;
}

}  // namespace ant::core
