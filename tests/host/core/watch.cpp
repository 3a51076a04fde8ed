// Servers that hang, lose a reply or reserve without end are found; those that work, wait or starve are left alone.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace ant;
using namespace ant::test;
using abi::Receipt;
using model::hardware;

namespace {

constexpr u64 deadline_us = 20'000, look_us = deadline_us / 4;

struct Watched {
    World w;
    Process& server = w.start("disk", {.priority = abi::priority::driver, .deadline_us = deadline_us});
    u32 f = w.function(server, "disk.read", 1);
    Process& client = w.start("app");
    u64 c = w.control(client);
    u32 faults = fault_count;

    Watched() { CHECK(w.register_server(server).ok()); }

    // Time passes; whoever runs computes.
    void pass(u64 microseconds, u64 step = look_us / 5) {
        for (u64 gone = 0; gone < microseconds; gone += step) w.advance(step);
    }
    [[nodiscard]] bool alive(const char* name = "disk") const { return slot_by_name(name) != nullptr; }
    [[nodiscard]] unsigned killed() const { return fault_count - faults; }
    [[nodiscard]] static u32 last_vector() { return fault_records[(fault_count - 1) % max_fault_records].vector; }
    // Found after three to five looks: after a whole deadline at the latest, with one look in doubt.
    void expect_hang() {
        pass(deadline_us / 2);
        CHECK(killed() == 0);
        pass(deadline_us);
        REQUIRE(killed() == 1);
        CHECK(last_vector() == abi::fault_vector::hang);
        w.finish_endings();
        w.check();
    }
};

}  // namespace

TEST_CASE("a server that loops at the priority of drivers has hung", "[watch]") {
    Watched t;
    t.w.wait_for_work(t.server);
    CHECK(t.w.request(t.client, t.f, t.c, 0, 0).blocked);
    CHECK(t.w.running() == &t.server);
    t.expect_hang();
    CHECK(!t.alive());
    CHECK(outcome_of(t.client).error == Error::server_died);
}

TEST_CASE("a server that loops with its interrupt masked has hung", "[watch]") {
    Watched t;
    Process& nic = t.w.start("nic", {.priority = abi::priority::driver, .device = 5, .deadline_us = deadline_us});
    CHECK(t.w.register_server(nic).ok());
    t.w.wait_for_work(t.server);
    t.w.wait_for_work(nic);
    t.w.interrupt(5);
    CHECK(t.w.running() == &nic);
    CHECK(hardware().masked[5]);
    t.expect_hang();
    CHECK(t.alive());
    CHECK(!t.alive("nic"));
}

TEST_CASE("a server that waits without receiving, or for an answer that never comes, has hung", "[watch]") {
    const bool calls = GENERATE(false, true);
    Watched t;
    Process& other = t.w.start("other");
    const u32 g = t.w.function(other, "other.do");
    const u64 c = t.w.control(t.server);
    t.w.wait_for_work(other);
    if (calls) {
        CHECK(t.w.request(t.server, g, c).blocked);
        CHECK(t.w.wait_for_work(other).blocked);  // put aside for ever
    } else {
        CHECK(t.w.call(t.server, Syscall::wait, 100 * deadline_us).blocked);
    }
    t.w.wait_for_work(t.client);
    CHECK(t.w.idle());
    t.expect_hang();
    CHECK(t.alive("other"));
}

TEST_CASE("a server may wait with a time limit for an answer that may take as long", "[watch]") {
    const bool limited = GENERATE(true, false), may_wait = GENERATE(true, false);
    Watched t;
    Process& disk = t.w.start("slow");
    const u32 g = t.w.function(disk, "slow.read", 1 | (may_wait ? abi::function_attribute::may_wait : 0));
    const u64 c = t.w.control(t.server);
    t.w.wait_for_work(disk);
    CHECK(t.w.request(t.server, g, c, 0, 0, limited ? 20 * deadline_us : 0).blocked);
    CHECK(t.w.wait_for_work(disk).blocked);  // put aside
    t.w.wait_for_work(t.client);
    t.pass(10 * deadline_us);
    CHECK(t.killed() == (limited && may_wait ? 0 : 1));
    if (!limited || !may_wait) return;
    t.pass(11 * deadline_us);  // the limit has passed: it goes on
    CHECK(outcome_of(t.server).error == Error::timed_out);
}

