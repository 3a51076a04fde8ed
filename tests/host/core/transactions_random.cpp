// Random transactions, with deaths of anybody at any step: all members commit together, or none does.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

namespace {

constexpr const char* names[] = {"a", "b", "c", "d", "e"};

class Chaos {
public:
    explicit Chaos(u64 seed) : random_{seed} {
        for (const char* name : names) start(name);
        w_.function(asker_, "guardian.x");
    }

    void run(unsigned steps) {
        for (unsigned i = 0; i < steps; ++i) {
            INFO("step " << i);
            step();
            observe();
            if (i % 16 == 0) w_.check();
        }
        drain();
    }

    unsigned committed = 0, failed = 0, deaths = 0;

private:
    struct Transaction {
        u32 members = 0;
        std::set<u32> tickets;  // of members that have begun, and have not ended
        bool over = false;
    };

    u64 below(u64 limit) { return random_() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }

    void start(const char* name) {
        Process& p = w_.start(name, {.priority = 6 + static_cast<unsigned>(below(6)),
                                     .privileges = 0,
                                     .flags = chance(80) ? abi::process_flag::restart : 0});
        functions_[name] = w_.function(p, (std::string(name) + ".do").c_str(), 1);
    }

    void step() {
        const u64 what = below(100);
        if (what < 12) return ask();
        if (what < 15) return kill_somebody();
        if (what < 20) return pass(below(400));
        if (what < 22 && slot_by_name(names[4]) == nullptr) return start(names[4]);
        std::vector<Process*> able;
        for (Process& p : processes)
            if ((p.state == Process::State::ready || p.state == Process::State::running) && &p != &asker_) able.push_back(&p);
        if (able.empty()) return pass(below(400));
        act(*able[below(able.size())]);
    }

    void pass(u64 microseconds) { w_.advance(microseconds); }

    void kill_somebody() {
        std::vector<Process*> mortal;
        for (Process& p : processes)
            if (p.state != Process::State::free && p.state != Process::State::ending && &p != &asker_) mortal.push_back(&p);
        if (mortal.empty()) return;
        ++deaths;
        w_.kill(*mortal[below(mortal.size())]);
    }

    // One more member of the transaction that is being asked for, or the first of a new one.
    void ask() {
        if (wanted_ == 0) {
            wanted_ = 1 + static_cast<u32>(below(3));
            ++number_;
            asked_[number_].members = wanted_;
            left_ = wanted_;
        }
        abi::ReplaceRequest request =
            w_.replace_request(names[below(std::size(names))], false, static_cast<u32>(200 + below(2000)));
        request.transaction = number_;
        request.members = wanted_;
        if (chance(20)) request.probation_us = static_cast<u32>(below(1000));
        const auto ticket = w_.ask(asker_, request);
        if (ticket) asked_[number_].tickets.insert(*ticket);
        if (ticket) accepted_.insert(*ticket);
        if (!ticket || --left_ == 0) wanted_ = 0;
    }

    void act(Process& p) {
        if (p.replacement != nullptr) return act_as_new_server(p);
        if (p.slot == nullptr) return;
        const u64 what = below(10);
        if (told_.contains(p.pid) && what < 8) {
            told_.erase(p.pid);
            w_.call(p, Syscall::hand_over);
        } else if (what == 0) {
            request_somebody(p);
        } else {
            receive(p, chance(50) ? abi::poll : 1 + below(300));
        }
    }

    void act_as_new_server(Process& p) {
        const u64 what = below(20);
        if (what < 16) {
            w_.register_server(p, what == 0 ? 0 : ~u64{0});
        } else if (what < 17) {
            w_.call(p, Syscall::process_exit, 1);
        } else {
            w_.call(p, Syscall::wait, 50);
        }
    }

    void receive(Process& p, u64 timeout) {
        const u32 pid = p.pid;
        const Outcome o = w_.receive(p, timeout);
        if (o.is(Receipt::replacement)) told_.insert(pid);
        if (o.is(Receipt::request) && chance(70)) w_.reply(p, o.rdi);
    }

    // Also a synchronous one, to a server that may have stopped; it may wait for long.
    void request_somebody(Process& p) {
        const char* name = names[below(std::size(names))];
        const Slot* to = slot_by_name(name);
        if (to == nullptr || to == p.slot || p.slot->control_count >= 4) return;
        const u64 c = w_.control(p);
        if (chance(50))
            w_.request(p, functions_[name], c, 0, 0, 1 + below(1500));
        else
            w_.request_async(p, functions_[name], c, 0, 0, 1 + below(1500));
    }

    // What ended in this step ended with its whole transaction.
    void observe() {
        std::map<u32, std::vector<const abi::ReplaceResult*>> ended;
        for (; seen_ != history_count; ++seen_) {
            const abi::ReplaceResult& r = history[seen_ % max_history];
            ended[r.transaction].push_back(&r);
        }
        for (const auto& [number, results] : ended) {
            Transaction& t = asked_[number];
            unsigned good = 0, cancelled = 0;
            for (const auto* r : results) {
                t.tickets.erase(r->ticket);
                good += r->error == Error::none ? 1 : 0;
                cancelled += r->error == Error::cancelled ? 1 : 0;
            }
            if (!t.tickets.empty()) FAIL("a member outlives its transaction");
            if (good != 0 && good != t.members) FAIL("some commit, some do not");
            if (good == 0 && results.size() - cancelled > 1) FAIL("more than one member is at fault");
            if (t.over && good != 0) FAIL("a transaction ends twice");
            t.over = true;
            ++(good != 0 ? committed : failed);
        }
        for (const Process& p : processes) {
            if (p.state == Process::State::registering && p.replacement == nullptr) FAIL("a new server waits for nothing");
            if (p.state == Process::State::handing_over && p.slot->replacement == nullptr)
                FAIL("an old server waits for nothing");
        }
        take_results();
    }

    void take_results() {
        if (!chance(20)) return;
        while (const auto r = w_.result(asker_))
            if (accepted_.erase(r->ticket) == 0) FAIL("a result that nobody waits for");
    }

    // Everything that has begun comes to an end by itself.
    void drain() {
        for (unsigned i = 0; i < 50; ++i) {
            pass(3000);
            observe();
        }
        for (unsigned i = 0; i < 100 && !accepted_.empty(); ++i) take_results();
        if (!accepted_.empty()) FAIL("a replacement has no end");
        for (const Slot& slot : slots) CHECK(slot.replacement == nullptr);
        w_.check();
    }

    World w_;
    std::mt19937_64 random_;
    Process& asker_ = w_.start("guardian", {.priority = 12});
    std::map<std::string, u32> functions_;
    std::map<u32, Transaction> asked_;
    std::set<u32> told_, accepted_;
    u32 number_ = 0, wanted_ = 0, left_ = 0, seen_ = history_count;
};

}  // namespace

TEST_CASE("random transactions commit as a whole or not at all", "[transaction]") {
    unsigned committed = 0, failed = 0;
    for (u64 seed = 0; seed < 60; ++seed) {
        INFO("seed " << seed);
        Chaos chaos{seed};
        chaos.run(400);
        committed += chaos.committed;
        failed += chaos.failed;
    }
    CHECK(committed > 100);
    CHECK(failed > 100);
}
