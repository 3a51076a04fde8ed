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
    relink_area(from, to, area);
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

// From a process that has blocked to one that waited in the core, with what its system call answers. Nothing that could
// stand against it does (nothing_against).
[[gnu::always_inline]] inline Process* hand_over_plainly(Process& blocked, Process& next, u64 time,
                                                         const machine::Answer& answer) {
    auto& cpu = arch::cpu();
    leave_for(blocked, next, time);
    ++cpu.counters.cr3_writes;
    machine::load_root(next.cr3);
    cpu.loaded = &next;
    next.state = Process::State::running;
    machine::leave(next.context, answer);
    return &next;
}

// Blocks the process in receive. False: there is something to take, and it has it now.
[[gnu::always_inline]] inline bool block_in_receive(Process& p, Slot& me, u64 timeout_us, u64 time) {
    if (anything_pending(me)) [[unlikely]] {
        take_next(me, p);
        return false;
    }
    if (timeout_us == abi::poll) [[unlikely]] {
        ++me.turns;
        finish(p, Error::timed_out);
        return false;
    }
    set_deadline(p, timeout_us, time);
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
    set_deadline(p, timeout_us, time);
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

// The same three without their rarer parts: a synchronous request to a server that waits, the answer to it, and passing it on to
// another server that waits, without data or with one area that moves at once. Whatever is not as it mostly is goes the way
// above, with nothing changed.

namespace {

constexpr u64 with_area = static_cast<u64>(abi::DataMode::move);
constexpr unsigned flags_shift = 32;  // in the first argument of a request

// Where parameters begin by default. -> the number of their bytes; too large if they begin elsewhere.
u64 usual_parameters(u64 parameters) { return std::rotr(parameters - abi::parameter_base, 32); }

// Added to where it lies: one instruction less than by way of a register.
u64 new_call_id() {
    asm("incq %0" : "+m"(next_call_id));
    return next_call_id;
}

// As push_frame, without flags other than `with_area`.
template <u64 mode>
[[gnu::always_inline]] inline abi::ControlIca* push_plain_frame(Control& c, unsigned depth, Slot& requester,
                                                                const Process& process, const Function& f, u64 control, u64 bytes,
                                                                u64 data, u64 flags = mode) {
    abi::ControlIca* const page = c.page;
    abi::Frame* const w = &page->frames[depth];
    const u64 here = control + offsetof(abi::ControlIca, frames) + depth * sizeof(abi::Frame);
    const auto pair = [w](std::size_t offset, u64 value) {
        __builtin_memcpy(reinterpret_cast<std::byte*>(w) + offset, &value, sizeof value);
    };
    page->currentp = here;
    w->previous = depth == 0 ? 0 : here - sizeof(abi::Frame);
    pair(offsetof(abi::Frame, requester_pid), process.identity);
    pair(offsetof(abi::Frame, user_id), requester.user_id | flags << flags_shift);
    pair(offsetof(abi::Frame, callee_slot), f.identity);
    w->parameters = control + abi::parameter_base;
    pair(offsetof(abi::Frame, parameter_bytes), bytes);
    w->data = data;
    CallFrame& k = c.frames[depth];
    k.requester = &requester;
    const u64 generation_and_flags = requester.generation | flags << flags_shift;
    __builtin_memcpy(&k.requester_generation, &generation_and_flags, sizeof generation_and_flags);
    k.function = f.id;
    if constexpr (mode == with_area) k.data = static_cast<Pfn>((data - abi::ica_base) >> page_shift);
    return page;
}

// A request that is in order but for what `mode` adds. nullptr: nothing has changed.
template <u64 mode>
[[gnu::always_inline]] inline Process* request_at_once(Process& p, Slot& me, Control& c, const Function& f, u64 index,
                                                       u64 control, u64 parameters, u64 data, u64 timeout_us) {
    const u64 bytes = usual_parameters(parameters);
    constexpr u64 longest_us = (u64{1} << 31) - 1;
    if (bytes > abi::parameter_capacity || timeout_us - 1 >= longest_us) [[unlikely]]  // 0: it has no limit
        return nullptr;
    Slot& callee = *f.slot;
    Process* const t = receiver_of(callee);
    if (t == nullptr || !scheduler.nothing_against(*t)) [[unlikely]]
        return nullptr;
    const u64 time = machine::now();
    const u64 deadline = time + timeout_us * machine::ticks_per_us();
    if (deadline < arch::cpu().armed) [[unlikely]]
        return nullptr;

    abi::ControlIca* const page = push_plain_frame<mode>(c, 0, me, p, f, control, bytes, mode == with_area ? data : 0);
    page->call_id = c.id = new_call_id();
    c.waiting = &me;
    p.call = &c;
    c.holder = &callee;
    c.set_standing(f.standing);
    callee.current = &c;
    callee.window.map_control(static_cast<u32>(index), c.leaf);
    p.deadline = deadline;
    p.state = Process::State::calling;
    return hand_over_plainly(p, *t, time, {.rsi = f.receipt, .rdi = control, .r9 = mode == with_area ? data : 0});
}

template <u64 mode>
[[gnu::always_inline]] inline Process* answer_at_once(Process& p, Slot& me, Control& c, u64 index, u64 value, u64 data) {
    Slot& to = *c.waiting;
    Process* const t = to.process;
    if (!scheduler.nothing_against(*t)) [[unlikely]]
        return nullptr;

    abi::Frame& w = c.page->frames[0];
    w.error = 0;
    w.value = static_cast<std::int64_t>(value);
    me.current = nullptr;
    me.window.unmap_control(static_cast<u32>(index));
    ++me.calls_served;
    c.holder = &to;
    c.waiting = nullptr;
    c.set_standing(Control::in_hand);
    p.deadline = 0;
    p.state = Process::State::receiving;
    return hand_over_plainly(p, *t, machine::now(), {.rdx = value, .rsi = mode == with_area ? data : 0});
}

// Apart, so that the ways without an area need no stack.
// The area first: few values have to outlive that. It goes back when the rest cannot be done so.
[[gnu::noinline]] Process* plain_request_with_area(Control& c, const Function& f, u64 parameters, u64 data, u64 timeout_us) {
    const auto otherwise = [&] { return request(f.id | with_area << flags_shift, c.address, parameters, data, timeout_us); };
    if (!f.takes_data || receiver_of(*f.slot) == nullptr) [[unlikely]]
        return otherwise();
    const Pfn area = move_at_once(*c.holder, *f.slot, data);
    if (area == no_page) [[unlikely]]
        return otherwise();
    Process& p = *arch::cpu().current;
    Process* next = request_at_once<with_area>(p, *p.slot, c, f, c.index, c.address, parameters, data, timeout_us);
    if (next != nullptr) [[likely]]
        return next;
    (void)machine::Window::move(f.slot->window, p.slot->window, area, pool[area].pages);  // it was there: no table is missing
    relink_area(*f.slot, *p.slot, area);
    return otherwise();
}
[[gnu::noinline]] Process* plain_answer_with_area(Control& c, u64 value, u64 data_mode) {
    const auto otherwise = [&] { return reply_and_receive(c.address, value, data_mode, 0, 0); };
    if (!scheduler.nothing_against(*c.waiting->process) || move_at_once(*c.holder, *c.waiting, data_mode - with_area) == no_page)
        [[unlikely]]
        return otherwise();
    Process& p = *arch::cpu().current;
    return answer_at_once<with_area>(p, *p.slot, c, c.index, value, data_mode - with_area);
}

}  // namespace

Process* plain_request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* const me = p.slot;
    const auto otherwise = [=] { return request(function_flags, control, parameters, data, timeout_us); };
    const u64 index = control_index(control);
    if (index >= max_controls) [[unlikely]]
        return otherwise();
    Control& c = *opaque(&controls[index]);
    // Without a slot one is the holder of what is free, which is in nobody's hand.
    if (c.holder != me || !c.stands(Control::in_hand)) [[unlikely]]
        return otherwise();
    const Function& f = *opaque(&functions[function_flags & (max_functions - 1)]);
    if ((me->callees & f.open_to) == 0) [[unlikely]]
        return otherwise();
    if (!f.is_named(function_flags)) [[unlikely]]
        return f.is_named(function_flags - (with_area << flags_shift))
                   ? plain_request_with_area(c, f, parameters, data, timeout_us)
                   : otherwise();
    Process* next = request_at_once<0>(p, *me, c, f, index, control, parameters, data, timeout_us);
    return next != nullptr ? next : otherwise();
}