TEST_CASE("of two servers that wait for each other one has hung, and the other goes on", "[watch]") {
    Watched t;
    Process& peer = t.w.start("peer", {.priority = abi::priority::driver, .deadline_us = deadline_us});
    const u32 g = t.w.function(peer, "peer.do");
    CHECK(t.w.register_server(peer).ok());
    const u64 ours = t.w.control(t.server), theirs = t.w.control(peer);
    CHECK(t.w.request(t.server, g, ours).blocked);
    CHECK(t.w.request(peer, t.f, theirs).blocked);
    t.w.wait_for_work(t.client);
    while (t.killed() == 0) t.pass(look_us);
    t.w.finish_endings();
    Process& left = t.alive() ? t.server : peer;
    CHECK(t.alive() != t.alive("peer"));
    CHECK(outcome_of(left).error == Error::server_died);
    const Outcome theirs_or_ours = t.w.receive(left);  // what the dead one had asked
    CHECK(t.w.reply(left, theirs_or_ours.rdi).error == Error::abandoned);
    t.w.wait_for_work(left);
    t.pass(4 * deadline_us);
    CHECK(t.killed() == 1);
}

TEST_CASE("a server without a deadline may do what it likes", "[watch]") {
    Watched t;
    Process& free = t.w.start("free", {.priority = 20});
    CHECK(t.w.register_server(free).ok());
    t.w.wait_for_work(t.server);
    t.w.run(free);
    t.pass(10 * deadline_us);
    CHECK(t.killed() == 0);
}

TEST_CASE("before it registers a server takes the time that it needs", "[watch]") {
    World w;
    Process& slow = w.start("slow", {.deadline_us = deadline_us});
    w.run(slow);
    for (unsigned i = 0; i < 20; ++i) w.advance(look_us);
    CHECK(slot_by_name("slow") != nullptr);
}

TEST_CASE("a server that is busy for ever, but serves, is never taken to hang", "[watch]") {
    const unsigned seed = GENERATE(range(0U, 40U));
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    const auto below = [&random](u64 limit) { return random() % limit; };
    Watched t;
    const u64 second = t.w.control(t.client);
    std::vector<u64> idle{t.c, second}, deferred;
    Process& relay = t.w.start("relay", {.priority = abi::priority::server});
    const u32 g = t.w.function(relay, "relay.do");
    const u64 own = t.w.control(t.server);
    bool own_is_out = false;
    u64 current = 0;
    const u64 longest = look_us * 5 / 2;  // between two turns: less than three looks
    for (unsigned turn = 0; turn < 300; ++turn) {
        for (u64 rest = below(longest); rest != 0;) {  // it computes
            const u64 step = std::min(rest, 1 + below(look_us));
            t.w.advance(step);
            rest -= step;
            if (own_is_out && below(3) == 0 && t.w.receive(relay).is(Receipt::request)) t.w.reply(relay, own);
        }
        REQUIRE(t.killed() == 0);
        if (!idle.empty() && below(3) != 0) {
            t.w.request_async(t.client, t.f, idle.back());
            idle.pop_back();
        }
        const auto taken = [&](const Outcome& o) {
            if (o.is(Receipt::request)) current = o.rdi;
            if (o.is(Receipt::result)) own_is_out = false;
        };
        switch (below(6)) {
            case 0:
                if (!own_is_out) own_is_out = t.w.request_async(t.server, g, own).ok();
                [[fallthrough]];
            case 1:  // polls, and puts aside what it had
                if (current != 0) deferred.push_back(current);
                current = 0;
                taken(t.w.receive(t.server));
                break;
            case 2:
                if (!deferred.empty()) {
                    t.w.reply(t.server, deferred.back());
                    idle.push_back(deferred.back());
                    deferred.pop_back();
                    break;
                }
                [[fallthrough]];
            case 3:
                if (current != 0) {
                    t.w.reply(t.server, current);
                    idle.push_back(current);
                    current = 0;
                    break;
                }
                [[fallthrough]];
            default: {  // waits for a moment
                if (current != 0) deferred.push_back(current);
                current = 0;
                t.w.call(t.server, Syscall::receive, 10);
                t.w.advance(10);
                t.w.run(t.server);
                taken(outcome_of(t.server));
            }
        }
        if (deferred.size() == 2 && idle.empty()) {
            for (const u64 control : deferred) t.w.reply(t.server, control), idle.push_back(control);
            deferred.clear();
        }
        while (t.w.receive(t.client).is(Receipt::result)) {
        }
    }
    CHECK(t.killed() == 0);
    t.w.check();
}

