#include "calls.hpp"

#include "controls.hpp"
#include "interrupt_lines.hpp"
#include "replacement.hpp"

namespace ant::core {

namespace {

constexpr u32 request_flags = cargo_flags | abi::flag::io_wait;

constinit u64 next_call_id = 0;

Process* fail(Process& p, Error error) { return finish(p, error); }

// The parameter area lies inside the page, behind the frames.
bool good_parameters(u64 parameters) {
    const u64 offset = static_cast<u32>(parameters), bytes = parameters >> 32;
    return offset >= abi::parameter_base && offset + bytes <= page_size;
}

Error why_not(const Slot& me, u32 function) {
    const Function& f = functions[function & (max_functions - 1)];
    if (f.id != function || f.id == 0) return Error::not_found;
    return (me.callees >> f.group & 1) == 0 ? Error::denied : Error::no_server;
}

// The function, if somebody provides it and the slot may call it.
[[gnu::always_inline]] inline const Function* function_at(const Slot& me, u32 id) {
    const Function* f = opaque(&functions[id & (max_functions - 1)]);
    return f->id == id && f->slot != nullptr && (me.callees >> f->group & 1) != 0 ? f : nullptr;
}

// The process of the slot, if it waits in receive: then it gets the call at once.
[[gnu::always_inline]] inline Process* receiver_of(const Slot& s) {
    Process* p = s.process;
    return p != nullptr && p->state == Process::State::receiving ? p : nullptr;
}

// What is not needed for a call without data to a server that waits.
Error aim_further(Slot& me, Slot& callee, Control& c, u32 flags, u64 data, u64 parameters, bool waits, Cargo& cargo) {
    if (waits && &callee == &me) return Error::invalid_argument;  // it would wait for itself
    if (callee.queued >= max_queue) return Error::queue_full;
    if ((flags & cargo_flags) == 0) return Error::none;
    const auto loaded = load_cargo(me, callee, c, flags, data, parameters, static_cast<u32>(parameters >> 32));
    if (!loaded) return loaded.error();
    cargo = *loaded;
    return Error::none;
}

// A stage has been pushed: the callee gets it, now (`receiver`) or later.
[[gnu::always_inline]] inline void pass_request(Slot& callee, Process* receiver, Control& c, const CallFrame& k) {
    if (receiver != nullptr) [[likely]] {
        receiver->deadline = 0;
        deliver_request(callee, *receiver, c, k, 0);
        return;
    }
    c.holder = &callee;
    c.state = Control::State::queued;
    callee.requests.push_back(c);
    ++callee.queued;
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

void defer_current(Slot& me) {
    Control& c = *me.current;
    me.current = nullptr;
    c.deferred = true;
    me.deferred.push_back(c);
    ++me.deferred_count;
}

[[gnu::always_inline]] inline void begin_receive(Slot& me) {
    if (me.current != nullptr) [[unlikely]] defer_current(me);
    if (me.duties != 0) [[unlikely]] do_duties(me);
}

// Blocks the process in receive. False: there is something to take, and it has it now.
[[gnu::always_inline]] inline bool block_in_receive(Process& p, Slot& me, u64 timeout_us, u64 time) {
    if (anything_pending(me)) [[unlikely]] {
        take_next(me, p);
        return false;
    }
    if (timeout_us != 0) [[unlikely]] {
        if (timeout_us == abi::poll) {
            finish(p, Error::timed_out);
            return false;
        }
        p.deadline = deadline_after(timeout_us, time);
        arm(p.deadline);
    }
    p.state = Process::State::receiving;
    return true;
}

// A call has left the hands of `p`, which now receives. `woken` is the process that became able to run.
[[gnu::always_inline]] inline Process* receive_after(Process& p, Slot& me, u64 control, Process* woken, u64 timeout_us) {
    begin_receive(me);
    const u64 time = machine::now();
    if (block_in_receive(p, me, timeout_us, time)) [[likely]] {
        if (woken != nullptr) [[likely]] return hand_from(p, *woken, time);
        arch::cpu().loaded = nullptr;  // the control ICA has left this space: flushed by the next switch
        return schedule();
    }
    machine::invalidate(control);
    if (woken != nullptr) make_ready(*woken);
    return resume(p);
}

// The same, going on.
Process* go_on_after(Process& p, u64 control, Process* woken) {
    machine::invalidate(control);
    if (woken != nullptr) make_ready(*woken);
    return resume(p);
}

// Areas that go with a result that nobody takes.
void discard_result(const Cargo& cargo) {
    const auto discard = [](Pfn area) {
        unlink_area(slots[pool[area].owner], area);
        free_area(area);
    };
    if (cargo.data != no_page) discard(cargo.data);
    if (cargo.list == nullptr) return;
    for (u32 i = 0; i < cargo.list->count; ++i) discard(cargo.list->entry[i].pfn);
    free_list(cargo.list);
}

// Who the result will reach, before anything changes; nullptr if nobody.
Slot* find_receiver(const Control& c) {
    for (unsigned depth = c.depth; depth-- != 0;) {
        const CallFrame& k = c.frames[depth];
        if ((k.flags & abi::flag::direct_return) != 0 || k.requester->generation != k.requester_generation) continue;
        return depth == 0 && c.abandoned ? nullptr : k.requester;
    }
    return nullptr;
}

// Areas that go back with an answer: moves only.
Result<Cargo> load_answer(Slot& me, Control& c, u64 data_mode, bool list) {
    const u32 mode = static_cast<u32>(data_mode & abi::flag::data_mask);
    if (mode > static_cast<u32>(abi::DataMode::move) || (list && mode != 0)) return Failure(Error::invalid_argument);
    // Where the list lies is what the page says now: checked like everything that a process writes.
    const abi::Frame& w = c.page->frames[c.depth - 1];
    const u64 parameters = *const_cast<const volatile u64*>(&w.parameters) & (page_size - 1);
    if (list && parameters < abi::parameter_base) return Failure(Error::invalid_argument);
    Slot* to = find_receiver(c);
    const u32 flags = list ? abi::flag::data_list | moves_only_flag : mode;
    return load_cargo(me, to != nullptr ? *to : me, c, flags, data_mode & ~u64{page_size - 1}, parameters,
                      static_cast<u32>(page_size - parameters));
}

// Answers a call in all but the plainest case. -> the process that became able to run
Process* answer_further(Slot& me, Control& c, Error error, std::int64_t value, u64 data_mode, bool list, Error& refused) {
    Cargo cargo;
    if ((data_mode & abi::flag::data_mask) != 0 || list) {
        const auto loaded = load_answer(me, c, data_mode, list);
        if (!loaded) {
            refused = loaded.error();
            return nullptr;
        }
        cargo = *loaded;
    }
    let_go(me, c);
    ++me.calls_served;
    Slot* to = pop_to_receiver(c, error);
    if (to == nullptr) {
        discard_result(cargo);
        free_control(c);
        return nullptr;
    }
    return pass_result(*to, c, error, value, cargo);
}

// Synchronous: the requester has the control ICA mapped already.
[[gnu::always_inline]] inline Process* complete(Slot& to, Control& c, Error error, std::int64_t value, u64 data) {
    Process& t = *to.process;
    c.holder = &to;
    c.waiting = nullptr;
    c.state = Control::State::owned;
    t.call = nullptr;
    t.deadline = 0;
    t.context.rax = static_cast<u64>(error);
    t.context.rdx = static_cast<u64>(value);
    t.context.rsi = data;
    t.context.rdi = t.context.r8 = t.context.r9 = 0;
    return &t;
}

[[gnu::always_inline]] inline Process* answer(Slot& me, Control& c, Error error, std::int64_t value, u64 data_mode, u64 list,
                                              Error& refused) {
    refused = Error::none;
    const unsigned depth = c.depth - 1u;
    const CallFrame& k = *opaque(&c.frames[depth]);
    Slot& to = *k.requester;
    const bool plain = ((k.flags & (cargo_flags | abi::flag::direct_return)) | (data_mode & abi::flag::data_mask) | list) == 0 &&
                       to.generation == k.requester_generation;
    if (plain) [[likely]] {
        abi::Frame& w = *opaque(&c.page->frames[depth]);
        if (depth == 0 ? c.waiting != nullptr : to.process != nullptr && to.process->state == Process::State::receiving) [[likely]] {
            w.error = static_cast<u32>(error);
            w.value = value;
            let_go(me, c);
            ++me.calls_served;
            c.depth = static_cast<u8>(depth);
            if (depth == 0) return complete(to, c, error, value, 0);
            c.page->currentp = frame_address(c, depth - 1);
            to.process->deadline = 0;
            deliver_result(to, *to.process, c, error, value, k.function, 0, 0);
            return to.process;
        }
    }
    return answer_further(me, c, error, value, data_mode, list != 0, refused);
}

}  // namespace

Slot* pop_to_receiver(Control& c, Error& error) {
    for (;;) {
        const CallFrame& k = c.frames[--c.depth];
        c.result_function = k.function;
        if ((k.flags & cargo_flags) != 0) end_loans(k.flags, {k.data, k.list});
        const bool there = k.requester->generation == k.requester_generation;
        if (there && (k.flags & abi::flag::direct_return) == 0) {
            if (c.depth == 0 && c.abandoned) return nullptr;
            c.page->currentp = frame_address(c, c.depth == 0 ? 0 : c.depth - 1u);
            return k.requester;
        }
        if (!there && (k.flags & abi::flag::direct_return) == 0) error = Error::server_died;
        if (c.depth == 0) return nullptr;
    }
}

Process* pass_result(Slot& to, Control& c, Error error, std::int64_t value, const Cargo& cargo) {
    abi::Frame& w = c.page->frames[c.depth];
    w.error = static_cast<u32>(error);
    w.value = value;
    const u64 data = cargo.data == no_page ? 0 : address_of(cargo.data);
    Process* t = to.process;
    const bool waiting = c.waiting != nullptr && c.depth == 0;
    if (waiting || (t != nullptr && t->state == Process::State::receiving)) {
        arrive_cargo(to, static_cast<u32>(abi::DataMode::move), cargo);
        if (cargo.list != nullptr) free_list(cargo.list);
        if (waiting) return complete(to, c, error, value, data);
        if (c.depth == 0) stop_deadline(c);
        t->deadline = 0;
        deliver_result(to, *t, c, error, value, c.result_function, data, 0);
        return t;
    }
    if (c.depth == 0) stop_deadline(c);
    c.holder = &to;
    c.state = Control::State::returned;
    c.result_error = static_cast<u32>(error);
    c.result_value = value;
    c.result_data = cargo.data;
    c.result_list = cargo.list;
    to.results.push_back(c);
    ++to.result_count;
    return nullptr;
}

void take_next(Slot& s, Process& t) {
    const u64 events = s.events & ~Slot::tell_replacement;
    const bool replacement = s.events != events;
    s.events = 0;
    s.duties |= static_cast<u8>(events & abi::event::interrupts);
    if (replacement) {
        set_receipt(t, static_cast<u64>(abi::Receipt::replacement), 0, events, 0, 0);
    } else if (Control* c = s.results.pop_front(); c != nullptr) {
        --s.result_count;
        const u64 data = c->result_data == no_page ? 0 : address_of(c->result_data);
        arrive_cargo(s, static_cast<u32>(abi::DataMode::move), {c->result_data, c->result_list});
        if (c->result_list != nullptr) free_list(c->result_list);
        c->result_data = no_page;
        c->result_list = nullptr;
        deliver_result(s, t, *c, static_cast<Error>(c->result_error), c->result_value, c->result_function, data, events);
    } else if (c = s.requests.pop_front(); c != nullptr) {
        --s.queued;
        deliver_request(s, t, *c, c->frames[c->depth - 1], events);
    } else {
        set_receipt(t, static_cast<u64>(abi::Receipt::event), 0, events, 0, 0);
    }
}

Process* request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::owned) [[unlikely]] return fail(p, Error::not_owner);
    const u32 flags = static_cast<u32>(function_flags >> 32) & request_flags;
    const Function* f = function_at(*me, static_cast<u32>(function_flags));
    if (f == nullptr) [[unlikely]] return fail(p, why_not(*me, static_cast<u32>(function_flags)));
    if (!good_parameters(parameters)) [[unlikely]] return fail(p, Error::invalid_argument);
    Slot& callee = *f->slot;
    Process* receiver = receiver_of(callee);
    p.state = Process::State::calling;  // on its way out: no single page is flushed, the switch does it
    Cargo cargo;
    if (receiver == nullptr || (flags & cargo_flags) != 0) [[unlikely]] {
        const Error error = aim_further(*me, callee, *c, flags, data, parameters, true, cargo);
        if (error != Error::none) {
            p.state = Process::State::running;
            return fail(p, error);
        }
    }
    push_frame(*c, 0, *me, p, *f, flags, parameters, cargo);
    c->page->call_id = c->id = ++next_call_id;
    c->waiting = me;
    p.call = c;
    const u64 time = machine::now();
    if (timeout_us != 0) [[likely]] {
        p.deadline = deadline_after(timeout_us, time);
        arm(p.deadline);
    }
    pass_request(callee, receiver, *c, c->frames[0]);
    if (receiver != nullptr) [[likely]] return hand_from(p, *receiver, time);
    return schedule();
}

