// Writes down what the core does with two servers and the calls of two clients, in the words of tests/model/core.pml.
// It looks at the core's state after each entry to it, from outside: the core knows nothing of it.
#pragma once

#include "../support/world.hpp"

#include <array>
#include <string>
#include <vector>

namespace ant::test {

class Observer {
public:
    static constexpr unsigned servers = 2, clients = 2;

    Observer(World& world, std::array<Process*, servers> of_servers);

    // Client `c` has this control ICA from now on. Its call before is over.
    void client(unsigned c, Process& process, u64 control);
    // What cannot be seen from outside, said before it happens.
    void client_dies(unsigned c) { dying_client_ = static_cast<int>(c); }
    void slot_ends(unsigned s) { ending_slot_ = static_cast<int>(s); }
    // Whether a new process registers with register_flag::redeliver: by its number, so that both sides know.
    [[nodiscard]] static bool wants_again(u32 pid) { return pid % 2 != 0; }
    void end();

    // Whether a request of this client is under way, or answered and not yet heard of.
    [[nodiscard]] bool busy(unsigned c) const { return calls_[c].place != Place::idle; }
    [[nodiscard]] bool abandoned(unsigned c) const { return calls_[c].abandoned; }

    std::vector<std::string> events;

private:
    enum class Place { idle, queued, working, deferred, waits, answered };
    struct Call {
        Place place = Place::idle;
        bool abandoned = false;
        unsigned server = 0;
    };
    struct Server {
        bool alive = false;
        u32 process = 0, fresh = 0;  // pids, 0 none
        Replacement::State state = Replacement::State::free;
        u32 transaction = 0;
        bool as_paper = false, notice = false;
    };
    struct Client {
        Process* process = nullptr;
        u32 pid = 0;
        Control* control = nullptr;
    };

    void look();
    [[nodiscard]] Server server_now(unsigned s) const;
    [[nodiscard]] Call call_now(unsigned c) const;
    [[nodiscard]] Place place_of(unsigned c) const;
    [[nodiscard]] static bool pending(const Call& call) { return call.place != Place::idle && call.place != Place::answered; }
    [[nodiscard]] static bool lives(const Client& client);
    [[nodiscard]] static const char* heard(const Client& client);
    // Number of a process in the model; the next new one gets the free number.
    [[nodiscard]] unsigned number(unsigned s, u32 pid) const;

    void see_failure(unsigned s, const Server& before, const Server& now);
    [[nodiscard]] bool together(unsigned s, unsigned other) const;
    static bool has_committed(const Server& before, const Server& now);
    static bool was_taken_back(const Server& before, const Server& now);
    static bool has_handed_over(const Server& before, const Server& now);
    static bool has_registered(const Server& before, const Server& now);
    void see_replacement(unsigned s, const Server& before, const Server& now);
    void see_notice(unsigned s, const Server& before, const Server& now);
    void see_end(unsigned c, const Call& before, const Call& now);
    [[nodiscard]] const char* cause_of_end(unsigned c, const Call& before, const Call& now) const;
    void see_deferral(unsigned c, const Call& before, const Call& now);
    void see_delivery(unsigned c, const Call& before, const Call& now);
    void see_run(unsigned s);
    void see_hearing(unsigned c, const Call& before, const Call& now);
    void write_state(unsigned s, const Server& now);
    void write_state(unsigned c, const Call& now);
    // Server, a word or number, client or another number: as trace.pml has them.
    void write(const char* event, unsigned a = 0, const std::string& b = "0", unsigned c = 0);
    void write(const char* event, unsigned a, unsigned b, unsigned c = 0) { write(event, a, std::to_string(b), c); }

    World& w_;
    std::array<Slot*, servers> slots_{};
    std::array<u32, servers> keys_{};
    std::array<std::array<u32, 2>, servers> pids_{};
    std::array<Client, clients> clients_;
    std::array<Server, servers> servers_;
    std::array<bool, servers> died_{};    // in this step
    std::array<bool, servers> unseen_{};  // its process has not run since it was given a call
    bool cancelled_ = false;              // a transaction, in this step
    std::array<Call, clients> calls_;
    int dying_client_ = -1, ending_slot_ = -1;
};

}  // namespace ant::test
