// Random lives of two servers and two clients, with failures and replacements of every kind. What the core does is
// written down for tests/model/check.py, which compares it with the model of the protocol.
#include "observer.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>

using namespace ant;
using namespace ant::test;

namespace {

constexpr unsigned worlds = 240, steps = 100;

class Life {
public:
    explicit Life(u64 seed) : random_(seed) {
        observer_ = std::make_unique<Observer>(w_, std::array{&start_server("a", chance(80)), &start_server("b", chance(40))});
        for (unsigned c = 0; c < Observer::clients; ++c) start_client(c);
    }

    std::vector<std::string> live() {
        for (unsigned n = 0; n < steps; ++n) step();
        for (unsigned n = 0; n < 3000 && !calm(); ++n) settle();
        if (!calm()) FAIL("a call is never answered");
        w_.check();
        observer_->end();
        return std::move(observer_->events);
    }

private:
    struct Server {
        Slot* slot;
        u32 key;
        u32 plain, safe;  // functions
    };
    struct Client {
        Process* process;
        u32 pid;
        u64 control;
    };

    u64 below(u64 limit) { return random_() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }

    Process& start_server(const char* name, bool restart) {
        Process& p = w_.start(name, {.flags = restart ? abi::process_flag::restart : 0});
        const std::string prefix = name;
        servers_.push_back({p.slot, p.slot->id(), w_.function(p, (prefix + ".plain").c_str(), 1),
                            w_.function(p, (prefix + ".safe").c_str(), 2 | abi::function_attribute::redeliver)});
        return p;
    }
    void start_client(unsigned c) {
        Process& p = w_.start(c == 0 ? "x" : "y");
        clients_[c] = {&p, p.pid, w_.control(p)};
        observer_->client(c, p, clients_[c].control);
    }

    static bool ready(const Process* p) {
        return p != nullptr && (p->state == Process::State::ready || p->state == Process::State::running);
    }
    [[nodiscard]] bool alive(const Server& s) const { return s.slot->alive && s.slot->id() == s.key; }
    [[nodiscard]] bool lives(const Client& c) const {
        return c.process->pid == c.pid && c.process->state != Process::State::ending && c.process->state != Process::State::free;
    }
    [[nodiscard]] bool calm() const { return !observer_->busy(0) && !observer_->busy(1); }

    void step() {
        const u64 what = below(100);
        Server& server = servers_[below(servers_.size())];
        const auto client = static_cast<unsigned>(below(clients_.size()));
        if (has_unseen_call(server) && chance(20))
            replace(server, true);
        else if (what < 28)
            act_as_client(client);
        else if (what < 64)
            act_as_server(server, true);
        else if (what < 78)
            act_as_new_server(server);
        else if (what < 83)
            replace(server, chance(30));
        else if (what < 87)
            replace_both();
        else if (what < 93)
            w_.advance(1 + below(400));
        else
            fail(server, client);
    }
    // Nothing new begins, and nobody fails any more.
    void settle() {
        for (Server& server : servers_) {
            act_as_server(server, false);
            act_as_new_server(server);
            if (alive(server) && server.slot->process == nullptr && server.slot->replacement == nullptr) replace(server, false);
        }
        for (unsigned c = 0; c < clients_.size(); ++c)
            if (lives(clients_[c]) && ready(clients_[c].process) && observer_->busy(c)) w_.receive(*clients_[c].process);
        w_.finish_endings();
        w_.advance(500);
    }

    void act_as_client(unsigned c) {
        Client& client = clients_[c];
        if (!lives(client)) {
            if (!observer_->busy(c)) start_client(c);
            return;
        }
        if (!ready(client.process)) return;
        if (observer_->busy(c)) {
            if (!observer_->abandoned(c)) w_.receive(*client.process, chance(50) ? abi::poll : 300);
            return;
        }
        const Server& server = servers_[below(servers_.size())];
        if (!alive(server)) return;
        if (controls[(client.control - control_base) >> page_shift].holder != client.process->slot) {
            client.control = w_.control(*client.process);  // the one before went with a call that took too long
            observer_->client(c, *client.process, client.control);
        }
        const Syscall number = chance(50) ? Syscall::request : Syscall::request_async;
        const u64 timeout = chance(30) ? 1 + below(600) : no_limit;
        w_.call(*client.process, number, chance(50) ? server.plain : server.safe, client.control, parameters_at(), 0, timeout);
    }