Process* request_async(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::owned) [[unlikely]] return fail(p, Error::not_owner);
    const u32 flags = (static_cast<u32>(function_flags >> 32) & request_flags) | abi::flag::async;
    const Function* f = function_at(*me, static_cast<u32>(function_flags));
    if (f == nullptr) [[unlikely]] return fail(p, why_not(*me, static_cast<u32>(function_flags)));
    if (!good_parameters(parameters)) [[unlikely]] return fail(p, Error::invalid_argument);
    Slot& callee = *f->slot;
    Process* receiver = receiver_of(callee);
    Cargo cargo;
    if (receiver == nullptr || (flags & cargo_flags) != 0) [[unlikely]] {
        const Error error = aim_further(*me, callee, *c, flags, data, parameters, false, cargo);
        if (error != Error::none) return fail(p, error);
    }
    push_frame(*c, 0, *me, p, *f, flags, parameters, cargo);
    c->page->call_id = c->id = ++next_call_id;
    start_deadline(*c, timeout_us);
    me->window.unmap_control(c->index);
    finish(p, Error::none, c->id);
    pass_request(callee, receiver, *c, c->frames[0]);
    return go_on_after(p, control, receiver);
}

Process* receive(u64 timeout_us) {
    Process& p = *arch::cpu().current;
    if (p.slot == nullptr) [[unlikely]] return fail(p, Error::not_registered);
    begin_receive(*p.slot);
    if (block_in_receive(p, *p.slot, timeout_us, machine::now())) return schedule();
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
                            error_list >> 32, refused);
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
    p.state = Process::State::ready;  // on its way out, as in request
    Process* woken = answer(*me, *c, static_cast<Error>(error_list & 0xff), static_cast<std::int64_t>(value), data_mode,
                            error_list >> 32, refused);
    if (refused != Error::none) [[unlikely]] {
        p.state = Process::State::running;
        return fail(p, refused);
    }
    return receive_after(p, *me, control, woken, timeout_us);
}

