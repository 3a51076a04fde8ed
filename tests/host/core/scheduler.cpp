// Priorities, turns, waits.
#include "support/world.hpp"

#include <kernel/core/starvation.hpp>

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;

TEST_CASE("the most important ready process runs", "[scheduler]") {
    World w;
    Process& low = w.start("low", {.priority = 4});
    CHECK(w.running() == &low);
    Process& high = w.start("high", {.priority = 20});
    w.quantum_ends();
    CHECK(w.running() == &high);
    w.raw_call(Syscall::wait, 100);
    CHECK(w.running() == &low);
    w.advance(100);
    CHECK(w.running() == &high);
    CHECK(low.state == Process::State::ready);
}

TEST_CASE("equals take turns", "[scheduler]") {
    World w;
    Process* p[3] = {&w.start("a"), &w.start("b"), &w.start("c")};
    w.run(*p[0]);
    for (unsigned turn = 0; turn < 9; ++turn) {
        CHECK(w.running() == p[turn % 3]);
        w.advance(quantum_us - 1);
        CHECK(w.running() == p[turn % 3]);
        w.advance(1);
    }
}

TEST_CASE("a process that nobody waits for keeps the CPU without a timer", "[scheduler]") {
    World w;
    Process& only = w.start("only");
    w.advance(3 * quantum_us);
    CHECK(w.running() == &only);
    CHECK(arch::cpu().quantum_end == ~u64{0});
}

TEST_CASE("a preempted process goes on before its equals", "[scheduler]") {
    World w;
    Process& high = w.start("high", {.priority = 20});
    Process& a = w.start("a");
    Process& b = w.start("b");
    w.run(high);
    w.raw_call(Syscall::wait, 10);
    Process* first = w.running();
    CHECK((first == &a || first == &b));
    w.advance(10);
    CHECK(w.running() == &high);
    w.raw_call(Syscall::wait, 10);
    CHECK(w.running() == first);
}

TEST_CASE("a requester that gets the CPU with its answer does not keep it from its equals", "[scheduler]") {
    World w;
    Process& server = w.start("echo", {.priority = abi::priority::server});
    const u32 f = w.function(server, "echo.say");
    CHECK(w.wait_for_work(server).blocked);
    Process& client = w.start("app");
    const u64 c = w.control(client);
    Process& equal = w.start("equal");
    CHECK(w.call(equal, Syscall::wait, 1000).blocked);
    w.request(client, f, c);
    CHECK(w.running() == &server);
    w.advance(1000);
    CHECK(w.running() == &server);
    REQUIRE(equal.state == Process::State::ready);
    w.raw_call(Syscall::reply_and_receive, c, 0, 0, 0, no_limit);
    for (unsigned i = 0; i < 4 && w.running() != &equal; ++i) w.advance(quantum_us);  // it computes
    CHECK(w.running() == &equal);
}

TEST_CASE("two that hand each other the CPU do not keep it from an equal", "[scheduler]") {
    World w;
    Process& server = w.start("echo");
    const u32 f = w.function(server, "echo.say");
    Process& client = w.start("app");
    const u64 c = w.control(client);
    w.wait_for_work(server);
    Process& equal = w.start("equal");
    w.run(client);
    bool its_turn = false;
    for (unsigned i = 0; i < 100 && !its_turn; ++i) {
        w.raw_call(w.running() == &client ? Syscall::request : Syscall::reply_and_receive, w.running() == &client ? f : c,
                   w.running() == &client ? c : 0, w.running() == &client ? parameters_at() : 0, 0, 0);
        w.advance(quantum_us / 10);
        its_turn = w.running() == &equal;
    }
    CHECK(its_turn);
}

TEST_CASE("a wait ends at its microsecond, not before", "[scheduler]") {
    World w;
    Process& p = w.start("p");
    CHECK(w.call(p, Syscall::wait, 250).blocked);
    CHECK(w.idle());
    w.advance(249);
    CHECK(w.idle());
    w.advance(1);
    CHECK(w.running() == &p);
}

TEST_CASE("the timer is armed for the first of several deadlines", "[scheduler]") {
    World w;
    Process* p[4];
    const u64 times[4] = {400, 100, 300, 200};
    for (unsigned i = 0; i < 4; ++i) p[i] = &w.start(std::to_string(i).c_str(), {.priority = 20 - i});
    for (unsigned i = 0; i < 4; ++i) w.call(*p[i], Syscall::wait, times[i]);
    CHECK(w.idle());
    for (const unsigned next : {1U, 3U, 2U, 0U}) {
        w.advance(100);
        CHECK(w.running() == p[next]);
        w.raw_call(Syscall::receive, no_limit);
        CHECK(w.idle());
    }
}

