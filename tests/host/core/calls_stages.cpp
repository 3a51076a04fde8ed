// Calls through several servers; time-outs; full queues; what comes first.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <tuple>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

namespace {

struct Chain {
    World w;
    Process& last = w.start("last");
    Process& relay = w.start("relay");
    Process& client = w.start("app");
    u32 f = w.function(last, "last.do", 1);
    u32 g = w.function(relay, "relay.do", 2);
    u64 c = w.control(client);
};
constexpr u64 direct = u64{abi::flag::direct_return} << 32;

}  // namespace

TEST_CASE("a sequential result passes through the relay, a direct one does not", "[calls][stages]") {
    Chain t;
    for (const bool straight : {false, true}) {
        CHECK(t.w.request_async(t.client, t.g, t.c).ok());
        CHECK(t.w.receive(t.relay).op() == 2);
        CHECK(t.w.forward(t.relay, t.f, t.c, straight ? direct : 0).ok());
        CHECK(!t.w.reads(t.relay, t.c));
        CHECK(t.w.receive(t.last).op() == 1);
        CHECK(t.w.page(t.c).frames[1].previous == t.c + offsetof(abi::ControlIca, frames));
        CHECK(t.w.reply(t.last, t.c, 5).ok());
        const Outcome at_relay = t.w.receive(t.relay);
        if (straight) {
            CHECK(!at_relay.ok());
        } else {
            CHECK(at_relay.is(Receipt::result));
            CHECK(at_relay.relayed());
            CHECK(at_relay.result_function() == t.f);
            CHECK(t.w.reply(t.relay, t.c, at_relay.r8 + 1).ok());
        }
        const Outcome o = t.w.receive(t.client);
        CHECK(o.is(Receipt::result));
        CHECK(o.r8 == (straight ? 5 : 6));
        CHECK(!o.relayed());
        t.w.check();
    }
}

// Servers that all wait in the core, as in a system at work: request, forwards and answers take their short ways.
namespace {

struct WaitingChain : Chain {
    Process& second = w.start("second");
    u32 h = w.function(second, "second.do", 3);
    u64 area = w.area(last);
    u64 other = w.control(second);

    WaitingChain() {
        for (Process* server : {&relay, &second, &last}) w.wait_for_work(*server);
    }
    void ask(u64 timeout_us = 1000) {
        REQUIRE(w.request(client, g, c, 0, 0, timeout_us).blocked);
        REQUIRE(outcome_of(relay).op() == 2);
    }
    void pass_on(Process& from, u32 function, u64 flags) {
        CHECK(w.call(from, Syscall::forward_and_receive, function | flags, c, parameters_at()).blocked);
        CHECK(!w.reads(from, c));
        w.check();
    }
    Outcome answer(Process& server, u64 value, u64 data = 0) {
        const Outcome o = w.call(server, Syscall::reply_and_receive, c, value, data);
        w.check();
        return o;
    }
};

}  // namespace

TEST_CASE("each of the servers in a chain gets the result back, or none, as it has asked for", "[calls][stages]") {
    WaitingChain t;
    for (const bool first_direct : {false, true})
        for (const bool second_direct : {false, true}) {
            t.ask();
            t.pass_on(t.relay, t.h, first_direct ? direct : 0);
            t.pass_on(t.second, t.f, second_direct ? direct : 0);
            u64 value = 5;
            CHECK(t.answer(t.last, value).blocked);
            for (auto [direct, server, function] : {std::tuple{second_direct, &t.second, t.f}, {first_direct, &t.relay, t.h}}) {
                const Outcome o = outcome_of(*server);
                CHECK(o.blocked == direct);
                if (direct) continue;
                CHECK(o.is(Receipt::result));
                CHECK(o.relayed());
                CHECK(o.result_function() == function);
                CHECK(o.rdi == t.c);
                CHECK(o.r8 == value);
                CHECK(t.w.page(t.c).currentp == t.c + offsetof(abi::ControlIca, frames) * (server == &t.relay ? 1 : 2));
                CHECK(t.answer(*server, ++value).blocked);
            }
            CHECK(outcome_of(t.client).ok());
            CHECK(outcome_of(t.client).rdx == value);
        }
}

TEST_CASE("an area comes back with an answer that passes nobody on its way", "[calls][stages]") {
    WaitingChain t;
    t.ask();
    t.pass_on(t.relay, t.f, direct);
    CHECK(t.answer(t.last, 7, t.area | static_cast<u64>(DataMode::move)).blocked);
    CHECK(outcome_of(t.client).rsi == t.area);
    CHECK(t.w.writes(t.client, t.area));
    CHECK(!t.w.reads(t.last, t.area));
}