TEST_CASE("a server that starves has not hung", "[watch]") {
    Watched t;
    Process& server = t.w.start("slow", {.priority = 6, .deadline_us = deadline_us});
    CHECK(t.w.register_server(server).ok());
    t.w.wait_for_work(t.server);
    CHECK(server.state == Process::State::ready);
    t.w.run(t.client);
    t.pass(20 * deadline_us);
    CHECK(t.killed() == 0);
    // Nor has one that waits for it.
    const u32 g = t.w.function(server, "slow.do");
    Process& waits = t.w.start("waits", {.priority = 12, .deadline_us = deadline_us});
    CHECK(t.w.register_server(waits).ok());
    const u64 c = t.w.control(waits);
    CHECK(t.w.request(waits, g, c).blocked);
    t.w.run(t.client);
    t.pass(20 * deadline_us);
    CHECK(t.killed() == 0);
    t.w.check();
}

TEST_CASE("a server that hangs is found although another keeps it from the CPU half of the time", "[watch]") {
    Watched t;
    Process& equal = t.w.start("equal", {.priority = abi::priority::driver});
    t.w.run(t.server);
    for (unsigned i = 0; i < 20 && t.killed() == 0; ++i) t.pass(look_us);
    CHECK(t.killed() == 1);
    CHECK(equal.state != Process::State::free);
}

TEST_CASE("of a chain of servers the one that hangs is ended, not those that wait for it", "[watch]") {
    Watched t;
    Process& middle = t.w.start("middle", {.priority = abi::priority::server, .deadline_us = deadline_us});
    Process& top = t.w.start("top", {.priority = abi::priority::server, .deadline_us = deadline_us});
    const u32 g = t.w.function(middle, "middle.do"), h = t.w.function(top, "top.do");
    for (Process* p : {&middle, &top}) CHECK(t.w.register_server(*p).ok());
    const u64 c1 = t.w.control(middle), c2 = t.w.control(top);
    t.w.wait_for_work(t.server);
    t.w.wait_for_work(middle);
    t.w.wait_for_work(top);
    t.w.request(t.client, h, t.c);
    t.pass(look_us / 2);
    t.w.request(top, g, c2);
    t.pass(look_us / 2);
    t.w.request(middle, t.f, c1);
    t.expect_hang();
    CHECK(!t.alive());
    CHECK(t.alive("middle"));
    CHECK(t.alive("top"));
}

TEST_CASE("a machine that stands still makes no hang", "[watch]") {
    Watched t;
    t.w.wait_for_work(t.server);
    t.w.request(t.client, t.f, t.c);
    REQUIRE(t.w.running() == &t.server);
    for (unsigned i = 0; i < 50; ++i) {
        t.w.advance(1 + 2'000'000 * (i % 3));  // seconds between two instructions
        CHECK(t.killed() == 0);
    }
    t.w.reply(t.server, t.c);
    t.pass(look_us);
    CHECK(t.killed() == 0);
    // Nor does it hide one.
    t.w.advance(5'000'000);
    t.pass(2 * deadline_us);
    CHECK(t.killed() == 1);
    CHECK(t.last_vector() == abi::fault_vector::hang);
}

TEST_CASE("nobody looks while the CPU idles and all watched servers wait in receive", "[watch]") {
    Watched t;
    t.w.wait_for_work(t.server);
    t.w.wait_for_work(t.client);
    CHECK(t.w.idle());
    unsigned ticks = 0;
    for (unsigned i = 0; i < 100; ++i) ticks += t.w.advance(look_us) ? 1 : 0;
    CHECK(ticks <= 2);  // the end of a turn, and who may have starved
    CHECK(hardware().armed == ~u64{0});
    // A process runs, and there are looks again.
    t.w.start("new");
    CHECK(hardware().armed != ~u64{0});
    Process& busy = *t.w.running();
    CHECK(t.w.control(busy) != 0);
    const u64 c = t.w.control(busy);
    t.w.request(busy, t.f, c);
    t.expect_hang();
}