Process* plain_reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* const me = p.slot;
    const auto otherwise = [=] { return reply_and_receive(control, value, data_mode, error_list, timeout_us); };
    const u64 index = control_index(control);
    if (index >= max_controls || (error_list | timeout_us) != 0) [[unlikely]]
        return otherwise();
    Control& c = *opaque(&controls[index]);
    if (c.holder != me || !c.stands(Control::first_stage) || me->busy()) [[unlikely]]
        return otherwise();
    if (data_mode != 0) [[unlikely]]
        return (data_mode & abi::flag::data_mask) == with_area ? plain_answer_with_area(c, value, data_mode) : otherwise();
    Process* next = answer_at_once<0>(p, *me, c, index, value, 0);
    return next != nullptr ? next : otherwise();
}

Process* plain_forward_and_receive(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* const me = p.slot;
    const auto otherwise = [=] { return forward_and_receive(function_flags, control, parameters, data, timeout_us); };
    const u64 index = control_index(control);
    if (index >= max_controls || timeout_us != 0) [[unlikely]]
        return otherwise();
    Control& c = *opaque(&controls[index]);
    const unsigned depth = c.depth;
    if (me == nullptr || me->current != &c || depth == abi::max_stages || me->busy()) [[unlikely]]
        return otherwise();
    const Function& f = functions[function_flags & (max_functions - 1)];
    const u64 flags = function_flags >> flags_shift & abi::flag::direct_return, bytes = usual_parameters(parameters);
    if (!f.is_named(function_flags - (flags << flags_shift)) || (me->callees & f.open_to) == 0 || bytes > abi::parameter_capacity)
        [[unlikely]]
        return otherwise();
    Slot& callee = *f.slot;
    Process* const t = receiver_of(callee);
    if (t == nullptr || !scheduler.nothing_against(*t)) [[unlikely]]
        return otherwise();

    push_plain_frame<0>(c, depth, *me, p, f, control, bytes, 0, flags | abi::flag::async);
    me->current = nullptr;
    me->window.unmap_control(static_cast<u32>(index));
    ++me->turns;
    c.holder = &callee;
    c.depth = static_cast<u8>(depth + 1);
    c.unusual = true;
    c.op = f.op;
    callee.current = &c;
    callee.window.map_control(static_cast<u32>(index), c.leaf);
    p.deadline = 0;
    p.state = Process::State::receiving;
    return hand_over_plainly(p, *t, machine::now(), {.rsi = f.receipt, .rdi = control});
}

}  // namespace ant::core