TEST_CASE("a result waits for the relay that does something else", "[calls][stages]") {
    WaitingChain t;
    t.ask();
    t.pass_on(t.relay, t.h, 0);
    CHECK(t.w.call(t.second, Syscall::forward_and_receive, t.f | direct, t.c, parameters_at(), 0, 1).blocked);
    t.w.advance(1);
    CHECK(t.w.request(t.second, t.g, t.other).blocked);  // the relay has it
    CHECK(t.answer(t.last, 5).blocked);
    CHECK(t.w.call(t.relay, Syscall::reply_and_receive, t.other, 1).relayed());
    CHECK(outcome_of(t.relay).r8 == 5);
    CHECK(t.answer(t.relay, 6).blocked);
    CHECK(outcome_of(t.client).rdx == 6);
}

TEST_CASE("an answer on its way back finds that its requester no longer waits", "[calls][stages][timeouts]") {
    for (const u64 flags : {u64{0}, direct})
        for (const bool late : {false, true}) {
            WaitingChain t;
            t.ask(500);
            t.pass_on(t.relay, t.f, flags);
            if (late) (void)t.answer(t.last, 5);
            const bool answered = late && flags != 0;
            t.w.advance(500);
            CHECK(outcome_of(t.client).error == (answered ? Error::none : Error::timed_out));
            t.w.check();
            if (!late) (void)t.answer(t.last, 5);
            if (flags == 0) {
                CHECK(outcome_of(t.relay).relayed());
                (void)t.answer(t.relay, 6);
            }
            CHECK(outcome_of(t.relay).blocked);
            CHECK(outcome_of(t.last).blocked);
            CHECK(slot_by_name("app")->control_count == (answered ? 1 : 0));
        }
}

TEST_CASE("a call has at most eight stages", "[calls][stages]") {
    Chain t;
    t.w.request_async(t.client, t.g, t.c);
    for (unsigned i = 1; i < abi::max_stages; ++i) {
        t.w.receive(t.relay);
        CHECK(t.w.forward(t.relay, t.g, t.c).ok());
    }
    t.w.receive(t.relay);
    CHECK(t.w.forward(t.relay, t.g, t.c).error == Error::too_many);
    for (unsigned i = 0; i < abi::max_stages; ++i) {
        CHECK(t.w.reply(t.relay, t.c, i).ok());
        t.w.receive(t.relay);
    }
    CHECK(t.w.receive(t.client).r8 == abi::max_stages - 1);
    t.w.check();
}

TEST_CASE("a call is answered and forwarded only by who holds it", "[calls][stages]") {
    Chain t;
    t.w.request_async(t.client, t.g, t.c);
    CHECK(t.w.reply(t.relay, t.c).error == Error::not_owner);  // not yet received
    CHECK(t.w.reply(t.client, t.c).error == Error::not_owner);
    CHECK(t.w.reply(t.last, t.c).error == Error::not_owner);
    t.w.receive(t.relay);
    CHECK(t.w.forward(t.last, t.f, t.c).error == Error::not_owner);
    CHECK(t.w.request_async(t.client, t.g, t.c).error == Error::not_owner);
    CHECK(t.w.request_async(t.relay, t.f, t.c).error == Error::not_owner);
    CHECK(t.w.reply(t.relay, t.c + 8).error == Error::not_owner);
    CHECK(t.w.reply(t.relay, t.c).ok());
    CHECK(t.w.reply(t.relay, t.c).error == Error::not_owner);
    t.w.check();
}

