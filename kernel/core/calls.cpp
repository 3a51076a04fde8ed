// The system calls of a call's way: nothing but what the usual case needs; the rest is in call_path.cpp.
//
// entry.S keeps no register for these functions, and they need keep none: this file is compiled with all registers
// scratch (CMakeLists.txt). So nothing here may be called from elsewhere in the core.
#include "calls.hpp"

#include "controls.hpp"

namespace ant::core {

namespace {

constexpr u32 request_flags = cargo_flags | abi::flag::io_wait;

Process* fail(Process& p, Error error) { return finish(p, error); }

// The parameter area lies inside the page, behind the frames.
bool good_parameters(u64 parameters) {
    const u64 offset = static_cast<u32>(parameters), bytes = parameters >> 32;
    return offset >= abi::parameter_base && offset + bytes <= page_size;
}

// The function, if somebody provides it and the slot may call it.
[[gnu::always_inline]] inline const Function* function_at(const Slot& me, u32 id) {
    const Function* f = opaque(&functions[id & (max_functions - 1)]);
    return f->id == id && f->slot != nullptr && (me.callees & f->right) != 0 ? f : nullptr;
}

// The process of the slot, if it waits in receive: then it gets the call at once.
[[gnu::always_inline]] inline Process* receiver_of(const Slot& s) {
    Process* p = s.process;
    return p != nullptr && p->state == Process::State::receiving ? p : nullptr;
}

// The usual move, in one go: to a slot whose process receives it now. no_page: it is not that simple, and nothing
// has changed. The giver's process must load its address space anew before it runs again.
[[gnu::noinline]] Pfn move_at_once(Slot& from, Slot& to, u64 address) {
    const u64 pfn = (address - abi::ica_base) >> page_shift;
    if (pfn >= pool.size() || (address & (page_size - 1)) != 0) [[unlikely]]
        return no_page;
    const Pfn area = static_cast<Pfn>(pfn);
    const PageInfo& info = pool[area];
    if (!info.is_area_of(from.index) || info.held_up() || area == from.state_area) [[unlikely]]
        return no_page;
    if (to.area_pages + info.pages > to.quota_pages) [[unlikely]]
        return no_page;
    if (!machine::Window::move(from.window, to.window, area, info.pages)) [[unlikely]]
        return no_page;
    unlink_area(from, area);
    link_area(to, area);
    return area;
}

// `woken`: a process with a receipt, not yet ready. Nothing that the duties bring may displace it.
[[gnu::always_inline]] inline void begin_receive(Slot& me, Process* woken = nullptr) {
    if (me.current != nullptr) [[unlikely]]
        defer_current(me);
    if (me.duties != 0) [[unlikely]] {
        if (woken != nullptr) woken->state = Process::State::ready;
        do_duties(me);
    }
}

// Blocks the process in receive. False: there is something to take, and it has it now.
[[gnu::always_inline]] inline bool block_in_receive(Process& p, Slot& me, u64 timeout_us, u64 time) {
    if (anything_pending(me)) [[unlikely]] {
        take_next(me, p);
        return false;
    }
    if (timeout_us != 0) [[unlikely]] {
        if (timeout_us == abi::poll) {
            ++me.turns;
            finish(p, Error::timed_out);
            return false;
        }
        p.deadline = deadline_after(timeout_us, time);
        arm(p.deadline);
    }
    p.state = Process::State::receiving;
    return true;
}

// A call has left the hands of `p`, which now receives. `woken` is the process that became able to run; `moved` says
// that a data ICA went with it.
[[gnu::always_inline]] inline Process* receive_after(Process& p, Slot& me, u64 control, Process* woken, u64 timeout_us,
                                                     bool moved) {
    begin_receive(me, woken);
    const u64 time = machine::now();
    if (block_in_receive(p, me, timeout_us, time)) [[likely]] {
        if (woken != nullptr) [[likely]]
            return hand_from(p, *woken, time);
        arch::cpu().loaded = nullptr;  // the control ICA has left this space: flushed by the next switch
        return schedule();
    }
    if (moved)
        arch::cpu().loaded = nullptr;
    else
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

// Flags of a frame that ask for more than a mapping when it is answered.
constexpr u32 not_plain = static_cast<u32>(abi::DataMode::lend_read) | abi::flag::data_list | abi::flag::direct_return;

// All stages behind the first return directly, and no loan ends with any of them.
[[gnu::always_inline]] inline bool straight_back(const Control& c) {
    unsigned depth = c.depth - 1u;
    for (const CallFrame* k = opaque(&c.frames[depth]); depth != 0; --depth, --k)
        if ((k->flags & not_plain) != abi::flag::direct_return) return false;
    return (c.frames[0].flags & not_plain) == 0;
}

[[gnu::always_inline]] inline void begin_answer(Slot& me, Control& c, unsigned depth, Error error, std::int64_t value) {
    abi::Frame& w = *opaque(&c.page->frames[depth]);
    w.error = static_cast<u32>(error);
    w.value = value;
    let_go(me, c);
    ++me.calls_served;
    c.depth = static_cast<u8>(depth);
}

// The usual answers, without data: to a requester that waits, and to a relay that receives. nullptr: it is neither,
// and nothing has changed.
[[gnu::always_inline]] inline Process* answer_plainly(Slot& me, Control& c, Error error, std::int64_t value) {
    const unsigned depth = c.depth - 1u;
    const CallFrame& k = *opaque(&c.frames[depth]);
    if (depth == 0 || (k.flags & abi::flag::direct_return) != 0) [[likely]] {
        if (c.waiting == nullptr || !straight_back(c)) [[unlikely]]
            return nullptr;
        begin_answer(me, c, 0, error, value);
        return complete(*c.waiting, c, error, value, 0);
    }
    Slot& relay = *k.requester;
    Process* t = receiver_of(relay);
    if (t == nullptr || (k.flags & not_plain) != 0 || relay.generation != k.requester_generation) [[unlikely]]
        return nullptr;
    begin_answer(me, c, depth, error, value);
    c.page->currentp = frame_address(c, depth - 1);
    t->deadline = 0;
    deliver_result(relay, *t, c, error, value, k.function, 0, 0);
    return t;
}

// The only stage is answered with an area that moves to the requester, who waits. nullptr as above.
[[gnu::always_inline]] inline Process* answer_with_area(Slot& me, Control& c, Error error, std::int64_t value, u64 data) {
    if (c.depth != 1 || c.waiting == nullptr || (c.frames[0].flags & not_plain) != 0) return nullptr;
    if (move_at_once(me, *c.waiting, data) == no_page) return nullptr;
    begin_answer(me, c, 0, error, value);
    return complete(*c.waiting, c, error, value, data);
}

}  // namespace

Process* request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]]
        return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::owned) [[unlikely]]
        return fail(p, Error::not_owner);
    const u32 flags = static_cast<u32>(function_flags >> 32) & request_flags;
    const Function* f = function_at(*me, static_cast<u32>(function_flags));
    if (f == nullptr) [[unlikely]]
        return fail(p, why_not(*me, static_cast<u32>(function_flags)));
    if (!good_parameters(parameters)) [[unlikely]]
        return fail(p, Error::invalid_argument);
    Slot& callee = *f->slot;
    Process* receiver = receiver_of(callee);
    p.state = Process::State::calling;  // on its way out: no single page is flushed, the switch does it
    u64 moved = 0;
    if (receiver != nullptr && (flags & cargo_flags) <= 1) [[likely]] {
        if ((flags & cargo_flags) != 0) [[unlikely]] {
            if (!f->takes_data || move_at_once(*me, callee, data) == no_page)
                return request_further(p, *c, *f, flags, parameters, data, timeout_us);
            moved = data;
            c->frames[0].data = static_cast<Pfn>((data - abi::ica_base) >> page_shift);
        }
    } else {
        return request_further(p, *c, *f, flags, parameters, data, timeout_us);
    }
    push_frame(*c, 0, *me, p, *f, flags, parameters, moved);
    begin_wait(p, *c, ++next_call_id);
    const u64 time = machine::now();
    if (timeout_us != 0) [[likely]] {
        p.deadline = deadline_after(timeout_us, time);
        arm(p.deadline);
    }
    receiver->deadline = 0;
    hold_request(callee, *receiver, *c, moved, 0);
    return hand_from(p, *receiver, time);
}

