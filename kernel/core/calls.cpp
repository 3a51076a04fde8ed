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

// The usual move, in one go: to a slot whose process receives it now. False: it is not that simple, and nothing
// has changed. The giver's process must load its address space anew before it runs again.
[[gnu::always_inline]] inline bool move_inline(Slot& from, Slot& to, u64 address, Pfn& area) {
    const u64 pfn = std::rotr(address - abi::ica_base, page_shift);  // inside a page: too large
    if (pfn >= pool.size()) [[unlikely]]
        return false;
    area = static_cast<Pfn>(pfn);
    const PageInfo& info = *opaque(&pool[area]);
    if (!info.is_area_of(from.index) || info.held_up() || area == from.state_area) [[unlikely]]
        return false;
    const u32 pages = info.pages;
    if (to.area_pages + pages > to.quota_pages) [[unlikely]]
        return false;
    if (!machine::Window::move(from.window, to.window, area, pages)) [[unlikely]]
        return false;
    relink_area(from, to, area);
    return true;
}
[[gnu::noinline]] bool move_at_once(Slot& from, Slot& to, u64 address) {
    Pfn area;
    return move_inline(from, to, address, area);
}

// Read anew, so that it need not be kept in a register meanwhile.
template <class T>
[[gnu::always_inline]] inline T again(const T& value) {
    return *const_cast<const volatile T*>(&value);
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
[[gnu::noinline]] Process* receive_after(Process& p, Slot& me, u64 control, Process* woken, u64 timeout_us, bool moved) {
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
    return woken != nullptr ? resume_beside(p, *woken) : resume(p);
}

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

// The usual answers, without data: to a requester that waits, and to one, or a relay, that receives. nullptr: it is neither,
// and nothing has changed.
[[gnu::noinline]] Process* answer_plainly(Slot& me, Control& c, Error error, std::int64_t value) {
    const unsigned depth = c.depth - 1u;
    const CallFrame& k = *opaque(&c.frames[depth]);
    if (c.waiting != nullptr && (depth == 0 || (k.flags & abi::flag::direct_return) != 0)) [[likely]] {
        if (!straight_back(c)) [[unlikely]]
            return nullptr;
        begin_answer(me, c, 0, error, value);
        return complete(*c.waiting, c, error, value, 0);
    }
    Slot& to = *k.requester;
    Process* t = receiver_of(to);
    if (t == nullptr || (k.flags & not_plain) != 0 || to.generation != k.requester_generation) [[unlikely]]
        return nullptr;
    if (depth == 0) {
        if (c.abandoned) [[unlikely]]
            return nullptr;
        stop_deadline(c);
        ++to.turns;
    }
    begin_answer(me, c, depth, error, value);
    c.page->currentp = frame_address(c, depth == 0 ? 0 : depth - 1);
    deliver_result(to, *t, c, error, value, k.function, 0, 0);
    return t;
}

// The only stage is answered with an area that moves to the requester, who waits. nullptr as above.
[[gnu::always_inline]] inline Process* answer_with_area(Slot& me, Control& c, Error error, std::int64_t value, u64 data) {
    if (c.depth != 1 || c.waiting == nullptr || (c.frames[0].flags & not_plain) != 0) return nullptr;
    if (!move_at_once(me, *c.waiting, data)) return nullptr;
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
            if (!f->takes_data || !move_at_once(*me, callee, data))
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
[[gnu::noinline]] Error pass_on(Process& p, u64 function_flags, u64 control, u64 parameters, u64 data, Process*& receiver) {
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
constexpr unsigned flags_shift = 32;            // in the first argument of a request
constexpr u64 longest_us = (u64{1} << 31) - 1;  // of a time limit

// Where parameters begin by default. -> the number of their bytes; too large if they begin elsewhere.
u64 usual_parameters(u64 parameters) { return std::rotr(parameters - abi::parameter_base, 32); }

// Added to where it lies: one instruction less than by way of a register.
u64 new_call_id() {
    asm("incq %0" : "+m"(next_call_id));
    return next_call_id;
}

// As push_frame, of a request without flags other than `with_area`, or a forward.
template <bool first>
[[gnu::always_inline]] inline abi::ControlIca* push_plain_frame(Control& c, unsigned depth, Slot& requester,
                                                                const Process& process, const Function& f, u64 control, u64 bytes,
                                                                u64 data, u64 flags) {
    abi::ControlIca* const page = c.page;
    const u64 below = first ? 0 : depth * sizeof(abi::Frame);
    std::byte* const base = reinterpret_cast<std::byte*>(page) + below;
    std::byte* const frame = (first ? base : opaque(base)) + offsetof(abi::ControlIca, frames);
    const u64 previous = control + below, here = previous + sizeof(abi::Frame);
    static_assert(offsetof(abi::ControlIca, frames) == sizeof(abi::Frame));  // so that the previous one is here
    const auto put = [frame](std::size_t offset, u64 value) { __builtin_memcpy(frame + offset, &value, sizeof value); };
    page->currentp = here;
    put(offsetof(abi::Frame, previous), first ? 0 : previous);
    put(offsetof(abi::Frame, requester_pid), process.identity);
    put(offsetof(abi::Frame, user_id), requester.user_id | flags << flags_shift);
    put(offsetof(abi::Frame, callee_slot), f.identity);
    put(offsetof(abi::Frame, parameters), control + abi::parameter_base);
    put(offsetof(abi::Frame, parameter_bytes), bytes);
    put(offsetof(abi::Frame, data), data);
    CallFrame& k = first ? c.frames[0] : *opaque(&c.frames[depth]);
    k.requester = &requester;
    const u64 generation_and_flags = requester.generation | flags << flags_shift;
    __builtin_memcpy(&k.requester_generation, &generation_and_flags, sizeof generation_and_flags);
    k.function = f.id;
    return page;
}

// A request that is in order but for what `mode` adds. nullptr: nothing has changed.
template <u64 mode>
[[gnu::always_inline]] inline Process* request_at_once(Control& c, const Function& f, u64 control, u32 index, u64 bytes, u64 data,
                                                       u64 timeout_us) {
    if (bytes > abi::parameter_capacity) [[unlikely]]
        return nullptr;
    Slot& callee = *f.slot;
    Process* t = receiver_of(callee);
    if (t == nullptr || !scheduler.nothing_against(*t)) [[unlikely]]
        return nullptr;
    const u64 time = machine::now();
    u64 deadline = 0;  // no limit
    if (timeout_us - 1 < longest_us) [[likely]] {
        deadline = time + timeout_us * machine::ticks_per_us();
        if (deadline < arch::cpu().armed) [[unlikely]]
            return nullptr;
    } else if (timeout_us != 0) {
        return nullptr;
    }
    Process* p = arch::cpu().current;
    Slot* me = p->slot;
    if constexpr (mode == with_area) {
        p->deadline = deadline;  // of no meaning unless it waits
        Pfn area;
        if (!move_inline(*me, callee, data, area)) [[unlikely]]
            return nullptr;
        c.frames[0].data = area;
        p = again(arch::cpu().current);
        t = again(callee.process);
        control = again(c.address);
        index = again(c.index);
        me = again(c.holder);
    } else {
        p->deadline = deadline;
    }
    abi::ControlIca* const page = push_plain_frame<true>(c, 0, *me, *p, f, control, bytes, mode == with_area ? data : 0, mode);
    page->call_id = c.id = new_call_id();
    c.waiting = me;
    p->call = &c;
    c.holder = &callee;
    c.set_standing(f.standing);
    callee.current = &c;
    callee.window.map_control(index, c.leaf);
    p->state = Process::State::calling;
    return hand_over_plainly(*p, *t, time, {.rsi = f.receipt, .rdi = control, .r9 = mode == with_area ? data : 0});
}

// A call leaves the hands of `p`, which receives.
[[gnu::always_inline]] inline void let_go_and_receive(Process& p, Slot& me, u32 index, u64 deadline) {
    me.current = nullptr;
    me.window.unmap_control(index);
    p.deadline = deadline;
    p.state = Process::State::receiving;
}

// Straight back to the requester.
template <u64 mode>
[[gnu::always_inline]] inline Process* answer_at_once(Process& p, Slot& me, Control& c, u32 index, u64 value, u64 data,
                                                      u64 deadline) {
    Slot& to = *c.waiting;
    Process* const t = to.process;
    if (!scheduler.nothing_against(*t)) [[unlikely]]
        return nullptr;
    if constexpr (mode == with_area)
        if (Pfn area; !move_inline(me, to, data, area)) [[unlikely]]
            return nullptr;

    abi::Frame& w = c.page->frames[0];
    w.error = 0;
    w.value = static_cast<std::int64_t>(value);
    let_go_and_receive(p, me, index, deadline);
    ++me.calls_served;
    c.holder = &to;
    c.waiting = nullptr;
    c.set_standing(Control::in_hand);
    return hand_over_plainly(p, *t, machine::now(), {.rdx = value, .rsi = mode == with_area ? data : 0});
}

// Where a call stands that has come back to the relay which has pushed all of its `depth` stages but one.
[[gnu::always_inline]] inline Control::Standing back_at_relay(const Control& c, unsigned depth) {
    const CallFrame& k = c.frames[depth - 1];
    Control::Way way = Control::Way::other;
    if ((k.flags & not_plain) == 0) [[likely]] {
        if (depth != 1)
            way = Control::Way::to_relay;
        else if (c.waiting != nullptr) [[likely]]
            way = Control::Way::straight;
    }
    return Control::held_on(way) | u64{c.op} << Control::op_shift | u64{depth} << Control::depth_shift;
}

// To the relay that has passed the call on last, which receives.
[[gnu::noinline]] Process* plain_answer_to_relay(Control& c, u64 value) {
    Slot& me = *c.holder;
    const unsigned depth = c.depth - 1u;
    const CallFrame& k = *opaque(&c.frames[depth]);
    Slot& relay = *k.requester;
    Process* const t = receiver_of(relay);
    if (t == nullptr || relay.generation != k.requester_generation || !scheduler.nothing_against(*t)) [[unlikely]]
        return reply_and_receive(c.address, value, 0, 0, 0);

    const u64 control = c.address;
    const u32 index = c.index;
    abi::ControlIca* const page = c.page;
    const u64 below = depth * sizeof(abi::Frame);
    abi::Frame& w = opaque(reinterpret_cast<abi::ControlIca*>(reinterpret_cast<std::byte*>(page) + below))->frames[0];
    w.error = 0;
    w.value = static_cast<std::int64_t>(value);
    page->currentp = control + below;
    Process& p = *arch::cpu().current;
    let_go_and_receive(p, me, index, 0);
    ++me.calls_served;
    c.holder = &relay;
    c.set_standing(back_at_relay(c, depth));
    relay.current = &c;
    relay.window.map_control(index, c.leaf);
    const u64 what = static_cast<u64>(abi::Receipt::result) | abi::receipt_flag::relayed | u64{k.function} << 32;
    return hand_over_plainly(p, *t, machine::now(), {.rsi = what, .rdi = control, .r8 = value});
}

// Apart, so that the ways without an area need no stack.
[[gnu::noinline]] Process* plain_request_with_area(Control& c, const Function& f, u64 parameters, u64 data, u64 timeout_us) {
    Process* next = nullptr;
    const u64 bytes = usual_parameters(parameters);
    if (f.takes_data) [[likely]]
        next = request_at_once<with_area>(c, f, c.address, c.index, bytes, data, timeout_us);
    return next != nullptr ? next
                           : request(f.id | with_area << flags_shift, c.address, std::rotl(bytes, 32) + abi::parameter_base, data,
                                     timeout_us);
}
[[gnu::noinline]] Process* plain_answer_with_area(Control& c, u64 value, u64 data) {
    Process* next = answer_at_once<with_area>(*arch::cpu().current, *c.holder, c, c.index, value, data, 0);
    return next != nullptr ? next : reply_and_receive(c.address, value, data | with_area, 0, 0);
}

// Straight back, and the next receive has a time limit.
[[gnu::noinline]] Process* plain_answer_with_limit(u64 control, u64 value, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Process* next = nullptr;
    Slot* const me = p.slot;
    if (const u64 index = control_index(control); index < max_controls && timeout_us <= longest_us) [[likely]] {
        Control& c = *opaque(&controls[index]);
        const u64 deadline = deadline_after(timeout_us);
        if (c.holder == me && c.stands(Control::held_on(Control::Way::straight)) && !me->busy() && deadline >= arch::cpu().armed)
            next = answer_at_once<0>(p, *me, c, static_cast<u32>(index), value, 0, deadline);
    }
    return next != nullptr ? next : reply_and_receive(control, value, 0, 0, timeout_us);
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
    Process* next = request_at_once<0>(c, f, control, static_cast<u32>(index), usual_parameters(parameters), data, timeout_us);
    return next != nullptr ? next : otherwise();
}

Process* plain_reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us) {
    Process& p = *arch::cpu().current;
    Slot* const me = p.slot;
    const auto otherwise = [=] { return reply_and_receive(control, value, data_mode, error_list, timeout_us); };
    const u64 index = control_index(control);
    if (index >= max_controls || (error_list | timeout_us) != 0) [[unlikely]]
        return (error_list | data_mode) == 0 ? plain_answer_with_limit(control, value, timeout_us) : otherwise();
    Control& c = *opaque(&controls[index]);
    if (c.holder != me) [[unlikely]]
        return otherwise();
    if (!c.stands(Control::held_on(Control::Way::straight))) [[unlikely]]
        return c.stands(Control::held_on(Control::Way::to_relay)) && !me->busy() && data_mode == 0
                   ? plain_answer_to_relay(c, value)
                   : otherwise();
    if (me->busy()) [[unlikely]]  // not before: what is free has no holder, and a process may have no slot
        return otherwise();
    if (data_mode != 0) [[unlikely]]
        return (data_mode & abi::flag::data_mask) == with_area ? plain_answer_with_area(c, value, data_mode - with_area)
                                                               : otherwise();
    Process* next = answer_at_once<0>(p, *me, c, static_cast<u32>(index), value, 0, 0);
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
    if (c.holder != me || !c.is_current() || depth == abi::max_stages || me->busy()) [[unlikely]]
        return otherwise();
    const Function& f = *opaque(&functions[function_flags & (max_functions - 1)]);
    const u64 flags = function_flags >> flags_shift & abi::flag::direct_return, bytes = usual_parameters(parameters);
    if (!f.is_named(function_flags - (flags << flags_shift)) || (me->callees & f.open_to) == 0 || bytes > abi::parameter_capacity)
        [[unlikely]]
        return otherwise();
    Slot& callee = *f.slot;
    Process* const t = receiver_of(callee);
    if (t == nullptr || !scheduler.nothing_against(*t)) [[unlikely]]
        return otherwise();

    const Control::Way way = flags == 0                        ? Control::Way::to_relay
                             : c.way == Control::Way::straight ? Control::Way::straight
                                                               : Control::Way::other;
    push_plain_frame<false>(c, depth, *me, p, f, control, bytes, 0, flags | abi::flag::async);
    let_go_and_receive(p, *me, static_cast<u32>(index), 0);
    ++me->turns;
    c.holder = &callee;
    c.set_standing(f.standing + (u64{depth} << Control::depth_shift));
    c.way = way;
    callee.current = &c;
    callee.window.map_control(static_cast<u32>(index), c.leaf);
    return hand_over_plainly(p, *t, machine::now(), {.rsi = f.receipt, .rdi = control});
}

}  // namespace ant::core