TEST_CASE("parameters lie inside the control ICA, behind its frames", "[calls]") {
    Chain t;
    const auto with = [&t](u64 parameters) {
        return t.w.call(t.client, Syscall::request_async, t.g, t.c, parameters, 0, 0).error;
    };
    CHECK(with(parameters_at(0, 0)) == Error::invalid_argument);
    CHECK(with(parameters_at(1, page_size)) == Error::invalid_argument);
    CHECK(with(parameters_at(0xffff'ffff, abi::parameter_base)) == Error::invalid_argument);
    CHECK(with(parameters_at(16, 0xffff'fff8)) == Error::invalid_argument);
    CHECK(with(parameters_at(page_size - abi::parameter_base)) == Error::none);
}

TEST_CASE("a process does not wait for itself", "[calls]") {
    Chain t;
    const u64 c = t.w.control(t.relay);
    CHECK(t.w.request(t.relay, t.g, c).error == Error::invalid_argument);
    CHECK(t.w.running() == &t.relay);
    t.w.check();
}

TEST_CASE("results come before requests, each in the order of arrival", "[calls]") {
    Chain t;
    const u64 mine[2] = {t.w.control(t.relay), t.w.control(t.relay)};
    for (const u64 c : mine) t.w.request_async(t.relay, t.f, c);
    t.w.request_async(t.client, t.g, t.c);
    for (unsigned i = 0; i < 2; ++i) t.w.reply(t.last, t.w.receive(t.last).rdi);
    CHECK(t.w.receive(t.relay).rdi == mine[0]);
    CHECK(t.w.receive(t.relay).rdi == mine[1]);
    CHECK(t.w.receive(t.relay).rdi == t.c);
}

TEST_CASE("a full request queue refuses the next request, and takes one again later", "[calls]") {
    Chain t;
    Process& flood = t.w.start("flood", {.quota_calls = 600});
    for (unsigned i = 0; i < max_queue; ++i) CHECK(t.w.request_async(flood, t.f, t.w.control(flood)).ok());
    const u64 one_more = t.w.control(flood);
    CHECK(t.w.request_async(flood, t.f, one_more).error == Error::queue_full);
    CHECK(t.w.request(t.client, t.f, t.c).error == Error::queue_full);
    t.w.reply(t.last, t.w.receive(t.last).rdi);
    CHECK(t.w.request_async(flood, t.f, one_more).ok());
    t.w.check();
}

TEST_CASE("a synchronous request whose time is up returns at once when it was queued", "[calls][timeouts]") {
    Chain t;
    const u64 a = t.w.area(t.client);
    CHECK(t.w.request(t.client, t.f, t.c, mode_flags(DataMode::lend_read), a, 500).blocked);
    t.w.advance(499);
    CHECK(outcome_of(t.client).blocked);
    t.w.advance(1);
    CHECK(outcome_of(t.client).error == Error::timed_out);
    CHECK(!t.w.receive(t.last).ok());
    CHECK(t.w.call(t.client, Syscall::ica_release, a).ok());
    CHECK(t.w.reply(t.client, t.c).error == Error::not_owner);  // the control ICA has gone with the call
    t.w.check();
}

TEST_CASE("a request that is in work when its time is up is forgotten when it is answered", "[calls][timeouts]") {
    Chain t;
    t.w.wait_for_work(t.last);
    CHECK(t.w.request(t.client, t.f, t.c, 0, 0, 500).blocked);
    t.w.advance(500);
    CHECK(outcome_of(t.client).error == Error::timed_out);
    CHECK(!t.w.reads(t.client, t.c));
    CHECK(t.w.reads(t.last, t.c));
    t.w.check();
    const u64 a = t.w.area(t.last);
    CHECK(t.w.reply(t.last, t.c, 0, a | 1).error == Error::abandoned);
    CHECK(slot_by_name("app")->control_count == 0);
    CHECK(!t.w.receive(t.client).ok());
    t.w.check();
}

TEST_CASE("a request without a time limit has none, also while the timer's interrupt waits", "[calls][timeouts]") {
    Chain t;
    CHECK(t.w.receive(t.relay, 100).blocked);
    t.w.wait_for_work(t.last);
    model::hardware().clock += 200 * machine::ticks_per_us();
    CHECK(t.w.request(t.client, t.f, t.c).blocked);
    CHECK(t.w.advance(0));
    CHECK(outcome_of(t.relay).error == Error::timed_out);
    CHECK(outcome_of(t.client).blocked);
    CHECK(t.w.reply(t.last, t.c, 5).ok());
    CHECK(outcome_of(t.client).rdx == 5);
    t.w.check();
}

TEST_CASE("an asynchronous call whose time is up in the queue comes back as an error", "[calls][timeouts]") {
    Chain t;
    CHECK(t.w.request_async(t.client, t.f, t.c, 0, 0, 300).ok());
    t.w.advance(300);
    const Outcome o = t.w.receive(t.client);
    CHECK(o.is(Receipt::result));
    CHECK(o.result_error() == Error::timed_out);
    CHECK(!t.w.receive(t.last).ok());
    CHECK(t.w.request_async(t.client, t.f, t.c, 0, 0, 300).ok());
    t.w.receive(t.last);
    t.w.advance(300);
    CHECK(!t.w.receive(t.client).ok());  // in work: the answer comes
    CHECK(t.w.reply(t.last, t.c, 4).ok());
    CHECK(t.w.receive(t.client).r8 == 4);
    t.w.check();
}

TEST_CASE("a receive returns when its time is up", "[calls][timeouts]") {
    Chain t;
    CHECK(t.w.receive(t.last).error == Error::timed_out);
    CHECK(t.w.receive(t.last, 200).blocked);
    t.w.advance(200);
    CHECK(outcome_of(t.last).error == Error::timed_out);
}