namespace {

// Multi-stage: passes a call that is held on to the next server, which has it at once if it is `receiver`.
[[gnu::always_inline]] inline Error pass_on(Process& p, u64 function_flags, u64 control, u64 parameters, u64 data,
                                            Process*& receiver) {
    Slot* me = p.slot;
    Control* c = me == nullptr ? nullptr : control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]] return Error::not_owner;
    const unsigned depth = c->depth;
    if (depth == abi::max_stages) [[unlikely]] return Error::too_many;
    const u32 flags = (static_cast<u32>(function_flags >> 32) & (request_flags | abi::flag::direct_return)) | abi::flag::async;
    const Function* f = function_at(*me, static_cast<u32>(function_flags));
    if (f == nullptr) [[unlikely]] return why_not(*me, static_cast<u32>(function_flags));
    if (!good_parameters(parameters)) [[unlikely]] return Error::invalid_argument;
    Slot& callee = *f->slot;
    receiver = receiver_of(callee);
    Cargo cargo;
    if (receiver == nullptr || (flags & cargo_flags) != 0) [[unlikely]] {
        const Error error = aim_further(*me, callee, *c, flags, data, parameters, false, cargo);
        if (error != Error::none) return error;
    }
    let_go(*me, *c);
    push_frame(*c, depth, *me, p, *f, flags, parameters, cargo);
    pass_request(callee, receiver, *c, *opaque(&c->frames[depth]));
    return Error::none;
}

}  // namespace

Process* forward(u64 function_flags, u64 control, u64 parameters, u64 data) {
    Process& p = *arch::cpu().current;
    Process* receiver = nullptr;
    const Error error = pass_on(p, function_flags, control, parameters, data, receiver);
    finish(p, error);
    if (error != Error::none) return &p;
    return go_on_after(p, control, receiver);
}

Process* forward_and_receive(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Process* receiver = nullptr;
    p.state = Process::State::ready;  // on its way out, as in request
    const Error error = pass_on(p, function_flags, control, parameters, data, receiver);
    if (error != Error::none) [[unlikely]] {
        p.state = Process::State::running;
        return fail(p, error);
    }
    return receive_after(p, *p.slot, control, receiver, timeout_us);
}

}  // namespace ant::core
