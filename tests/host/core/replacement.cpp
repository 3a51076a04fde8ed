// A server is replaced while it works: the two phases, the paper's order, and what passes from old to new.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;
using model::hardware;

namespace {

struct Swap {
    World w;
    Process& old = w.start("store", {.priority = abi::priority::server});
    Process& asker = w.start("shell");
    Process& client = w.start("app");
    u32 f = w.function(old, "store.put", 1);
    u64 c = w.control(client);

    Slot& slot() { return *slot_by_name("store"); }
    // Up to the registration of the new server. -> it
    Process& prepare(u32 timeout_us = 0) {
        w.wait_for_work(old);
        w.replace(asker, "store", false, timeout_us);
        Process& fresh = w.fresh("store");
        hardware().clock += 10;
        CHECK(w.register_server(fresh).blocked);
        return fresh;
    }
};

}  // namespace

TEST_CASE("the new server gets areas, calls, functions and state of the old one", "[replacement]") {
    Swap t;
    const u64 a = t.w.area(t.old, 3), held = t.w.area(t.client);
    t.w.word(t.old, a) = 1234;
    CHECK(t.w.call(t.old, Syscall::state_register, a, 5).ok());
    const u64 second = t.w.control(t.client), third = t.w.control(t.client);
    t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::lend_write), held);
    CHECK(t.w.receive(t.old).rdi == t.c);
    t.w.request_async(t.client, t.f, second);
    CHECK(t.w.receive(t.old).rdi == second);
    t.w.request_async(t.client, t.f, third);
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(!t.w.reads(fresh, a));
    CHECK(t.w.register_server(fresh, u64{1} << 5).blocked);
    CHECK(t.w.receive(t.old).is(Receipt::replacement));
    t.w.check();
    CHECK(t.w.hand_over(t.old).blocked);
    CHECK(outcome_of(fresh).rdx == 1);
    CHECK(t.slot().process == &fresh);
    t.w.finish_endings();
    t.w.check();
    CHECK(t.w.word(fresh, a) == 1234);
    CHECK(t.w.writes(fresh, held));
    const Outcome state = t.w.call(fresh, Syscall::state_fetch);
    CHECK(state.rdx == a);
    CHECK(state.rsi == 5);
    CHECK(t.w.receive(fresh).rdi == third);
    CHECK(t.w.reply(fresh, t.c, 1).ok());
    CHECK(t.w.reply(fresh, second, 2).ok());
    CHECK(t.w.reply(fresh, third, 3).ok());
    for (u64 n = 1; n <= 3; ++n) CHECK(t.w.receive(t.client).r8 == n);
    CHECK(t.w.request_async(t.client, t.f, t.c).ok());
    CHECK(t.w.receive(fresh).rdi == t.c);
    t.w.check();
}

TEST_CASE("the asker hears of the end when the new server has served", "[replacement]") {
    Swap t;
    Process& fresh = t.prepare();
    CHECK(t.w.result(t.asker).error() == Error::would_block);
    hardware().clock += 10;
    t.w.hand_over(t.old);
    t.w.request_async(t.client, t.f, t.c);
    CHECK(t.w.receive(fresh).is(Receipt::request));
    CHECK(t.w.result(t.asker).error() == Error::would_block);
    hardware().clock += 70;
    CHECK(t.w.reply(fresh, t.c).ok());
    t.w.wait_for_work(fresh);
    CHECK((t.w.receive(t.asker).rdx & abi::event::replacement) != 0);
    const auto r = t.w.result(t.asker);
    REQUIRE(r);
    CHECK(r->error == Error::none);
    CHECK(r->old_pid == t.old.pid);
    CHECK(r->new_pid == fresh.pid);
    CHECK(r->old_version == 1);
    CHECK(r->new_version == 2);
    CHECK(r->blackout_ns >= machine::ticks_to_ns(70));
    CHECK(r->total_ns >= r->blackout_ns);
    CHECK(t.w.result(t.asker).error() == Error::would_block);
}

TEST_CASE("events come in the order 1 2 6 7 3 4 5 8 to 12", "[replacement]") {
    Swap t;
    hardware().clock += 10;
    Process& fresh = t.prepare();
    hardware().clock += 10;
    t.w.hand_over(t.old);
    t.w.wait_for_work(fresh);
    const auto r = t.w.result(t.asker);
    REQUIRE(r);
    constexpr unsigned order[] = {1, 2, 6, 7, 3, 4, 5, 8, 9, 10};
    for (unsigned i = 1; i < std::size(order); ++i) CHECK(r->event_ns[order[i - 1] - 1] <= r->event_ns[order[i] - 1]);
    CHECK(r->event_ns[6] > r->event_ns[5]);
    CHECK(r->event_ns[3] > r->event_ns[2]);
    CHECK(r->as_paper == 0);
}