TEST_CASE("a call that is put aside for longer than four deadlines has lost its reply", "[watch]") {
    const bool may_wait = GENERATE(false, true);
    Watched t;
    const u32 g = static_cast<u32>(
        t.w.call(t.server, Syscall::function_register, t.w.put_name(t.server, "disk.wait"), 2 | abi::function_attribute::may_wait)
            .rdx);
    const u64 second = t.w.control(t.client);
    t.w.request_async(t.client, g, second);
    if (!may_wait) t.w.request_async(t.client, t.f, t.c);
    while (!t.w.wait_for_work(t.server).blocked) {
    }
    t.w.wait_for_work(t.client);
    t.pass(4 * deadline_us - look_us);
    CHECK(t.killed() == 0);
    if (may_wait) {
        t.pass(20 * deadline_us);
        CHECK(t.killed() == 0);
        CHECK(hardware().armed == ~u64{0});
    } else {
        t.pass(deadline_us);
        REQUIRE(t.killed() == 1);
        CHECK(t.last_vector() == abi::fault_vector::lost_reply);
    }
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("calls that are put aside and answered in time are no lost replies", "[watch]") {
    Watched t;
    const u64 second = t.w.control(t.client);
    for (unsigned i = 0; i < 20; ++i) {
        t.w.request_async(t.client, t.f, t.c);
        CHECK(t.w.receive(t.server).rdi == t.c);
        t.w.wait_for_work(t.server);
        t.pass(3 * deadline_us);
        t.w.request_async(t.client, t.f, second);
        CHECK(outcome_of(t.server).rdi == second);
        CHECK(t.w.reply(t.server, t.c).ok());
        CHECK(t.w.reply(t.server, second).ok());
        while (t.w.receive(t.client).is(Receipt::result)) {
        }
        REQUIRE(t.killed() == 0);
    }
}

TEST_CASE("a server that reserves without end has run away", "[watch]") {
    const auto kind = GENERATE(abi::AreaKind::data, abi::AreaKind::control);
    Watched t;
    Process& leaks = t.w.start("leaks", {.quota_pages = 100, .quota_calls = 10, .deadline_us = deadline_us});
    CHECK(t.w.register_server(leaks).ok());
    t.w.wait_for_work(t.server);
    unsigned refused = 0;
    for (unsigned turn = 0; turn < 1000 && t.killed() == 0; ++turn) {
        t.w.receive(leaks);
        const Outcome o = t.w.call(leaks, Syscall::ica_reserve, 1, static_cast<u64>(kind));
        refused += o.error == Error::over_quota ? 1 : 0;
        t.w.advance(look_us / 10);
    }
    REQUIRE(t.killed() == 1);
    CHECK(t.last_vector() == abi::fault_vector::runaway);
    CHECK(refused >= 64);
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("a server that lives at its limit, or asks for too much at once, has not run away", "[watch]") {
    Watched t;
    Process& full = t.w.start("full", {.quota_pages = 100, .deadline_us = deadline_us});
    CHECK(t.w.register_server(full).ok());
    t.w.wait_for_work(t.server);
    std::vector<u64> areas;
    for (unsigned turn = 0; turn < 2000; ++turn) {
        t.w.receive(full);
        const Outcome o = t.w.call(full, Syscall::ica_reserve, 1, 0);
        if (o.ok()) areas.push_back(o.rdx);
        if (turn % 200 == 199) {  // somebody gives something back
            CHECK(t.w.call(full, Syscall::ica_release, areas.back()).ok());
            areas.pop_back();
        }
        t.w.advance(look_us / 60);
        REQUIRE(t.killed() == 0);
    }
    for (const u64 area : areas) CHECK(t.w.call(full, Syscall::ica_release, area).ok());
    for (unsigned turn = 0; turn < 1000; ++turn) {
        t.w.receive(full);
        CHECK(t.w.call(full, Syscall::ica_reserve, 200, 0).error == Error::over_quota);
        t.w.advance(look_us / 10);
        REQUIRE(t.killed() == 0);
    }
}
