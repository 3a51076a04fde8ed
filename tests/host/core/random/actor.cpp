#include "actor.hpp"

#include <catch2/catch.hpp>

namespace ant::test {

namespace {

constexpr u64 token_of(u64 address) { return address * 0x9e37'79b9'7f4a'7c15; }
constexpr unsigned most_processes = 8, names = 12;
constexpr u64 parameters = parameters_at(page_size - abi::parameter_base);

u64& first_word(u64 address) {
    return *static_cast<u64*>(machine::page(static_cast<Pfn>((address - abi::ica_base) >> page_shift)));
}

// Of a request, forward or reply that the core turned down: nothing has changed.
bool refusal(Error error) {
    switch (error) {
        case Error::no_memory:
        case Error::queue_full:
        case Error::over_quota:  // the receiver's
        case Error::no_server:
        case Error::not_found:
        case Error::on_loan:
        case Error::busy:
        case Error::too_many:
            return true;
        default:
            return false;
    }
}

}  // namespace

void Actors::populate() {
    while (reference.slots.size() < 5) start_one();
    settle();
}

void Actors::settle() { reference.observe(); }

void Actors::start_one() {
    if (reference.slots.size() >= most_processes) return;
    const std::string name = "p" + std::to_string(number_++ % names);
    Plan plan;
    plan.priority = static_cast<unsigned>(chance(80) ? 8 : 6 + below(5));
    plan.quota_pages = 120;
    plan.quota_calls = 6;
    if (chance(30)) plan.device = static_cast<u32>(3 + below(3));
    if (chance(50)) plan.flags = abi::process_flag::restart;
    const auto created = w_.try_start(name.c_str(), plan);
    if (!created) {
        if (!refusal(created.error()) && created.error() != Error::exists)
            FAIL("a process is refused: " << error_text(created.error()));
        return;
    }
    ++started;
    ReferenceSlot& s = reference.add(**created, name);
    for (const char* suffix : {".a", ".b"}) {
        const bool safe = chance(50);
        const auto id = register_function(
            *s.slot, (name + suffix).c_str(),
            static_cast<u32>(suffix[1]) | abi::function_attribute::takes_data | (safe ? abi::function_attribute::redeliver : 0));
        if (!id) continue;
        s.functions.push_back(*id);
        safe ? (void)reference.safe.insert(*id) : (void)reference.safe.erase(*id);
    }
}

void Actors::step() {
    for (auto& [key, s] : reference.slots) s.just_asked = false;
    const u64 what = below(1000);
    if (w_.idle())
        idle_step();
    else if (what < 40)
        advance(1 + below(300));
    else if (what < 60)
        interrupt();
    else if (what < 90)
        w_.quantum_ends();
    else if (what < 92)
        kill_somebody();
    else if (what < 97)
        replace_somebody();
    else if (what < 100)
        start_one();
    else
        act(*w_.running());
    settle();
}

void Actors::advance(u64 microseconds) {
    if (!w_.advance(microseconds)) return;
    ++timer_interrupts;
    reference.timer_fired();
}

void Actors::idle_step() {
    const u64 armed = model::hardware().armed;
    const u64 what = below(10);
    if (armed != ~u64{0} && what < 6) {
        const u64 now = machine::now();
        advance(armed <= now ? 0 : (armed - now + machine::tick_rate - 1) / machine::tick_rate);
    } else if (what < 7) {
        interrupt();
    } else if (what < 8) {
        replace_somebody();
    } else if (what < 9 && reference.slots.size() < most_processes) {
        start_one();
    } else {
        kill_somebody();
    }
}

void Actors::interrupt() {
    const auto irq = static_cast<u8>(3 + below(3));
    if (model::hardware().masked[irq]) return;
    for (auto& [key, s] : reference.slots)
        if (s.slot->irq[0] == irq) ++s.interrupts;
    w_.interrupt(irq);
}

void Actors::kill_somebody() {
    if (reference.slots.empty()) return;
    ReferenceSlot& s = reference.slots.at(pick(reference.slots).first);
    Process* victim = s.process;
    if (s.slot->replacement != nullptr && (victim == nullptr || chance(40))) victim = s.slot->replacement->fresh;
    ++kills;
    if (victim != nullptr && (gentle_ || chance(80)))
        w_.kill(*victim);
    else if (victim == nullptr || chance(50))
        w_.end(*s.slot);
}

void Actors::replace_somebody() {
    if (reference.slots.size() < 2) return;
    ReferenceSlot& asker = reference.slots.at(pick(reference.slots).first);
    Key target_key = pick(reference.slots).first;
    for (const auto& [key, s] : reference.slots)
        if ((s.process == nullptr || s.unseen) && chance(60)) target_key = key;
    ReferenceSlot& target = reference.slots.at(target_key);
    if (asker.process == nullptr) return;
    const bool as_paper = chance(target.unseen ? 80 : 30);
    if (!w_.replace_from_outside(*asker.process, target.name.c_str(), as_paper, static_cast<u32>(100 + below(5000)))) return;
    ++replacements;
    if (as_paper) reference.take_back(target);
}

void Actors::act_as_new_server(Process& p) {
    const u64 what = World::repeats(p) ? 0 : below(10);
    if (what < 6) {
        const u64 flags = World::repeats(p) ? p.context.rsi : chance(50) ? abi::register_flag::redeliver : 0;
        flags != 0 ? (void)reference.demanding.insert(&p) : (void)reference.demanding.erase(&p);
        w_.raw_call(Syscall::server_register, ~u64{0}, flags);
    } else if (what < 7) {
        w_.raw_call(Syscall::server_register, 0);  // reads no state at all
    } else if (what < 8) {
        w_.raw_call(Syscall::process_exit, 1);
    } else {
        w_.raw_call(Syscall::wait, 50);
    }
}

void Actors::hand_over(ReferenceSlot& s) {
    const bool awaited = s.slot->replacement != nullptr && (s.slot->replacement->state == Replacement::State::prepared ||
                                                            s.slot->replacement->state == Replacement::State::stopping);
    if (awaited) reference.put_aside(s);
    call_as(s, Syscall::hand_over, 0, 0, 0, 0, 0);
}

void Actors::call_as(ReferenceSlot& s, Syscall number, u64 a, u64 b, u64 c, u64 d, u64 e) {
    if (w_.running() != s.process) FAIL("the running process is not the slot's");
    w_.raw_call(number, a, b, c, d, e);
}

void Actors::act(Process& p) {
    ReferenceSlot* found = reference.of(p);
    if (found == nullptr) return act_as_new_server(p);
    ReferenceSlot& s = *found;
    if (s.reserving != 0) return memory(s);
    if (s.sweeping) return sweep(s);
    if (s.told && chance(85)) {
        s.told = false;
        return hand_over(s);
    }
    const u64 what = below(100);
    if (!s.held.empty() && (what < 45 || gentle_)) {
        if (!gentle_ && what < 10) return forward(s, chance(50));
        return answer(s, chance(60));
    }
    if (gentle_ || what < 60) {
        if (gentle_) return receive(s, chance(50) ? abi::poll : 200);
        return receive(s, chance(40) ? abi::poll : chance(70) ? 1 + below(500) : no_limit);
    }
    if (what < 85 && !s.owned_controls.empty()) return request(s);
    if (what == 99 && chance(4)) {
        return call_as(s, Syscall::process_exit, 0, 0, 0, 0, 0);
    }
    if (what == 98 && chance(20)) return keep(s);
    memory(s);
}

// Goes on with some of its areas; the rest is released.
void Actors::keep(ReferenceSlot& s) {
    Process& p = *s.process;
    std::vector<u64> addresses;
    s.to_keep.clear();
    bool all_good = true;
    for (const auto& [address, area] : s.areas) {
        if (!chance(70)) continue;
        addresses.push_back(address);
        if (area.under_way)
            all_good = false;
        else
            s.to_keep.insert(address);
        if (!chance(90)) {
            addresses.push_back(address + 1);
            all_good = false;
        }
    }
    const u64 at = w_.put(p, addresses.data(), addresses.size() * sizeof(u64));
    call_as(s, Syscall::area_keep, at, addresses.size(), 0, 0, 0);
    if ((p.context.rax == 0) != all_good) FAIL("areas are kept otherwise than expected");
    s.kept_by_calls = reference.kept_by_calls(s);
    s.sweeping = true;
    sweep(s);
}

void Actors::sweep(ReferenceSlot& s) {
    Process& p = *s.process;
    if (w_.running() != &p) return;
    const u64 released = World::repeats(p) ? p.context.rdi : 0;
    call_as(s, Syscall::area_sweep, released, 0, 0, 0, 0);
    if (World::repeats(p)) return;
    s.sweeping = false;
    reference.swept(s, s.to_keep, s.kept_by_calls, p.context.rdx);
}

void Actors::begin_receive(ReferenceSlot& s, u64 timeout) {
    reference.put_aside(s);
    s.just_asked = true;
    s.pending = ReferenceSlot::Pending::receive;
    s.deadline = timeout == abi::poll || timeout == no_limit ? timeout : machine::now() + timeout * machine::tick_rate;
}

void Actors::receive(ReferenceSlot& s, u64 timeout) {
    begin_receive(s, timeout);
    call_as(s, Syscall::receive, timeout, 0, 0, 0, 0);
}

// Areas to send along, and the arguments that say so.
std::vector<SentArea> Actors::choose_data(ReferenceSlot& s, u64 control, u64& flags, u64& data, bool only_moves) {
    std::vector<SentArea> chosen;
    flags = data = 0;
    if (!chance(50)) return chosen;
    const bool as_list = chance(30);
    for (const auto& [address, area] : s.areas) {
        if (area.under_way || area.loans != 0 || !chance(40)) continue;
        const auto mode = only_moves ? DataMode::move : static_cast<DataMode>(1 + below(3));
        chosen.push_back({address, mode});
        if (!as_list) break;
        if (chosen.size() == 4) break;
    }
    if (chosen.empty()) return chosen;
    if (!as_list) {
        flags = static_cast<u64>(chosen[0].mode);
        data = chosen[0].address;
        return chosen;
    }
    flags = abi::flag::data_list;
    auto* list = reinterpret_cast<abi::DataList*>(reinterpret_cast<std::byte*>(&w_.page(control)) + abi::parameter_base);
    list->count = static_cast<u32>(chosen.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) list->entries[i] = {chosen[i].address, 0, static_cast<u32>(chosen[i].mode)};
    return chosen;
}

void Actors::request(ReferenceSlot& s) {
    ReferenceSlot& to = reference.slots.at(pick(reference.slots).first);
    if (to.functions.empty()) return;
    const bool sync = chance(50);
    if (to.key == s.key && (sync || chance(70))) return;
    const u64 control = pick(s.owned_controls);
    const u32 function = pick(to.functions);
    const u64 timeout = chance(60) ? 1 + below(2000) : no_limit;
    u64 flags = 0, data = 0;
    auto chosen = choose_data(s, control, flags, data, to.key == s.key);
    const u64 deadline = timeout == no_limit ? 0 : machine::now() + timeout * machine::tick_rate;
    Process& p = *s.process;
    call_as(s, sync ? Syscall::request : Syscall::request_async, function | flags << 32, control, parameters, data, timeout);
    const auto error = static_cast<Error>(p.context.rax);
    if (sync ? p.state != Process::State::calling : error != Error::none) {
        if (!refusal(error)) FAIL("a request is refused: " << error_text(error));
        return;
    }
    reference.sent(s, to, control, function, sync, deadline, std::move(chosen));
}

void Actors::answer(ReferenceSlot& s, bool receive_as_well) {
    const u64 control = s.current != 0 && chance(70) ? s.current : pick(s.held);
    const auto error = chance(80) ? Error::none : Error::io_error;
    const u64 value = random_();
    u64 flags = 0, data = 0;
    std::vector<SentArea> chosen;
    if (!gentle_) chosen = choose_data(s, control, flags, data, true);
    const bool list = flags == abi::flag::data_list;
    const u64 error_list = static_cast<u64>(error) | u64{list} << 32;
    if (list) w_.page(control).frames[reference.calls.at(control).stages.size() - 1].parameters = control + abi::parameter_base;
    const u64 timeout = chance(50) ? abi::poll : chance(50) ? no_limit : 1 + below(300);
    Process& p = *s.process;
    call_as(s, receive_as_well ? Syscall::reply_and_receive : Syscall::reply, control, value,
            data | (flags & abi::flag::data_mask), error_list, timeout);
    const auto outcome = static_cast<Error>(p.context.rax);
    const bool back = p.state == Process::State::running || p.state == Process::State::ready;
    if (back && refusal(outcome)) return;
    std::vector<u64> areas;
    for (const SentArea& d : chosen) areas.push_back(d.address);
    // The first is what a receipt names, unless it was a list.
    const Error expected = reference.replied(s, control, error, value, std::move(areas), list);
    if (receive_as_well)
        begin_receive(s, timeout);
    else if (outcome != expected)
        FAIL("an answer ends otherwise than expected: " << error_text(outcome));
}

void Actors::forward(ReferenceSlot& s, bool receive_as_well) {
    ReferenceSlot& to = reference.slots.at(pick(reference.slots).first);
    if (to.functions.empty() || (to.key == s.key && chance(80))) return;
    const u64 control = pick(s.held);
    const u32 function = pick(to.functions);
    const bool direct = chance(50);
    u64 flags = 0, data = 0;
    auto chosen = choose_data(s, control, flags, data, to.key == s.key);
    const u64 timeout = chance(50) ? abi::poll : 1 + below(300);
    const u64 all = flags | (direct ? abi::flag::direct_return : 0);
    Process& p = *s.process;
    call_as(s, receive_as_well ? Syscall::forward_and_receive : Syscall::forward, function | all << 32, control, parameters, data,
            timeout);
    const bool back = p.state == Process::State::running || p.state == Process::State::ready;
    if (back && refusal(static_cast<Error>(p.context.rax))) return;
    reference.forwarded(s, to, control, function, direct, std::move(chosen));
    if (receive_as_well) begin_receive(s, timeout);
}

void Actors::memory(ReferenceSlot& s) {
    Process& p = *s.process;
    const u64 what = s.reserving != 0 ? 5 : below(10);
    if (what < 3) {
        call_as(s, Syscall::ica_reserve, 1, static_cast<u64>(abi::AreaKind::control), 0, 0, 0);
        if (p.context.rax == 0) s.owned_controls.insert(p.context.rdx);
        return;
    }
    if (what < 7) {
        const u64 pages = s.reserving != 0 ? s.reserving : chance(95) ? 1 + below(6) : 60 + below(40);
        call_as(s, Syscall::ica_reserve, pages, 0, 0, 0, 0);
        const bool more = p.context.rax == static_cast<u64>(Syscall::ica_reserve);
        s.reserving = more ? pages : 0;
        if (more || p.context.rax != 0) return;
        const u64 address = p.context.rdx;
        for (u64 i = 0; i < pages; ++i) {
            if (first_word(address + i * page_size) != 0) FAIL("a new area is not zero");
            first_word(address + i * page_size) = ~u64{0};
        }
        first_word(address) = token_of(address);
        s.areas[address] = {pages, token_of(address), 0, false};
        return;
    }
    if (s.areas.empty()) return;
    const auto [address, area] = pick(s.areas);
    if (area.under_way) return;
    const Error expected = area.loans != 0 ? Error::on_loan : Error::none;
    if (what < 9) {
        call_as(s, Syscall::ica_release, address, 0, 0, 0, 0);
        if (static_cast<Error>(p.context.rax) != expected) FAIL("a release ends otherwise than expected");
        if (expected == Error::none) s.areas.erase(address);
        return;
    }
    if (area.pages < 2) return;
    const u64 head = 1 + below(area.pages - 1);
    call_as(s, Syscall::ica_split, address, head, 0, 0, 0);
    const auto error = static_cast<Error>(p.context.rax);
    if (error == Error::no_memory) return;
    if (error != expected) FAIL("a split ends otherwise than expected");
    if (error != Error::none) return;
    const u64 tail = address + head * page_size;
    s.areas[tail] = {area.pages - head, token_of(tail), 0, false};
    s.areas[address].pages = head;
    first_word(tail) = token_of(tail);
}

// Nobody else would answer their calls.
void Actors::end_vacant() {
    for (auto& [key, s] : reference.slots)
        if (s.process == nullptr && s.slot->replacement == nullptr) return w_.end(*s.slot);
}

// Nothing new begins; what is under way ends. Those who wait for each other are ended.
void Actors::drain() {
    gentle_ = true;
    for (unsigned turn = 0; turn < 20'000 && !reference.calls.empty(); ++turn) {
        for (auto& [key, s] : reference.slots) s.just_asked = false;
        const u64 armed = model::hardware().armed;
        if (turn % 2000 == 1999 || (w_.idle() && armed == ~u64{0})) {
            kill_somebody();
        } else if (turn % 100 == 99) {
            end_vacant();
        } else if (!w_.idle()) {
            chance(90) ? act(*w_.running()) : w_.quantum_ends();
        } else {
            advance(armed <= machine::now() ? 0 : (armed - machine::now()) / machine::tick_rate + 1);
        }
        settle();  // after each step: what the next one brings must not be held against this one
    }
    if (!reference.calls.empty()) FAIL("a call is never answered: " << reference.calls_left());
    reference.compare();
    reference.compare_counts();
    gentle_ = false;
}

}  // namespace ant::test