Process* request_async(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]]
        return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::owned) [[unlikely]]
        return fail(p, Error::not_owner);
    const u32 flags = (static_cast<u32>(function_flags >> 32) & request_flags) | abi::flag::async;
    const Function* f = function_at(*me, static_cast<u32>(function_flags));
    if (f == nullptr) [[unlikely]]
        return fail(p, why_not(*me, static_cast<u32>(function_flags)));
    if (!good_parameters(parameters)) [[unlikely]]
        return fail(p, Error::invalid_argument);
    Slot& callee = *f->slot;
    Process* receiver = receiver_of(callee);
    Cargo cargo;
    if (receiver == nullptr || (flags & cargo_flags) != 0) [[unlikely]] {
        const Error error = aim_further(*me, *f, *c, flags, data, parameters, false, cargo);
        if (error != Error::none) return fail(p, error);
    }
    push_frame(*c, 0, *me, p, *f, flags, parameters, cargo.data == no_page ? 0 : address_of(cargo.data));
    keep_cargo(*c, 0, cargo);
    c->page->call_id = c->id = ++next_call_id;
    start_deadline(*c, timeout_us);
    me->window.unmap_control(c->index);
    finish(p, Error::none, c->id);
    pass_request(callee, receiver, *c, c->frames[0]);
    return go_on_after(p, control, receiver);
}

