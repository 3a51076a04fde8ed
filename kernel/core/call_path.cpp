#include "call_path.hpp"

#include "controls.hpp"
#include "history.hpp"
#include "interrupt_lines.hpp"
#include "replacement.hpp"

#include <cstring>

namespace ant::core {

constinit u64 next_call_id = 0;

Error why_not(const Slot& me, u32 function) {
    const Function& f = functions[function & (max_functions - 1)];
    if (f.id != function || f.id == 0) return Error::not_found;
    return (me.callees & f.right) == 0 ? Error::denied : Error::no_server;
}

Error aim_further(Slot& me, const Function& f, Control& c, u32 flags, u64 data, u64 parameters, bool waits, Cargo& cargo) {
    Slot& callee = *f.slot;
    if (waits && &callee == &me) return Error::invalid_argument;  // it would wait for itself
    if (callee.queued >= max_queue) return Error::queue_full;
    if ((flags & cargo_flags) == 0) return Error::none;
    if (!f.takes_data) return Error::invalid_argument;
    const auto loaded =
        load_cargo(me, callee, c, flags | within_quota_flag, data, parameters, static_cast<u32>(parameters >> 32));
    if (!loaded) return loaded.error();
    cargo = *loaded;
    return Error::none;
}

Process* request_further(Process& p, Control& c, const Function& f, u32 flags, u64 parameters, u64 data, u64 timeout_us) {
    Slot& me = *p.slot;
    Slot& callee = *f.slot;
    Process* receiver =
        callee.process != nullptr && callee.process->state == Process::State::receiving ? callee.process : nullptr;
    Cargo cargo;
    const Error error = aim_further(me, f, c, flags, data, parameters, true, cargo);
    if (error != Error::none) {
        p.state = Process::State::running;
        return finish(p, error);
    }
    push_frame(c, 0, me, p, f, flags, parameters, cargo.data == no_page ? 0 : address_of(cargo.data));
    keep_cargo(c, 0, cargo);
    begin_wait(p, c, ++next_call_id);
    const u64 time = machine::now();
    set_deadline(p, timeout_us, time);
    pass_request(callee, receiver, c, c.frames[0]);
    return receiver != nullptr ? hand_from(p, *receiver, time) : schedule();
}

// A blackout ends when the new server's first handler returns, or when it finds nothing to do.
void do_duties(Slot& me) {
    interrupts_done(me);
    const u8 blackout = me.duties;
    me.duties = 0;
    if (blackout == Slot::first_receive && anything_pending(me))
        me.duties = Slot::first_handler;
    else if (blackout != 0)
        blackout_ended(me, true);
}

namespace {

// The list of deferred calls ends with those that are to be delivered again.
void set_again(Slot& me, Control* first) {
    me.again = first;
    if (first != nullptr)
        me.events |= Slot::tell_again;
    else
        me.events &= ~Slot::tell_again;
}

const Function* function_of(const CallFrame& k) {
    const Function& f = functions[k.function & (max_functions - 1)];
    return f.id == k.function ? &f : nullptr;
}

}  // namespace

void leave_deferred(Slot& me, Control& c) {
    if (me.again == &c) set_again(me, me.deferred.next(c));
    me.deferred.remove(c);
    --me.deferred_count;
    c.deferred = false;
}

void defer_current(Slot& me) {
    Control& c = *me.current;
    me.current = nullptr;
    c.deferred = true;
    c.deferred_at = me.watch.looks;
    ++me.turns;
    if (me.again != nullptr)
        me.deferred.insert_before(*me.again, c);
    else
        me.deferred.push_back(c);
    ++me.deferred_count;
}

bool may_be_redelivered(const Control& c) {
    const Function* f = function_of(c.frames[c.depth - 1]);
    return f != nullptr && f->redeliver;
}

void deliver_deferred_again(Slot& slot) { set_again(slot, slot.deferred.front()); }

namespace {

// The process before may have written anywhere in the page: what the core knows is put right.
void restore_header(Control& c, const CallFrame& k, const Function* f, u64 data) {
    const unsigned depth = c.depth - 1u;
    c.page->currentp = frame_address(c, depth);
    c.page->call_id = c.id;
    abi::Frame& w = c.page->frames[depth];
    w.previous = depth == 0 ? 0 : frame_address(c, depth - 1);
    w.requester_slot = k.requester->index | k.requester_generation << 8;
    w.user_id = k.requester->generation == k.requester_generation ? k.requester->user_id : w.user_id;
    w.flags = k.flags | abi::flag::redelivered;
    if (f != nullptr) std::memcpy(&w.callee_slot, &f->identity, sizeof f->identity);
    w.value = 0;
    w.error = 0;
    w.data = data;
}

// A call that an earlier process of the slot has had. What came with it is there already, unless that process has
// passed it on.
void deliver_again(Slot& s, Process& t, Control& c, u64 events) {
    leave_deferred(s, c);
    const CallFrame& k = c.frames[c.depth - 1];
    const Pfn area = cargo_of(k).data;
    const bool moved = (k.flags & abi::flag::data_mask) == static_cast<u32>(abi::DataMode::move);
    const u64 data =
        area == no_page || (moved && !(pool[area].is_area_of(s.index) && pool[area].call == 0)) ? 0 : address_of(area);
    const Function* f = function_of(k);
    if (f != nullptr) c.op = f->op;  // it was another's, if the call has come back from the next stage
    restore_header(c, k, f, data);
    hold_request(s, t, c, data, events);
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

}  // namespace

Process* answer_further(Slot& me, Control& c, Error error, std::int64_t value, u64 data_mode, bool list, Error& status) {
    Cargo cargo;
    if ((data_mode & abi::flag::data_mask) != 0 || list) {
        const auto loaded = load_answer(me, c, data_mode, list);
        if (!loaded) {
            status = loaded.error();
            return nullptr;
        }
        cargo = *loaded;
    }
    const u64 parameters = c.page->frames[c.depth - 1].parameters;
    let_go(me, c);
    ++me.calls_served;
    Slot* to = pop_to_receiver(c, error);
    // Its receiver finds the list by its own frame: what has been checked, not what a relay may have left there.
    if (cargo.list != nullptr) c.page->frames[c.depth].parameters = c.address + parameters % page_size;
    if (to == nullptr) {
        discard_result(cargo);
        free_control(c);
        status = Error::abandoned;
        return nullptr;
    }
    return pass_result(*to, c, error, value, cargo);
}

Slot* pop_to_receiver(Control& c, Error& error) {
    for (;;) {
        const CallFrame& k = c.frames[--c.depth];
        c.result_function = k.function;
        if ((k.flags & cargo_flags) != 0) end_loans(k.flags, cargo_of(k));
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
        ++to.turns;
        deliver_result(to, *t, c, error, value, c.result_function, data, 0, cargo.list != nullptr);
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

namespace {

void take_back_request(Slot& s, Control& c) {
    defer_current(s);
    set_again(s, &c);
}

void take_back_result(Slot& s, Control& c, const arch::UserContext& receipt) {
    s.current = nullptr;
    s.window.unmap_control(c.index);
    lost_pages(s, control_zone + c.index, 1);
    c.state = Control::State::returned;
    c.result_error = receipt.rsi >> 8 & 0xff;
    c.result_function = static_cast<u32>(receipt.rsi >> 32);
    c.result_value = static_cast<std::int64_t>(receipt.r8);
    c.result_list = nullptr;
    c.result_data = receipt.r9 == 0 ? no_page : load_again(s, c, receipt.r9);
    s.results.push_front(c);
    ++s.result_count;
}

}  // namespace

void take_back_receipt(Slot& s) {
    if (s.process == nullptr || s.process->state != Process::State::ready) return;
    // What a system call answers, and has not yet: no other answer has an address in rdi (finish, complete).
    const auto& answer = s.process->context;
    Control* const c = answer.full != 0 || answer.rax != 0 ? nullptr : control_at(s, answer.rdi);
    if (c == nullptr) return;
    // Nothing but its page names the areas of a list that have arrived: they are the old server's, with the result.
    if (static_cast<abi::Receipt>(answer.rsi & 0xff) == abi::Receipt::result && (answer.rsi & abi::receipt_flag::listed) != 0)
        return;
    if (static_cast<abi::Receipt>(answer.rsi & 0xff) == abi::Receipt::request)
        take_back_request(s, *c);
    else
        take_back_result(s, *c, answer);
    s.events |= answer.rdx;
    s.process->state = Process::State::receiving;
    remove_ready(*s.process);
}

void take_next(Slot& s, Process& t) {
    constexpr u64 own = Slot::tell_replacement | Slot::tell_again;  // the core's
    const u64 events = s.events & ~own;
    const bool replacement = (s.events & Slot::tell_replacement) != 0;
    s.events &= Slot::tell_again;
    ++s.turns;
    s.duties |= static_cast<u8>(events & abi::event::interrupts);
    if (replacement) {
        old_server_told(s);
        set_receipt(t, static_cast<u64>(abi::Receipt::replacement), 0, events, 0, 0);
        return;
    }
    if (s.again != nullptr) return deliver_again(s, t, *s.again, events);
    if (Control* c = s.results.pop_front(); c != nullptr) {
        --s.result_count;
        const u64 data = c->result_data == no_page ? 0 : address_of(c->result_data);
        arrive_cargo(s, static_cast<u32>(abi::DataMode::move), {c->result_data, c->result_list});
        const bool listed = c->result_list != nullptr;
        if (listed) free_list(c->result_list);
        c->result_data = no_page;
        c->result_list = nullptr;
        deliver_result(s, t, *c, static_cast<Error>(c->result_error), c->result_value, c->result_function, data, events, listed);
    } else if (c = s.requests.pop_front(); c != nullptr) {
        --s.queued;
        deliver_request(s, t, *c, c->frames[c->depth - 1], events);
    } else {
        set_receipt(t, static_cast<u64>(abi::Receipt::event), 0, events, 0, 0);
    }
}

}  // namespace ant::core