TEST_CASE("the time of each process is accounted, and that of idling", "[scheduler]") {
    World w;
    Process& p = w.start("p");
    w.run(p);
    const u64 start = cpu_ticks_of(p, machine::now()), idle_start = arch::cpu().idle_ticks;
    w.advance(100);
    w.raw_call(Syscall::wait, 50);
    CHECK(cpu_ticks_of(p, machine::now()) - start >= 100 * machine::tick_rate);
    w.advance(50);
    CHECK(w.running() == &p);
    CHECK(arch::cpu().idle_ticks - idle_start >= 50 * machine::tick_rate);
}

TEST_CASE("free pages are zeroed when nothing else is to be done", "[scheduler]") {
    World w;
    Process& p = w.start("p");
    w.call(p, Syscall::wait, 10);
    CHECK(w.idle());
    CHECK(pool.zeroed_pages() == pool.free_pages());
}

namespace {

// Two servers that hand each other the CPU without end, at the priority of drivers.
struct Flood {
    World w;
    Process& server = w.start("flood", {.priority = abi::priority::driver});
    u32 f = w.function(server, "flood.say");
    Process& client = w.start("flooded", {.priority = abi::priority::driver});
    u64 c = w.control(client);

    Flood() { w.wait_for_work(server); }
    void has_cpu() { w.run(client.state == Process::State::calling ? server : client); }
    void goes_on() {
        const bool asks = w.running() == &client;
        if (asks || w.running() == &server)
            w.raw_call(asks ? Syscall::request : Syscall::reply_and_receive, asks ? f : c, asks ? c : 0,
                       asks ? parameters_at() : 0, 0, 0);
        w.advance(100);
    }
};

}  // namespace

TEST_CASE("those whom more important ones keep from the CPU get a little of it, one after the other", "[scheduler]") {
    Flood flood;
    Process* low[3] = {&flood.w.start("a"), &flood.w.start("b", {.priority = 4}), &flood.w.start("c", {.priority = 10})};
    flood.w.run(flood.client);
    u64 got[3] = {}, all = 0;
    for (; all < 30 * starvation_period_us; all += 100) {
        for (unsigned i = 0; i < 3; ++i) got[i] += flood.w.running() == low[i] ? 100 : 0;
        flood.goes_on();
    }
    for (const u64 time : got) CHECK(time >= 9 * relief_us);
    CHECK(got[0] + got[1] + got[2] <= 31 * relief_us);
    flood.w.check();
}

TEST_CASE("who gets the CPU at all is not relieved", "[scheduler]") {
    Flood flood;
    Process& low = flood.w.start("low");
    flood.w.run(flood.client);
    for (unsigned i = 0; i < 300; ++i) {
        flood.w.advance(starvation_period_us / 3);
        flood.w.run(low);
        CHECK(scheduler.relieved == nullptr);
        flood.w.advance(100);
        flood.w.run(flood.client);
    }
}

TEST_CASE("nobody is relieved while a slot changes hands", "[scheduler]") {
    const bool as_paper = GENERATE(false, true);
    Flood flood;
    World& w = flood.w;
    Process& old = w.start("store", {.priority = abi::priority::server});
    Process& asker = w.start("guard");
    Process& low = w.start("low");
    w.wait_for_work(old);
    w.wait_for_work(asker);
    flood.has_cpu();
    while (scheduler.relieved != &low) flood.goes_on();
    REQUIRE(w.replace_from_outside(asker, "store", as_paper, 100'000'000));
    if (!as_paper) CHECK(w.register_server(w.fresh("store")).blocked);
    CHECK(scheduler.relieved == nullptr);
    CHECK(low.priority == low.own_priority);
    flood.has_cpu();
    for (u64 gone = 0; gone <= 3 * starvation_period_us; gone += 100) {
        flood.goes_on();
        CHECK(scheduler.relieved == nullptr);
    }
    CHECK(outcome_of(old).is(abi::Receipt::replacement));
    CHECK(w.hand_over(old).blocked);
    if (as_paper) CHECK(w.register_server(w.fresh("store")).ok());
    flood.has_cpu();
    while (scheduler.relieved == nullptr) flood.goes_on();
    w.check();
}

TEST_CASE("the relief of one that waits, or whose priority is set, or that ends, is over in time", "[scheduler]") {
    const unsigned way = GENERATE(0u, 1u, 2u);
    Flood flood;
    Process& low = flood.w.start("low");
    flood.w.run(flood.client);
    while (scheduler.relieved == nullptr) flood.goes_on();
    REQUIRE(flood.w.running() == &low);
    CHECK(low.priority == abi::priority::guardian - 1);
    if (way == 0) flood.w.raw_call(Syscall::wait, 100 * relief_us);
    if (way == 1) low.set_priority(5);
    if (way == 2) flood.w.raw_call(Syscall::process_exit, 0);
    for (u64 gone = 0; gone <= relief_us; gone += 100) flood.goes_on();
    CHECK(scheduler.relieved == nullptr);
    CHECK(low.priority == low.own_priority);
    CHECK(low.own_priority == (way == 1 ? 5 : abi::priority::application));
    flood.w.finish_endings();
    flood.w.check();
}