    // A call that the process has been given, or has from the process before it.
    u64 held(const Slot& slot) {
        std::vector<u64> found;
        if (slot.current != nullptr) found.push_back(slot.current->address);
        for (const Control* c = slot.deferred.front(); c != slot.again; c = c->link.next) found.push_back(c->address);
        return found.empty() ? 0 : found[below(found.size())];
    }
    void act_as_server(const Server& server, bool lazy) {
        Process* p = alive(server) ? server.slot->process : nullptr;
        if (!ready(p)) return;
        const auto replacement = server.slot->replacement;
        const bool told =
            replacement != nullptr && (server.slot->events & Slot::tell_replacement) == 0 &&
            (replacement->state == Replacement::State::prepared || replacement->state == Replacement::State::stopping);
        if (told && !(lazy && chance(40))) {
            w_.hand_over(*p);
            return;
        }
        const u64 control = held(*server.slot);
        const u64 patience = lazy && chance(50) ? 300 : abi::poll;
        if (control == 0 || (lazy && chance(40)))
            w_.receive(*p, patience);
        else if (chance(50))
            w_.reply(*p, control, 1);
        else
            w_.call(*p, Syscall::reply_and_receive, control, 1, 0, 0, patience);
    }

    void act_as_new_server(const Server& server) {
        if (!alive(server) || server.slot->replacement == nullptr) return;
        Process& fresh = *server.slot->replacement->fresh;
        if (!ready(&fresh)) return;
        if (World::repeats(fresh)) {
            w_.go_on(fresh);
            return;
        }
        const u64 formats = chance(90) ? ~u64{0} : 0;
        w_.call(fresh, Syscall::server_register, formats, Observer::wants_again(fresh.pid) ? abi::register_flag::redeliver : 0);
    }

    [[nodiscard]] bool has_unseen_call(const Server& server) const {
        const Process* p = alive(server) ? server.slot->process : nullptr;
        return p != nullptr && p->state == Process::State::ready && p->context.full == 0 && server.slot->current != nullptr;
    }
    void replace(const Server& server, bool as_paper) {
        if (alive(server))
            (void)w_.replace_from_outside(asker_, server.slot->name, as_paper, static_cast<u32>(300 + below(2000)));
    }

    // One transaction; sometimes its asker fails in the middle, and the other request never comes.
    void replace_both() {
        ++transaction_;
        const bool complete = chance(85);
        const bool turned = chance(50);
        const auto timeout_us = static_cast<u32>(300 + below(2000));
        for (unsigned n = 0; n < (complete ? 2U : 1U); ++n) {
            const Server& server = servers_[turned ? 1 - n : n];
            abi::ReplaceRequest request = w_.replace_request(server.slot->name, false, timeout_us);
            if (!alive(server)) copy_name(request.name, "nobody");
            request.transaction = transaction_;
            request.members = 2;
            if (!w_.ask(asker_, request)) return;
        }
    }

    void fail(const Server& server, unsigned c) {
        const u64 what = below(100);
        if (what < 10) {
            w_.finish_endings();
        } else if (what < 30) {
            if (!lives(clients_[c])) return;
            observer_->client_dies(c);
            w_.kill(*clients_[c].process);
        } else if (!alive(server)) {
            return;
        } else if (what < 35) {
            observer_->slot_ends(static_cast<unsigned>(&server - servers_.data()));
            w_.end(*server.slot);
        } else if (what < 55 && server.slot->replacement != nullptr) {
            w_.kill(*server.slot->replacement->fresh);
        } else if (server.slot->process != nullptr) {
            w_.kill(*server.slot->process);
        }
    }

    World w_{1536 + 512};
    std::mt19937_64 random_;
    Process& asker_ = w_.start("asker");
    std::vector<Server> servers_;
    std::array<Client, Observer::clients> clients_{};
    std::unique_ptr<Observer> observer_;
    u32 transaction_ = 0;
};

u64 first_seed() {
    const char* given = std::getenv("ANT_SEED");
    if (given == nullptr) return 1;
    return std::string_view{given} == "new" ? std::random_device{}() : std::strtoull(given, nullptr, 0);
}

}  // namespace

TEST_CASE("lives of two servers", "[protocol]") {
    const char* path = std::getenv("ANT_PROTOCOL_TRACE");
    std::ofstream out;
    if (path != nullptr) out.open(path);
    const u64 first = first_seed();
    std::cout << "protocol: ANT_SEED=" << first << "\n";
    for (u64 seed = first; seed < first + worlds; ++seed) {
        INFO("ANT_SEED=" << seed);
        const auto events = Life(seed).live();
        out << "# seed " << seed << "\n";
        for (const std::string& event : events) out << event << "\n";
    }
    CHECK((path == nullptr || out.good()));
}