TEST_CASE("as the paper has it events come in the order 1 to 12", "[replacement]") {
    Swap t;
    t.w.wait_for_work(t.old);
    t.w.replace(t.asker, "store", true);
    Process& fresh = t.w.fresh("store");
    CHECK(fresh.state == Process::State::waiting);  // not before the old one has stopped
    CHECK(outcome_of(t.old).is(Receipt::replacement));
    hardware().clock += 10;
    CHECK(t.w.hand_over(t.old).blocked);
    hardware().clock += 10;
    t.w.check();
    const Outcome o = t.w.register_server(fresh);
    CHECK(o.ok());
    CHECK(o.rdx == 1);
    t.w.finish_endings();
    while (!t.w.wait_for_work(fresh).blocked) {
    }
    const auto r = t.w.result(t.asker);
    REQUIRE(r);
    CHECK(r->as_paper == 1);
    for (unsigned i = 1; i < 10; ++i) CHECK(r->event_ns[i - 1] <= r->event_ns[i]);
    CHECK(r->event_ns[6] > r->event_ns[3]);
    t.w.check();
}

TEST_CASE("a second replacement during the first is refused", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    CHECK(t.w.try_replace(t.asker, "store").error() == Error::busy);
    t.w.kill(t.w.fresh("store"));
    t.w.finish_endings();
    CHECK(t.w.try_replace(t.asker, "store"));
    t.w.check();
}

TEST_CASE("who cannot be replaced", "[replacement]") {
    Swap t;
    CHECK(t.w.try_replace(t.asker, "nobody").error() == Error::not_found);
    CHECK(t.w.try_replace(t.asker, "").error() == Error::invalid_argument);
    Process& poor = t.w.start("poor", {.privileges = 0});
    CHECK(t.w.try_replace(poor, "store").error() == Error::denied);
    t.w.check();
}

TEST_CASE("before its registration a new server owns nothing", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.call(fresh, Syscall::ica_reserve, 1, 0).error == Error::not_registered);
    CHECK(t.w.call(fresh, Syscall::receive, abi::poll).error == Error::not_registered);
    CHECK(t.w.request(fresh, t.f, t.c).error == Error::not_registered);
    CHECK(t.w.reply(fresh, t.c).error == Error::not_registered);
    CHECK(t.w.forward(fresh, t.f, t.c).error != Error::none);
    CHECK(t.w.call(fresh, Syscall::forward_and_receive, t.f, t.c, parameters_at(), 0, 0).error != Error::none);
    CHECK(t.w.call(fresh, Syscall::state_fetch).error == Error::not_registered);
    CHECK(t.w.hand_over(fresh).error == Error::cancelled);
    t.w.check();
}

TEST_CASE("a process that replaces nobody registers at once", "[replacement]") {
    Swap t;
    const Outcome o = t.w.register_server(t.client);
    CHECK(o.ok());
    CHECK(o.rdx == 0);
}

TEST_CASE("an old server that dies while the new one is prepared is replaced by it at once", "[replacement]") {
    Swap t;
    const u64 a = t.w.area(t.client), second = t.w.control(t.client);
    t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::lend_read), a);
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.register_server(fresh).blocked);
    CHECK(t.w.receive(t.old).is(Receipt::replacement));
    CHECK(t.w.receive(t.old).rdi == t.c);  // it works on instead of handing over
    t.w.request_async(t.client, t.f, second);
    t.w.kill(t.old);
    t.w.check();
    CHECK(t.slot().process == nullptr);
    CHECK(t.w.go_on(fresh).rdx == static_cast<u64>(abi::Registered::restarted));
    t.w.finish_endings();
    t.w.check();
    CHECK(t.slot().process == &fresh);
    const Outcome o = t.w.receive(t.client);
    CHECK(o.is(Receipt::result));
    CHECK(o.result_error() == Error::restarted);
    CHECK(t.w.receive(fresh).rdi == second);
    CHECK(t.w.reply(fresh, second).ok());
    t.w.wait_for_work(fresh);
    const auto r = t.w.result(t.asker);
    REQUIRE(r);
    CHECK(r->error == Error::none);
    t.w.check();
}

