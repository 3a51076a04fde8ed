// The pieces that every call goes through, inline: they are what a round trip costs.
//
// All of them assume what their callers have checked. None of them can fail.
#pragma once

#include "areas.hpp"
#include "scheduler.hpp"

#include <bit>

namespace ant::core {

inline constexpr u32 cargo_flags = abi::flag::data_mask | abi::flag::data_list;

// Flags of a frame that ask for more than a mapping when it is answered.
inline constexpr u32 not_plain = static_cast<u32>(abi::DataMode::lend_read) | abi::flag::data_list | abi::flag::direct_return;

// Keeps the compiler from deriving every access anew from an index into the pool.
template <class T>
[[gnu::always_inline]] inline T* opaque(T* pointer) {
    asm("" : "+r"(pointer));
    return pointer;
}

inline u64 frame_address(const Control& c, unsigned depth) {
    return c.address + offsetof(abi::ControlIca, frames) + depth * sizeof(abi::Frame);
}

// Of the control ICA at this address. An address inside a page leaves something in the low bits, which the rotation
// brings to the top.
inline u64 control_index(u64 address) { return std::rotr(address - control_base, static_cast<int>(page_shift)); }

// The control ICA that the slot holds or owns at this address, else nullptr.
[[gnu::always_inline]] inline Control* control_at(const Slot& slot, u64 address) {
    const u64 index = control_index(address);
    if (index >= max_controls) [[unlikely]]
        return nullptr;
    Control* c = opaque(&controls[index]);
    return c->holder == &slot ? c : nullptr;
}

// Pushes stage `depth` (= c.depth). The page gets a copy for the server to read (P-ipc table 1).
[[gnu::always_inline]] inline void push_frame(Control& c, unsigned depth, Slot& requester, const Process& process,
                                              const Function& f, u32 flags, u64 parameters, u64 data) {
    c.depth = static_cast<u8>(depth + 1);
    c.way = Control::Way::other;
    c.op = f.op;
    CallFrame& k = *opaque(&c.frames[depth]);
    k.requester = &requester;
    k.requester_generation = requester.generation;
    k.flags = flags;
    k.function = f.id;
    abi::ControlIca* page = c.page;
    abi::Frame* w = opaque(&page->frames[depth]);
    const u64 here = frame_address(c, depth);
    page->currentp = here;
    const auto at = [w](std::size_t offset) { return reinterpret_cast<std::byte*>(w) + offset; };
    const auto pair = [](std::byte* at, u64 value) { __builtin_memcpy(at, &value, sizeof value); };
    w->previous = depth == 0 ? 0 : here - sizeof(abi::Frame);
    pair(at(offsetof(abi::Frame, requester_pid)), process.identity);
    pair(at(offsetof(abi::Frame, user_id)), requester.user_id | u64{flags} << 32);
    pair(at(offsetof(abi::Frame, callee_slot)), f.identity);
    w->parameters = c.address + static_cast<u32>(parameters);
    pair(at(offsetof(abi::Frame, parameter_bytes)), parameters >> 32);
    w->value = 0;
    w->data = data;
}
inline void keep_cargo(Control& c, unsigned depth, const Cargo& cargo) {
    c.frames[depth].data = cargo.data;
    c.frames[depth].list = cargo.list;
}

// Kept by keep_cargo; of a move at once only the flags are.
inline Cargo cargo_of(const CallFrame& k) {
    return {(k.flags & abi::flag::data_mask) != 0 ? k.data : no_page, (k.flags & abi::flag::data_list) != 0 ? k.list : nullptr};
}

extern u64 next_call_id;  // the last one given

// The requester of a synchronous call waits from here on.
inline void begin_wait(Process& p, Control& c, u64 id) {
    c.id = id;
    c.page->call_id = id;
    c.waiting = p.slot;
    p.call = &c;
}

inline void set_receipt(Process& t, u64 what, u64 control, u64 events, u64 value, u64 data) {
    t.context.rax = 0;
    t.context.rdx = events;
    t.context.rsi = what;
    t.context.rdi = control;
    t.context.r8 = value;
    t.context.r9 = data;
}

// Gives a call to the process of `s`, which receives; what travels with it has arrived.
[[gnu::always_inline]] inline void hold_request(Slot& s, Process& t, Control& c, u64 data, u64 events) {
    c.holder = &s;
    c.state = Control::State::held;
    s.current = &c;
    s.window.map_control(c.index, c.leaf);
    set_receipt(t, static_cast<u64>(abi::Receipt::request) | u64{c.op} << 8, c.address, events, 0, data);
}
[[gnu::always_inline]] inline void deliver_request(Slot& s, Process& t, Control& c, const CallFrame& k, u64 events) {
    u64 data = 0;
    if ((k.flags & cargo_flags) != 0) [[unlikely]] {
        const Cargo cargo = cargo_of(k);
        arrive_cargo(s, k.flags, cargo);
        data = cargo.data == no_page ? 0 : address_of(cargo.data);
    }
    hold_request(s, t, c, data, events);
}
// A stage has been pushed: the callee gets it, now (`receiver`) or later.
[[gnu::always_inline]] inline void pass_request(Slot& callee, Process* receiver, Control& c, const CallFrame& k) {
    if (receiver != nullptr) [[likely]] {
        deliver_request(callee, *receiver, c, k, 0);
        return;
    }
    c.holder = &callee;
    c.state = Control::State::queued;
    callee.requests.push_back(c);
    ++callee.queued;
}

// Gives a result: the requester's own control ICA comes back, or a call that it forwarded.
[[gnu::always_inline]] inline void deliver_result(Slot& s, Process& t, Control& c, Error error, std::int64_t value, u32 function,
                                                  u64 data, u64 events, bool listed = false) {
    u64 what = static_cast<u64>(abi::Receipt::result) | (listed ? abi::receipt_flag::listed : 0) | static_cast<u64>(error) << 8 |
               u64{function} << 32;
    c.holder = &s;
    if (c.depth != 0) {
        what |= abi::receipt_flag::relayed;
        c.state = Control::State::held;
        c.way = Control::Way::other;
        s.current = &c;
    } else {
        c.set_standing(Control::in_hand);
    }
    s.window.map_control(c.index, c.leaf);
    set_receipt(t, what, c.address, events, static_cast<u64>(value), data);
}

void leave_deferred(Slot& me, Control& c);
// Takes a call out of the hands of its holder.
[[gnu::always_inline]] inline void let_go(Slot& me, Control& c) {
    if (me.current == &c) [[likely]]
        me.current = nullptr;
    else if (c.deferred)
        leave_deferred(me, c);
    me.window.unmap_control(c.index);
}

inline bool anything_pending(const Slot& s) {
    return (reinterpret_cast<u64>(s.requests.front()) | reinterpret_cast<u64>(s.results.front()) | s.events) != 0;
}

// Synchronous: the requester has the control ICA mapped already.
[[gnu::always_inline]] inline Process* complete(Slot& to, Control& c, Error error, std::int64_t value, u64 data) {
    Process& t = *to.process;
    c.holder = &to;
    c.waiting = nullptr;
    c.set_standing(Control::in_hand);
    t.call = nullptr;
    t.context.rax = static_cast<u64>(error);
    t.context.rdx = static_cast<u64>(value);
    t.context.rsi = data;
    t.context.rdi = 0;
    return &t;
}

// What the usual case does not need (call_path.cpp); ends of processes and time-outs use some of it as well.

Error why_not(const Slot& me, u32 function);
// A synchronous request in all but the plainest cases.
Process* request_further(Process& p, Control& c, const Function& f, u32 flags, u64 parameters, u64 data, u64 timeout_us);
// Checks and loads what a call to a server that does not wait, or one with data, has beside.
Error aim_further(Slot& me, const Function& f, Control& c, u32 flags, u64 data, u64 parameters, bool waits, Cargo& cargo);
// Answers a call in all but the plainest case. -> the process that became able to run
// `status`: none, `abandoned` (the call is over all the same), or why the answer is refused (the call is still held).
Process* answer_further(Slot& me, Control& c, Error error, std::int64_t value, u64 data_mode, bool list, Error& status);
inline bool refused(Error status) { return status != Error::none && status != Error::abandoned; }
void do_duties(Slot& me);
void defer_current(Slot& me);
// Whoever has the slot next gets all deferred calls again. Constant time.
void deliver_deferred_again(Slot& slot);
// A process that has been given a call, or a result, and has not run since is back in receive, and the call where it waited:
// a request with those to be delivered again. Constant time.
void take_back_receipt(Slot& slot);
// The process of the slot is gone: what becomes of the call that it worked on?
bool may_be_redelivered(const Control& c);
// Pops the stages that need not see the result, and those whose relay is gone. -> who gets it, or nullptr
Slot* pop_to_receiver(Control& c, Error& error);
// Hands the answer to its receiver. -> the process that became able to run
Process* pass_result(Slot& to, Control& c, Error error, std::int64_t value, const Cargo& cargo);
// What comes first: a pending replacement, then calls delivered again, then results, then requests; events with each of
// them.
void take_next(Slot& s, Process& t);

}  // namespace ant::core
