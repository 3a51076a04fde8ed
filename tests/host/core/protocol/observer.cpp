#include "observer.hpp"

namespace ant::test {

namespace {

using State = Replacement::State;

constexpr unsigned nobody = 2, no_slot = 3;

const char* name_of(State state) {
    switch (state) {
        case State::free:
            return "none";
        case State::preparing:
            return "preparing";
        case State::registered:
            return "registered";
        case State::prepared:
            return "prepared";
        case State::stopped:
            return "stopped";
        case State::stopping:
            return "stopping";
        case State::starting:
            return "starting";
    }
    return "?";
}

const char* name_of(Error error) {
    switch (error) {
        case Error::none:
            return "reply";
        case Error::restarted:
            return "restarted";
        case Error::server_died:
            return "died";
        case Error::timed_out:
            return "timed_out";
        default:
            return "another_error";
    }
}

}  // namespace

Observer::Observer(World& world, std::array<Process*, servers> of_servers) : w_(world) {
    for (unsigned s = 0; s < servers; ++s) {
        slots_[s] = of_servers[s]->slot;
        keys_[s] = slots_[s]->id();
        pids_[s][0] = of_servers[s]->pid;
        servers_[s] = server_now(s);
    }
    const auto keeps = [this](unsigned s) { return (slots_[s]->flags & abi::process_flag::restart) != 0 ? 1U : 0U; };
    write("begin_world", keeps(0), keeps(1));
    w_.after_entry = [this] { look(); };
}

void Observer::client(unsigned c, Process& process, u64 control) {
    Control* const own = &controls[(control - control_base) >> page_shift];
    for (Client& other : clients_)
        if (other.control == own) other.control = nullptr;  // it was freed with a call that the other one has given up
    clients_[c] = {&process, process.pid, own};
    calls_[c] = {};
}

void Observer::end() {
    w_.after_entry = {};
    write("end_world");
}

bool Observer::lives(const Client& client) {
    return client.process->pid == client.pid && client.process->state != Process::State::ending &&
           client.process->state != Process::State::free;
}

unsigned Observer::number(unsigned s, u32 pid) const {
    if (pid == 0) return nobody;
    return pids_[s][0] == pid ? 0 : 1;
}

Observer::Server Observer::server_now(unsigned s) const {
    const Slot& slot = *slots_[s];
    Server now;
    now.alive = slot.alive && slot.id() == keys_[s];
    if (!now.alive) return now;
    if (slot.process != nullptr) now.process = slot.process->pid;
    now.notice = (slot.events & Slot::tell_replacement) != 0;
    if (slot.replacement == nullptr) return now;
    now.state = slot.replacement->state;
    now.fresh = slot.replacement->fresh->pid;
    now.as_paper = slot.replacement->as_paper;
    now.transaction = slot.replacement->transaction;
    return now;
}

Observer::Place Observer::place_of(unsigned c) const {
    const Control& k = *clients_[c].control;
    switch (k.state) {
        case Control::State::free:
        case Control::State::owned:
            return Place::idle;
        case Control::State::queued:
            return Place::queued;
        case Control::State::returned:
            return lives(clients_[c]) ? Place::answered : Place::idle;
        case Control::State::held:
            break;
    }
    if (!k.deferred) return Place::working;
    for (const Control* again = k.holder->again; again != nullptr; again = again->link.next)
        if (again == &k) return Place::waits;
    return Place::deferred;
}

Observer::Call Observer::call_now(unsigned c) const {
    Call now;
    if (clients_[c].control == nullptr) return now;
    const Control& k = *clients_[c].control;
    now.place = place_of(c);
    now.server = calls_[c].server;
    if (!pending(now)) return now;
    for (unsigned s = 0; s < servers; ++s)
        if (k.holder == slots_[s]) now.server = s;
    now.abandoned = k.abandoned || !lives(clients_[c]);
    return now;
}

// Failures come first: what else happens in the same step follows from them. Then what the process of the step has
// done with its calls, replacements, and what was sent and delivered last.
void Observer::look() {
    const std::size_t before = events.size();
    cancelled_ = ending_slot_ >= 0 && together(0, 1);
    std::array<Server, servers> servers_now;
    std::array<Call, clients> calls_now;
    for (unsigned s = 0; s < servers; ++s) servers_now[s] = server_now(s);
    for (unsigned c = 0; c < clients; ++c) calls_now[c] = call_now(c);
    for (unsigned s = 0; s < servers; ++s) see_failure(s, servers_[s], servers_now[s]);
    for (unsigned c = 0; c < clients; ++c) see_end(c, calls_[c], calls_now[c]);
    for (unsigned c = 0; c < clients; ++c) see_deferral(c, calls_[c], calls_now[c]);
    for (unsigned s = 0; s < servers; ++s) see_replacement(s, servers_[s], servers_now[s]);
    for (unsigned s = 0; s < servers; ++s) see_notice(s, servers_[s], servers_now[s]);
    servers_ = servers_now;
    for (unsigned c = 0; c < clients; ++c) see_delivery(c, calls_[c], calls_now[c]);
    for (unsigned s = 0; s < servers; ++s) see_run(s);
    for (unsigned c = 0; c < clients; ++c) see_hearing(c, calls_[c], calls_now[c]);
    calls_ = calls_now;
    dying_client_ = ending_slot_ = -1;
    if (events.size() == before) return;
    for (unsigned s = 0; s < servers; ++s) write_state(s, servers_[s]);
    for (unsigned c = 0; c < clients; ++c) write_state(c, calls_[c]);
}

void Observer::see_failure(unsigned s, const Server& before, const Server& now) {
    const bool ended = before.alive && !now.alive;
    const bool replaced = has_committed(before, now);
    died_[s] = false;
    if (ended && ending_slot_ == static_cast<int>(s)) return write("end", s);
    if (before.process != 0 && now.process != before.process && !replaced) {
        died_[s] = true;
        write("die", s, number(s, before.process));
    }
    const bool cancelled = before.state != State::free && now.state == State::free && !replaced;
    if (!cancelled || cancelled_) return;  // with the other member
    cancelled_ = together(0, 1);
    write("cancel", s);
}

bool Observer::together(unsigned s, unsigned other) const {
    return servers_[s].transaction != 0 && servers_[s].transaction == servers_[other].transaction;
}

bool Observer::has_committed(const Server& before, const Server& now) { return before.fresh != 0 && now.process == before.fresh; }

bool Observer::was_taken_back(const Server& before, const Server& now) {
    return before.state == State::free && now.state == State::stopping;
}

bool Observer::has_handed_over(const Server& before, const Server& now) {
    if (before.state == State::prepared) return has_committed(before, now) || now.state == State::stopped;
    return before.state == State::stopping && now.state == State::starting && now.process == before.process;
}

bool Observer::has_registered(const Server& before, const Server& now) {
    if (before.state != State::preparing && before.state != State::starting) return false;
    return has_committed(before, now) || now.state == State::registered || now.state == State::prepared ||
           now.state == State::stopped;
}

void Observer::see_replacement(unsigned s, const Server& before, const Server& now) {
    if (before.state == State::free && now.state != State::free) {
        pids_[s][now.process != 0 && number(s, now.process) == 0 ? 1 : 0] = now.fresh;
        write("begin", s, now.as_paper ? 1U : 0U, now.transaction);
    }
    if (before.state == State::stopped && now.state == State::registered) write("go_on", s);
    if (has_handed_over(before, now)) write("hand_over", s, number(s, before.process));
    if (has_registered(before, now)) write("register", s, number(s, before.fresh), wants_again(before.fresh) ? 1U : 0U);
}

void Observer::see_notice(unsigned s, const Server& before, const Server& now) {
    const auto to_be_told = [](State state) { return state == State::prepared || state == State::stopping; };
    if (to_be_told(now.state) && !now.notice && (before.notice || !to_be_told(before.state)))
        write("tell", s, number(s, now.process));
}

// A call was answered, or given up by its client.
void Observer::see_end(unsigned c, const Call& before, const Call& now) {
    const bool given_up = dying_client_ == static_cast<int>(c);
    if (given_up && before.place != Place::idle && !before.abandoned) write("abandon", 0, 0, c);
    if (!pending(before)) return;
    const unsigned s = before.server;
    if (pending(now)) {
        if (now.abandoned && !before.abandoned && !given_up) write("time_out", 0, 0, c);
        return;
    }
    if (died_[s] && before.place == Place::working && server_now(s).alive) return;  // what "die" does with it
    const std::string_view cause = cause_of_end(c, before, now);
    if (cause == name_of(Error::timed_out))
        write("time_out", 0, 0, c);
    else if (cause == name_of(Error::server_died))
        write("fail", s, 0, c);
    else
        write("answer", s, number(s, servers_[s].process), c);
}

const char* Observer::cause_of_end(unsigned c, const Call& before, const Call& now) const {
    if (now.place == Place::answered) return name_of(static_cast<Error>(clients_[c].control->result_error));
    if (!before.abandoned && lives(clients_[c])) return heard(clients_[c]);
    // Nobody hears of it.
    if (!server_now(before.server).alive) return name_of(Error::server_died);
    return name_of(before.place == Place::queued ? Error::timed_out : Error::none);
}

void Observer::see_deferral(unsigned c, const Call& before, const Call& now) {
    const unsigned s = before.server;
    const bool deferred = before.place == Place::working && (now.place == Place::deferred || now.place == Place::waits);
    const Server server = server_now(s);
    if (deferred && !died_[s] && !has_handed_over(servers_[s], server) && !was_taken_back(servers_[s], server))
        write("defer", s, number(s, servers_[s].process), c);
}

void Observer::see_delivery(unsigned c, const Call& before, const Call& now) {
    const unsigned s = now.server;
    if (!pending(before) && pending(now)) {
        const u32 id = clients_[c].control->frames[0].function;
        write("request", s, functions[id & (max_functions - 1)].redeliver ? 1U : 0U, c);
    }
    if (before.place == Place::working || now.place != Place::working) return;
    write(before.place == Place::waits ? "deliver_again" : "deliver", s, number(s, servers_[s].process), c);
    unseen_[s] = true;
}

void Observer::see_run(unsigned s) {
    const Slot& slot = *slots_[s];
    if (!servers_[s].alive || slot.current == nullptr) {
        unseen_[s] = false;
    } else if (unseen_[s] && w_.running() == slot.process) {
        unseen_[s] = false;
        write("run", s, number(s, servers_[s].process));
    }
}

// The result of a synchronous request, or a receipt.
const char* Observer::heard(const Client& client) {
    const auto& context = client.process->context;
    const bool receipt = static_cast<abi::Receipt>(context.rsi & 0xff) == abi::Receipt::result &&
                         context.rdi == client.control->address && context.rax == 0;
    return name_of(static_cast<Error>(receipt ? context.rsi >> 8 & 0xff : context.rax));
}

void Observer::see_hearing(unsigned c, const Call& before, const Call& now) {
    if (before.place == Place::idle || now.place != Place::idle || before.abandoned || !lives(clients_[c])) return;
    write("hear", 0, heard(clients_[c]), c);
}

void Observer::write_state(unsigned s, const Server& now) {
    // tests/model/trace.pml: event slot
    events.push_back("slot " + std::to_string(s) + " " + std::to_string(now.alive ? number(s, now.process) : no_slot) + " " +
                     (now.alive ? name_of(now.state) : "none"));
}

void Observer::write_state(unsigned c, const Call& now) {
    constexpr const char* names[] = {"idle", "queued", "working", "deferred", "waits", "answered"};
    if (now.place == Place::working && !server_now(now.server).alive) return;  // its end is under way
    write("call", now.server, names[static_cast<unsigned>(now.place)], c);
}

void Observer::write(const char* event, unsigned a, const std::string& b, unsigned c) {
    events.push_back(std::string(event) + " " + std::to_string(a) + " " + b + " " + std::to_string(c));
}

}  // namespace ant::test