TEST_CASE("a call that a dead old server waited for is no page of its successor", "[replacement]") {
    Swap t;
    Process& other = t.w.start("other");
    const u32 g = t.w.function(other, "other.do");
    const u64 c = t.w.control(t.old);
    t.w.wait_for_work(other);
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.register_server(fresh).blocked);
    CHECK(t.w.request(t.old, g, c).blocked);
    t.w.kill(t.old);
    t.w.go_on(fresh);
    t.w.finish_endings();
    CHECK(t.slot().process == &fresh);
    CHECK(!t.w.reads(fresh, c));
    t.w.check();
    CHECK(t.w.reply(other, c).error == Error::abandoned);
    CHECK(t.slot().control_count == 0);
    t.w.check();
}

TEST_CASE("an interrupt that a dead old server was told of does not stay masked for its successor", "[replacement]") {
    Swap t;
    Process& driver = t.w.start("nic", {.device = 11});
    CHECK(!hardware().masked[11]);
    t.w.replace(t.asker, "nic");
    Process& fresh = t.w.fresh("nic");
    CHECK(t.w.register_server(fresh).blocked);
    t.w.interrupt(11);
    CHECK((t.w.receive(driver).rdx & abi::event::interrupt) != 0);
    CHECK(hardware().masked[11]);
    t.w.kill(driver);
    t.w.go_on(fresh);
    t.w.finish_endings();
    CHECK(slot_by_name("nic")->process == &fresh);
    t.w.receive(fresh);
    t.w.receive(fresh);
    CHECK(!hardware().masked[11]);
    t.w.check();
}

TEST_CASE("an area that a dead old server was reserving does not stay half reserved at its successor", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.register_server(fresh).blocked);
    // Pages that are not zero, so that the reservation goes in steps.
    t.w.run(t.old);
    for (unsigned i = 0; i < 2; ++i) {
        const u64 a = t.w.area(t.old, 512);
        for (u64 p = 0; p < 512; ++p) t.w.word(t.old, a + p * page_size) = 1;
        CHECK(t.w.call(t.old, Syscall::ica_release, a).ok());
    }
    t.w.run(t.old);
    t.w.raw_call(Syscall::ica_reserve, 512, 0);
    REQUIRE(t.slot().area_count == 1);
    t.w.kill(t.old);
    t.w.go_on(fresh);
    t.w.finish_endings();
    CHECK(t.slot().process == &fresh);
    CHECK(t.slot().area_count == 0);
    t.w.check();
}

TEST_CASE("an interrupt and a deferred call pass to the new server", "[replacement]") {
    Swap t;
    Process& driver = t.w.start("nic", {.device = 5});
    t.w.wait_for_work(driver);
    t.w.replace(t.asker, "nic");
    Process& fresh = t.w.fresh("nic");
    t.w.register_server(fresh);
    t.w.interrupt(5);
    CHECK(t.w.hand_over(driver).blocked);
    CHECK((t.w.receive(fresh).rdx & abi::event::interrupt) != 0);
    CHECK(hardware().masked[5]);
    t.w.wait_for_work(fresh);
    CHECK(!hardware().masked[5]);
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("the end of a replacement does not displace the answer that its asker gets at the same time", "[replacement]") {
    Swap t;
    const u64 c = t.w.control(t.asker);
    Process& fresh = t.prepare();
    t.w.hand_over(t.old);
    CHECK(t.w.request_async(t.asker, t.f, c).ok());
    CHECK(t.w.receive(fresh).rdi == c);
    while (!t.w.wait_for_work(t.asker).blocked) {
    }
    t.w.run(fresh);
    t.w.raw_call(Syscall::reply_and_receive, c, 5, 0, 0, no_limit);
    CHECK(outcome_of(t.asker).is(Receipt::result));
    CHECK(outcome_of(t.asker).rdi == c);
    CHECK((t.w.receive(t.asker).rdx & abi::event::replacement) != 0);
    t.w.check();
}

TEST_CASE("a hundred replacements leave as many free pages as before", "[replacement]") {
    Swap t;
    Process* now = &t.old;
    t.w.wait_for_work(*now);
    t.w.finish_endings();
    const std::size_t before = t.w.free_pages();
    for (unsigned i = 0; i < 100; ++i) {
        t.w.replace(t.asker, "store", i % 3 == 0);
        Process& fresh = t.w.fresh("store");
        if (i % 3 == 0) {
            t.w.hand_over(*now);
            CHECK(t.w.register_server(fresh).ok());
        } else {
            t.w.register_server(fresh);
            t.w.hand_over(*now);
        }
        now = &fresh;
        CHECK(t.w.wait_for_work(*now).blocked);
        CHECK(t.w.result(t.asker));
        t.w.finish_endings();
    }
    CHECK(t.w.free_pages() == before);
    CHECK(t.slot().replacements == 100);
    t.w.check();
}
