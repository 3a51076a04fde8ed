// How long each part of a replacement took.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Phase;
using model::hardware;

namespace {

constexpr u64 deadline_us = 20'000;

struct Timed {
    World w;
    Process& old =
        w.start("store", {.priority = abi::priority::driver, .deadline_us = deadline_us, .flags = abi::process_flag::restart});
    Process& guardian = w.start("guardian");
    Process& client = w.start("app");
    u32 f = w.function(old, "store.put", 1);
    u64 c = w.control(client);

    Timed() { CHECK(w.register_server(old).ok()); }
    static Slot& slot() { return *slot_by_name("store"); }
    static void pass(u64 microseconds) { hardware().clock += microseconds * machine::tick_rate; }
    static u64 us(const abi::ReplaceResult& r, Phase phase) { return r.phase_ns[static_cast<u32>(phase)] / 1000; }
    void mark(Process& p, Phase phase) { CHECK(w.call(p, Syscall::phase, static_cast<u64>(phase)).ok()); }
    abi::ReplaceResult finish(Process& fresh) {
        while (!w.wait_for_work(fresh).blocked) {
        }
        const auto r = w.result(guardian);
        REQUIRE(r);
        w.finish_endings();
        w.check();
        return *r;
    }
};

}  // namespace

TEST_CASE("phases of a planned replacement", "[phases]") {
    Timed t;
    t.w.replace(t.guardian, "store");
    Process& fresh = t.w.fresh("store");
    t.w.run(fresh);
    t.pass(11);
    CHECK(t.w.register_server(fresh).blocked);
    t.pass(22);
    CHECK(t.w.hand_over(t.old).blocked);
    t.pass(33);
    t.mark(fresh, Phase::state);
    t.pass(44);
    t.mark(fresh, Phase::device);
    t.mark(fresh, Phase::state);  // too late: not counted
    t.pass(55);
    const auto r = t.finish(fresh);
    CHECK(t.us(r, Phase::detect) == 0);
    CHECK(t.us(r, Phase::registration) == 11);
    CHECK(t.us(r, Phase::stop) == 22);
    CHECK(t.us(r, Phase::state) == 33);
    CHECK(t.us(r, Phase::device) == 44);
    CHECK(t.us(r, Phase::first) == 55);
}

TEST_CASE("without marks the first request counts from the commit", "[phases]") {
    Timed t;
    t.w.replace(t.guardian, "store");
    Process& fresh = t.w.fresh("store");
    t.w.register_server(fresh);
    t.w.hand_over(t.old);
    t.w.request_async(t.client, t.f, t.c);
    t.pass(10);
    CHECK(t.w.receive(fresh).rdi == t.c);
    t.pass(20);
    CHECK(t.w.reply(fresh, t.c).ok());
    const auto r = t.finish(fresh);
    CHECK(t.us(r, Phase::state) == 0);
    CHECK(t.us(r, Phase::device) == 0);
    CHECK(t.us(r, Phase::first) == 30);
}

TEST_CASE("phases of a restart after a hang", "[phases]") {
    Timed t;
    t.w.wait_for_work(t.old);
    t.w.request(t.client, t.f, t.c);
    const u64 began = machine::now();
    while (t.slot().process != nullptr) t.w.advance(100);
    const u64 found = (machine::now() - began) / machine::tick_rate;
    t.pass(15);
    t.w.replace(t.guardian, "store");
    Process& fresh = t.w.fresh("store");
    t.w.run(fresh);
    t.pass(25);
    CHECK(t.w.register_server(fresh).ok());
    t.pass(35);
    const auto r = t.finish(fresh);
    CHECK(r.failure == abi::fault_vector::hang);
    CHECK(t.us(r, Phase::detect) >= 3 * deadline_us / 4);
    CHECK(t.us(r, Phase::detect) <= 5 * deadline_us / 4);
    CHECK(t.us(r, Phase::detect) + deadline_us / 4 >= found);
    CHECK(t.us(r, Phase::stop) == 15);
    CHECK(t.us(r, Phase::registration) == 25);
    CHECK(t.us(r, Phase::first) == 35);
}

TEST_CASE("marks of a process whose blackout is over are ignored", "[phases]") {
    Timed t;
    t.mark(t.old, Phase::state);
    CHECK(t.w.call(t.old, Syscall::phase, static_cast<u64>(Phase::first)).error == Error::invalid_argument);
    CHECK(t.w.call(t.old, Syscall::phase, 1000).error == Error::invalid_argument);
    t.w.replace(t.guardian, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.call(fresh, Syscall::phase, static_cast<u64>(Phase::state)).error == Error::not_registered);
    t.w.register_server(fresh);
    t.w.hand_over(t.old);
    t.w.wait_for_work(fresh);
    t.w.request_async(t.client, t.f, t.c);
    t.mark(fresh, Phase::state);
    const auto r = t.w.result(t.guardian);
    REQUIRE(r);
    CHECK(t.us(*r, Phase::state) == 0);
}
