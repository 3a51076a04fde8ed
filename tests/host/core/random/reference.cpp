#include "reference.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace ant::test {

namespace {

constexpr u64 token_of(u64 address) { return address * 0x9e37'79b9'7f4a'7c15; }

const Control& core_control(u64 address) { return controls[(address - control_base) >> page_shift]; }

[[noreturn]] void broken(const std::string& what, u64 control = 0) {
    std::string text = what;
    if (control != 0) {
        const Control& c = core_control(control);
        text += " (control ICA " + std::to_string(c.index) + ", state " + std::to_string(static_cast<int>(c.state)) + ")";
    }
    FAIL(text);
    std::abort();
}

u64 now() { return machine::now(); }

std::string describe(const ReferenceCall& call) {
    constexpr const char* places[] = {"queued", "held", "answered"};
    return std::string(places[static_cast<int>(call.where)]) + " at " + std::to_string(call.at) + ", stages " +
           std::to_string(call.stages.size()) + (call.sync ? ", sync" : "") + (call.abandoned ? ", abandoned" : "") +
           (call.doomed ? ", doomed" : "");
}

}  // namespace

ReferenceSlot& Reference::add(Process& process, const std::string& name) {
    const Key key = process.slot->id();
    ReferenceSlot& s = slots[key];
    s.slot = process.slot;
    s.process = &process;
    s.key = key;
    s.name = name;
    return s;
}

ReferenceSlot* Reference::of(const Process& process) {
    if (process.slot == nullptr) return nullptr;
    const auto found = slots.find(process.slot->id());
    return found == slots.end() ? nullptr : &found->second;
}

void Reference::erase(u64 control) { calls.erase(control); }

// Moves ownership, or begins loans.
void Reference::take_data(ReferenceSlot& from, ReferenceSlot& to, const std::vector<SentArea>& data) {
    for (const SentArea& d : data) {
        ReferenceArea& area = from.areas.at(d.address);
        if (d.mode != DataMode::move) {
            ++area.loans;
            continue;
        }
        ReferenceArea moved = area;
        moved.under_way = true;
        from.areas.erase(d.address);
        to.areas[d.address] = moved;
    }
}

void Reference::sent(ReferenceSlot& from, ReferenceSlot& to, u64 control, u32 function, bool sync, u64 deadline,
                     std::vector<SentArea> data) {
    if (calls.contains(control)) broken("a control ICA is in two calls", control);
    ReferenceCall& call = calls[control];
    call.control = control;
    call.serial = ++serial_;
    call.sync = sync;
    call.at = to.key;
    call.deadline = sync ? 0 : deadline;
    from.owned_controls.erase(control);
    take_data(from, to, data);
    call.stages.push_back({from.key, function, false, std::move(data)});
    abi::ControlIca& page = w_.page(control);
    call.core_id = page.call_id;
    *reinterpret_cast<u64*>(reinterpret_cast<std::byte*>(&page) + abi::parameter_base + 1024) = call.serial;
    to.queue.push_back(control);
    if (sync) {
        from.pending = ReferenceSlot::Pending::request;
        from.pending_call = control;
        from.deadline = deadline;
    }
}

void Reference::forwarded(ReferenceSlot& from, ReferenceSlot& to, u64 control, u32 function, bool direct,
                          std::vector<SentArea> data) {
    ReferenceCall& call = calls.at(control);
    if (!from.held.contains(control)) broken("forwarded by one who does not hold it", control);
    leave(from, control);
    take_data(from, to, data);
    call.stages.push_back({from.key, function, direct, std::move(data)});
    call.where = ReferenceCall::Where::queued;
    call.at = to.key;
    to.queue.push_back(control);
}

Error Reference::replied(ReferenceSlot& from, u64 control, Error error, u64 value, std::vector<u64> data, bool list) {
    ReferenceCall& call = calls.at(control);
    if (!from.held.contains(control)) broken("answered by one who does not hold it", control);
    leave(from, control);
    for (const u64 address : data) from.areas.erase(address);
    return route(call, error, value, std::move(data), list) ? Error::none : Error::abandoned;
}

// The stage is over: loans end; what was moved and never received is gone.
void Reference::end_stage(const Stage& stage, bool received) {
    for (const SentArea& d : stage.data) {
        if (d.mode != DataMode::move) {
            const auto owner = slots.find(stage.requester);
            if (owner == slots.end()) continue;
            if (const auto area = owner->second.areas.find(d.address); area != owner->second.areas.end()) --area->second.loans;
        } else if (!received) {
            for (auto& [key, s] : slots)
                if (const auto found = s.areas.find(d.address); found != s.areas.end() && found->second.under_way)
                    s.areas.erase(found);
        }
    }
}

bool Reference::route(ReferenceCall& call, Error error, u64 value, std::vector<u64> data, bool list) {
    bool received = call.where != ReferenceCall::Where::queued;
    call.doomed = false;
    for (;;) {
        const Stage stage = call.stages.back();
        call.stages.pop_back();
        end_stage(stage, received);
        received = true;
        const bool there = alive(stage.requester);
        if (there && !stage.direct) {
            if (call.stages.empty() && call.abandoned) break;
            call.where = ReferenceCall::Where::answered;
            call.at = stage.requester;
            call.error = error;
            call.value = value;
            ReferenceSlot& to = slots.at(stage.requester);
            for (const u64 address : data)
                to.areas[address] = {pool[static_cast<Pfn>((address - abi::ica_base) >> page_shift)].pages, token_of(address), 0,
                                     true};
            call.result_areas = std::move(data);
            call.result_list = list;
            return true;
        }
        if (!there && !stage.direct) error = Error::server_died;
        if (call.stages.empty()) break;
    }
    ++dropped;
    erase(call.control);
    return false;
}

// Time-outs: queued asynchronous calls first, then processes that wait for an answer.
void Reference::timer_fired() {
    std::vector<u64> expired;
    for (auto& [control, call] : calls) {
        if (call.deadline == 0 || call.deadline > now()) continue;
        call.deadline = 0;
        if (call.where == ReferenceCall::Where::queued) expired.push_back(control);
    }
    for (auto& [key, s] : slots) {
        if (s.pending != ReferenceSlot::Pending::request || s.deadline == 0 || s.deadline > now()) continue;
        ReferenceCall& call = calls.at(s.pending_call);
        if (call.where == ReferenceCall::Where::answered && call.at == s.key && call.stages.empty()) continue;  // came in time
        call.abandoned = true;
        if (call.where == ReferenceCall::Where::queued) expired.push_back(s.pending_call);
    }
    for (const u64 control : expired) {
        ReferenceCall& call = calls.at(control);
        if (const auto at = slots.find(call.at); at != slots.end()) std::erase(at->second.queue, control);
        route(call, Error::timed_out, 0, {});
    }
}

void Reference::leave(ReferenceSlot& s, u64 control) {
    s.held.erase(control);
    if (s.current == control) s.current = 0;
    std::erase(s.deferred, control);
    std::erase(s.again, control);
}

void Reference::take_back(ReferenceSlot& s) {
    if (!s.unseen || (s.unseen->where == ReferenceCall::Where::answered && s.unseen->result_list)) return;
    const ReferenceCall before = *std::exchange(s.unseen, {});
    ++taken_back;
    s.told = true;
    s.current = 0;
    if (before.where != ReferenceCall::Where::answered) {
        s.again.push_front(before.control);
        return;
    }
    if (before.stages.empty()) --answered;
    s.held.erase(before.control);
    s.owned_controls.erase(before.control);
    calls[before.control] = before;
    for (const u64 address : calls.at(before.control).result_areas) s.areas.at(address).under_way = true;
}

void Reference::put_aside(ReferenceSlot& s) {
    if (s.current != 0) s.deferred.push_back(s.current);
    s.current = 0;
}

// The process is gone, and the slot stays.
void Reference::vacated(ReferenceSlot& s) {
    s.again.insert(s.again.begin(), s.deferred.begin(), s.deferred.end());
    s.deferred.clear();
    if (s.current == 0) return;
    const u64 control = s.current;
    if (safe.contains(calls.at(control).stages.back().function)) {
        s.again.push_front(control);
        s.current = 0;
        return;
    }
    leave(s, control);
    route(calls.at(control), Error::restarted, 0, {});
}

void Reference::changed_hands(ReferenceSlot& s, bool restarted) {
    if (restarted) {
        ++restarts;
        s.owned_controls.clear();
        if (s.slot->irq[0] != abi::no_irq) ++s.interrupts;  // it is to look at its device once
    } else {
        put_aside(s);
    }
    if (!demanding.contains(s.process)) return;
    s.again.insert(s.again.begin(), s.deferred.begin(), s.deferred.end());
    s.deferred.clear();
}

void Reference::find_deaths() {
    std::vector<Key> dead;
    for (auto& [key, s] : slots) {
        const bool there = s.slot->alive && s.slot->id() == key;
        if (there && s.slot->process == s.process) continue;
        // What its own process waited for is nobody's any more.
        if (s.pending == ReferenceSlot::Pending::request) calls.at(s.pending_call).abandoned = true;
        s.pending = ReferenceSlot::Pending::none;
        s.told = false;
        s.reserving = 0;
        s.sweeping = false;
        s.unseen.reset();
        if (!there) {
            dead.push_back(key);
            continue;
        }
        const bool was_vacant = s.process == nullptr;
        s.process = s.slot->process;
        if (s.process == nullptr)
            vacated(s);
        else
            changed_hands(s, was_vacant);
    }
    for (const Key key : dead) {
        for (auto& [control, call] : calls)
            if (call.at == key) call.doomed = true;
        slots.erase(key);
    }
}

// Calls of ending servers that the core has answered by now.
void Reference::find_failed() {
    std::vector<u64> failed;
    for (auto& [control, call] : calls) {
        if (!call.doomed) continue;
        const Control& c = core_control(control);
        const bool still_there = c.state != Control::State::free && c.holder != nullptr && c.holder->index == (call.at & 0xff) &&
                                 !(c.holder->alive && c.holder->id() != call.at);
        if (!still_there) failed.push_back(control);
    }
    for (const u64 control : failed) {
        ReferenceCall& call = calls.at(control);
        if (call.where == ReferenceCall::Where::answered && call.stages.empty()) {  // its requester is the one that ended
            ++dropped;
            erase(control);
        } else {
            route(call, Error::server_died, 0, {});
        }
    }
}

void Reference::observe() {
    find_deaths();
    find_failed();
    for (auto& [key, s] : slots) {
        if (s.pending != ReferenceSlot::Pending::none) came_back(s);
        if (w_.running() == s.process) s.unseen.reset();
    }
}

void Reference::came_back(ReferenceSlot& s) {
    const Outcome o = outcome_of(*s.process);
    if (o.blocked) return;
    const auto pending = s.pending;
    s.pending = ReferenceSlot::Pending::none;
    if (pending == ReferenceSlot::Pending::request)
        came_back_from_request(s, o);
    else
        received(s, o);
}

void Reference::came_back_from_request(ReferenceSlot& s, const Outcome& o) {
    const u64 control = s.pending_call;
    const auto found = calls.find(control);
    const bool answered_now = found != calls.end() && !found->second.abandoned;
    if (!answered_now) {  // the time was up
        if (o.error != Error::timed_out || s.deadline == 0 || s.deadline > now())
            broken("a request returns without an answer", control);
        return;
    }
    ReferenceCall& call = found->second;
    if (call.where != ReferenceCall::Where::answered || call.at != s.key || !call.stages.empty())
        broken("a request returns that nobody has answered", control);
    if (o.error != call.error || o.rdx != call.value) broken("a request returns another answer", control);
    if (o.rsi != call.result_data()) broken("a request returns other data", control);
    for (const u64 address : call.result_areas) arrived(s, address, DataMode::move);
    s.owned_controls.insert(control);
    ++answered;
    erase(control);
}

bool Reference::certain_result(const ReferenceSlot& s) const {
    for (const auto& [control, call] : calls)
        if (call.where == ReferenceCall::Where::answered && call.at == s.key && !(call.sync && call.stages.empty())) return true;
    return false;
}

void Reference::received(ReferenceSlot& s, const Outcome& o) {
    if (o.error == Error::timed_out) {
        if (s.deadline != abi::poll && (s.deadline == 0 || s.deadline > now())) broken("a receive ends before its time");
        if (at_once(s) && (!s.queue.empty() || !s.again.empty() || certain_result(s)))
            broken("a receive finds nothing though something is there");
        return;
    }
    if (o.error != Error::none) broken(std::string("a receive fails: ") + error_text(o.error));
    if ((o.rdx & abi::event::interrupt) != 0) {
        if (s.interrupts == 0) broken("an interrupt that nobody raised");
        s.interrupts = 0;
    }
    switch (o.receipt()) {
        case abi::Receipt::event:
            break;
        case abi::Receipt::replacement:
            s.told = true;
            break;
        case abi::Receipt::request:
            if (at_once(s) && s.again.empty() && certain_result(s)) broken("a request overtakes a result");
            received_request(s, o);
            break;
        case abi::Receipt::result:
            received_result(s, o);
            break;
    }
}

void Reference::arrived(ReferenceSlot& s, u64 address, DataMode mode) {
    if (mode == DataMode::move) s.areas.at(address).under_way = false;
    if (!w_.reads(*s.process, address)) broken("an area does not arrive with its call");
    if (w_.writes(*s.process, address) != (mode != DataMode::lend_read)) broken("an area arrives with wrong rights");
    const u64 physical = address - abi::ica_base;
    if (*reinterpret_cast<u64*>(machine::page(static_cast<Pfn>(physical >> page_shift))) != token_of(address))
        broken("an area has other contents");
}

void Reference::received_request(ReferenceSlot& s, const Outcome& o) {
    const u64 control = o.rdi;
    const bool again = !s.again.empty();
    auto& queue = again ? s.again : s.queue;
    if (queue.empty() || queue.front() != control) broken("a request out of order, or not for this server", control);
    queue.pop_front();
    ReferenceCall& call = calls.at(control);
    const Stage& stage = call.stages.back();
    if (call.doomed || call.at != s.key || call.where != (again ? ReferenceCall::Where::held : ReferenceCall::Where::queued))
        broken("a request is delivered twice", control);
    const abi::ControlIca& page = w_.page(control);
    const abi::Frame& frame = page.frames[call.stages.size() - 1];
    if (page.call_id != call.core_id) broken("a call has lost its number", control);
    if (*reinterpret_cast<const u64*>(reinterpret_cast<const std::byte*>(&page) + abi::parameter_base + 1024) != call.serial)
        broken("a call has lost its parameters", control);
    if (frame.requester_slot != stage.requester || frame.function != stage.function ||
        page.currentp != control + (reinterpret_cast<const std::byte*>(&frame) - reinterpret_cast<const std::byte*>(&page)))
        broken("the header of a call is wrong", control);
    if (o.op() != functions[stage.function & (max_functions - 1)].op) broken("a request with another operation", control);
    if (!w_.writes(*s.process, control)) broken("the control ICA does not arrive", control);
    if (again != ((frame.flags & abi::flag::redelivered) != 0)) broken("a call has the wrong mark", control);
    if (again) ++redelivered;
    u64 named = 0;
    for (const SentArea& d : stage.data) {
        // An earlier process may have passed it on, or given it back.
        const auto area = s.areas.find(d.address);
        const bool gone = again && d.mode == DataMode::move && (area == s.areas.end() || area->second.under_way);
        if (!gone) arrived(s, d.address, d.mode);
        named = gone ? 0 : d.address;
    }
    if ((frame.flags & abi::flag::data_list) == 0 && o.r9 != named) broken("a request with other data", control);
    s.unseen = call;
    call.where = ReferenceCall::Where::held;
    s.held.insert(control);
    s.current = control;
}

void Reference::received_result(ReferenceSlot& s, const Outcome& o) {
    const u64 control = o.rdi;
    if (!s.again.empty()) broken("a result overtakes a call that is delivered again", control);
    const auto found = calls.find(control);
    if (found == calls.end()) broken("a result of no call", control);
    ReferenceCall& call = found->second;
    if (call.where != ReferenceCall::Where::answered || call.at != s.key) broken("a result that is not this one's", control);
    if (o.relayed() != !call.stages.empty()) broken("a result at the wrong stage", control);
    if (o.result_error() != call.error || o.r8 != call.value) broken("a result with another value", control);
    if (o.r9 != call.result_data()) broken("a result with other data", control);
    s.unseen = call;
    for (const u64 address : call.result_areas) arrived(s, address, DataMode::move);
    call.result_areas.clear();
    if (call.stages.empty()) {
        s.owned_controls.insert(control);
        ++answered;
        erase(control);
        return;
    }
    call.where = ReferenceCall::Where::held;
    s.held.insert(control);
    s.current = control;
}

std::set<u64> Reference::kept_by_calls(const ReferenceSlot& s) const {
    std::set<u64> kept;
    for (const auto& [control, call] : calls)
        for (std::size_t i = 0; i < call.stages.size(); ++i) {
            const Key callee = i + 1 < call.stages.size() ? call.stages[i + 1].requester : call.at;
            if (callee != s.key) continue;
            for (const SentArea& d : call.stages[i].data)
                if (d.mode == DataMode::move && s.areas.contains(d.address)) kept.insert(d.address);
        }
    for (const auto& [address, area] : s.areas)
        if (area.under_way) kept.insert(address);
    return kept;
}

void Reference::swept(ReferenceSlot& s, const std::set<u64>& kept, const std::set<u64>& perhaps, u64 released) {
    const std::set<u64> now = kept_by_calls(s);
    std::size_t gone = 0;
    std::erase_if(s.areas, [&](const auto& entry) {
        const auto& [address, area] = entry;
        if (kept.contains(address) || (perhaps.contains(address) && now.contains(address))) return false;
        if (perhaps.contains(address) != now.contains(address)) {  // the call came or went while the sweep did: either is right
            const PageInfo& info = pool[static_cast<Pfn>((address - abi::ica_base) >> page_shift)];
            if (info.is_area_of(s.slot->index)) return false;
        }
        ++gone;
        return true;
    });
    if (gone != released) broken("a sweep releases another number of areas");
}

// Nothing in the core that the reference does not know, and nothing lost.
void Reference::compare_counts() const {
    std::size_t in_calls = 0;
    for (const Control& c : controls)
        if (c.state == Control::State::queued || c.state == Control::State::held || c.state == Control::State::returned) {
            ++in_calls;
            if (!calls.contains(c.address)) broken("the core has a call that ought to be over", c.address);
        }
    if (in_calls != calls.size()) broken("a call is lost");
}

void Reference::compare() const {
    for (const auto& [control, call] : calls) {
        const Control& c = core_control(control);
        if (call.doomed) continue;
        constexpr Control::State states[] = {Control::State::queued, Control::State::held, Control::State::returned};
        if (c.state != states[static_cast<int>(call.where)] || c.holder->id() != call.at || c.depth != call.stages.size())
            broken("core and reference disagree where a call is: " + describe(call), control);
    }
    for (const auto& [key, s] : slots) {
        // In the middle of a sweep some are gone already.
        // The first steps of a reservation may be those of somebody's end.
        const bool half_reserved = s.reserving != 0 && s.process->progress != 0;
        if (!s.sweeping && s.slot->area_count != s.areas.size() + (half_reserved ? 1 : 0))
            broken("core and reference disagree how many areas " + s.name + " has");
        const auto lent = std::ranges::count_if(s.areas, [](const auto& entry) { return entry.second.loans != 0; });
        if (!s.sweeping && s.slot->lent_count != lent)
            broken("core and reference disagree how many areas " + s.name + " has lent");
        if (s.slot->deferred_count != s.deferred.size() + s.again.size())
            broken("core and reference disagree how many calls are put aside at " + s.name);
        if (s.slot->queued != s.queue.size()) broken("core and reference disagree how many calls wait at " + s.name);
    }
}

std::string Reference::calls_left() const {
    std::string text;
    for (const auto& [control, call] : calls) {
        text += describe(call);
        if (const auto at = slots.find(call.at); at != slots.end()) {
            const Process* p = at->second.process;
            text += p == nullptr ? ", vacant" : ", its process in state " + std::to_string(static_cast<int>(p->state));
        }
        text += "; ";
    }
    return text;
}

}  // namespace ant::test