Process* receive(u64 timeout_us) {
    Process& p = *arch::cpu().current;
    if (p.slot == nullptr) [[unlikely]]
        return fail(p, Error::not_registered);
    begin_receive(*p.slot);
    if (block_in_receive(p, *p.slot, timeout_us, machine::now())) return schedule();
    return resume(p);
}

Process* reply(u64 control, u64 value, u64 data_mode, u64 error_list) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]]
        return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]]
        return fail(p, Error::not_owner);
    const Error error = static_cast<Error>(error_list & 0xff);
    const auto signed_value = static_cast<std::int64_t>(value);
    const bool plain = ((data_mode & abi::flag::data_mask) | (error_list >> 32)) == 0;
    Process* woken = plain ? answer_plainly(*me, *c, error, signed_value) : nullptr;
    Error status = Error::none;
    if (woken == nullptr) woken = answer_further(*me, *c, error, signed_value, data_mode, (error_list >> 32) != 0, status);
    finish(p, status);
    if (refused(status)) [[unlikely]]
        return &p;
    return go_on_after(p, control, woken);
}

Process* reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* me = p.slot;
    if (me == nullptr) [[unlikely]]
        return fail(p, Error::not_registered);
    Control* c = control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]]
        return fail(p, Error::not_owner);
    p.state = Process::State::ready;  // on its way out, as in request
    const Error error = static_cast<Error>(error_list & 0xff);
    const auto signed_value = static_cast<std::int64_t>(value);
    const u64 extras = (data_mode & abi::flag::data_mask) | error_list >> 32;
    if (extras == 0) [[likely]] {
        if (Process* woken = answer_plainly(*me, *c, error, signed_value); woken != nullptr) [[likely]]
            return receive_after(p, *me, control, woken, timeout_us, false);
    } else if (extras == static_cast<u64>(abi::DataMode::move) && error_list >> 32 == 0) {
        if (Process* woken = answer_with_area(*me, *c, error, signed_value, data_mode & ~u64{abi::flag::data_mask});
            woken != nullptr)
            return receive_after(p, *me, control, woken, timeout_us, true);
    }
    Error status = Error::none;
    Process* woken = answer_further(*me, *c, error, signed_value, data_mode, (error_list >> 32) != 0, status);
    if (refused(status)) [[unlikely]] {  // an abandoned call is over: on to the next
        p.state = Process::State::running;
        return fail(p, status);
    }
    return receive_after(p, *me, control, woken, timeout_us, extras != 0);
}

namespace {

// Multi-stage: passes a call that is held on to the next server, which has it at once if it is `receiver`.
[[gnu::always_inline]] inline Error pass_on(Process& p, u64 function_flags, u64 control, u64 parameters, u64 data,
                                            Process*& receiver) {
    Slot* me = p.slot;
    Control* c = me == nullptr ? nullptr : control_at(*me, control);
    if (c == nullptr || c->state != Control::State::held) [[unlikely]]
        return Error::not_owner;
    const unsigned depth = c->depth;
    if (depth == abi::max_stages) [[unlikely]]
        return Error::too_many;
    const u32 flags = (static_cast<u32>(function_flags >> 32) & (request_flags | abi::flag::direct_return)) | abi::flag::async;
    const Function* f = function_at(*me, static_cast<u32>(function_flags));
    if (f == nullptr) [[unlikely]]
        return why_not(*me, static_cast<u32>(function_flags));
    if (!good_parameters(parameters)) [[unlikely]]
        return Error::invalid_argument;
    Slot& callee = *f->slot;
    receiver = receiver_of(callee);
    Cargo cargo;
    if (receiver == nullptr || (flags & cargo_flags) != 0) [[unlikely]] {
        const Error error = aim_further(*me, *f, *c, flags, data, parameters, false, cargo);
        if (error != Error::none) return error;
    }
    let_go(*me, *c);
    ++me->turns;
    push_frame(*c, depth, *me, p, *f, flags, parameters, cargo.data == no_page ? 0 : address_of(cargo.data));
    keep_cargo(*c, depth, cargo);
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
    return receive_after(p, *p.slot, control, receiver, timeout_us, (function_flags >> 32 & cargo_flags) != 0);
}

}  // namespace ant::core
