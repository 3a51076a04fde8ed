// On probation a new server writes the state format of the one before it, so that that one could take over again.
#include "support/world.hpp"

#include <kernel/core/probation.hpp>

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;

namespace {

constexpr u64 probation_us = 50'000;

struct Trial {
    World w;
    Process& old = w.start("store", {.priority = abi::priority::server, .flags = abi::process_flag::restart});
    Process& guardian = w.start("guardian");
    Process* now = &old;

    static Slot& slot() { return *slot_by_name("store"); }
    void register_state(u64 format) { CHECK(w.call(*now, Syscall::state_register, w.area(*now), format).ok()); }
    // -> the format that the new server is told to write
    u64 replace(u64 us) {
        abi::ReplaceRequest request = w.replace_request("store");
        request.probation_us = static_cast<u32>(us);
        REQUIRE(w.ask(guardian, request));
        Process& fresh = w.fresh("store");
        const bool vacant = slot().process == nullptr;
        w.register_server(fresh);
        if (!vacant) {
            w.receive(*now);
            CHECK(w.hand_over(*now).blocked);
        }
        now = &fresh;
        CHECK(slot().process == now);
        const u64 format = outcome_of(fresh).rsi;
        w.finish_endings();
        w.check();
        return format;
    }
    bool settled() { return (w.receive(*now).rdx & abi::event::settled) != 0; }
};

}  // namespace

TEST_CASE("on probation the old server's format is written, until it has settled", "[probation]") {
    Trial t;
    t.register_state(5);
    CHECK(t.replace(probation_us) == 5);
    CHECK(t.slot().probation.on);
    t.w.advance(probation_us - 1);
    CHECK(!t.settled());
    t.w.advance(1);
    CHECK(!t.slot().probation.on);
    CHECK(t.settled());
    CHECK(!t.settled());
}

TEST_CASE("without probation, or without a state, the new server has its own choice", "[probation]") {
    Trial t;
    CHECK(t.replace(probation_us) == own_format);
    CHECK(t.slot().probation.on);
    t.register_state(5);
    CHECK(t.replace(0) == own_format);
    CHECK(!t.slot().probation.on);
    t.w.advance(2 * probation_us);
    CHECK(!t.settled());
}

TEST_CASE("a process that was not put on probation is told nothing", "[probation]") {
    Trial t;
    const Outcome o = t.w.register_server(t.old);
    CHECK(o.rdx == static_cast<u64>(abi::Registered::fresh));
    CHECK(o.rsi == own_format);
}

TEST_CASE("a slot on probation keeps what it has promised first", "[probation]") {
    Trial t;
    t.register_state(5);
    CHECK(t.replace(probation_us) == 5);
    t.register_state(5);
    t.w.advance(probation_us / 2);
    SECTION("in a planned replacement") {
        t.register_state(6);  // against what it was told
        CHECK(t.replace(probation_us) == 5);
    }
    SECTION("in a failure") {
        t.w.kill(*t.now);
        CHECK(t.slot().probation.on);
        t.w.advance(10 * probation_us);
        CHECK(t.slot().probation.on);  // nobody has settled
        CHECK(t.replace(probation_us) == 5);
    }
    t.w.advance(probation_us / 2);
    CHECK(!t.settled());  // its time counts from its own beginning
    t.w.advance(probation_us / 2);
    CHECK(t.settled());
}

TEST_CASE("a roll-back ends the probation", "[probation]") {
    Trial t;
    t.register_state(5);
    CHECK(t.replace(probation_us) == 5);
    t.w.kill(*t.now);
    CHECK(t.replace(0) == own_format);
    CHECK(!t.slot().probation.on);
    t.w.advance(2 * probation_us);
    CHECK(!t.settled());
}

TEST_CASE("an event that the old server did not see is not the new one's", "[probation]") {
    Trial t;
    t.register_state(5);
    CHECK(t.replace(probation_us) == 5);
    t.register_state(5);
    t.w.advance(probation_us);
    CHECK(t.replace(0) == own_format);
    CHECK(!t.settled());
}
