// In the order of the paper an old server looks for the replacement before it takes a request or a result: what it has been
// given and has not run with is taken back.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

namespace {

// The asker is the most important: whoever it makes ready has not run when it asks for the replacement.
struct Unseen {
    World w;
    Process& old = w.start("store", {.priority = abi::priority::server});
    Process& driver = w.start("driver", {.priority = abi::priority::driver});
    Process& asker = w.start("guard", {.priority = abi::priority::guardian});
    u32 f = w.function(old, "store.put", 1), g = w.function(driver, "driver.put", 2);
    u64 c = w.control(asker);

    Slot& slot() { return *slot_by_name("store"); }
    u64 give_request() {
        w.wait_for_work(old);
        const u64 data = w.area(asker);
        w.word(asker, data) = 99;
        CHECK(w.request_async(asker, f, c, mode_flags(DataMode::move), data).ok());
        CHECK(outcome_of(old).is(Receipt::request));
        return data;
    }
    // The driver, which goes on after its answer, brings an area with it.
    u64 give_relayed_result() {
        CHECK(w.request_async(asker, f, c).ok());
        CHECK(w.receive(old).rdi == c);
        CHECK(w.forward(old, g, c).ok());
        w.wait_for_work(old);
        CHECK(w.receive(driver).rdi == c);
        const u64 data = w.area(driver);
        w.word(driver, data) = 77;
        CHECK(w.reply(driver, c, 7, data | static_cast<u64>(DataMode::move)).ok());
        CHECK(outcome_of(old).is(Receipt::result));
        w.run(asker);
        return data;
    }
    u64 give_own_result() {
        const u64 own = w.control(old);
        CHECK(w.request_async(old, g, own).ok());
        w.wait_for_work(old);
        CHECK(w.receive(driver).rdi == own);
        CHECK(w.reply(driver, own, 5).ok());
        CHECK(outcome_of(old).is(Receipt::result));
        w.run(asker);
        return own;
    }
    void replace(bool as_paper = true) {
        CHECK(w.running() == &asker);
        CHECK(old.state == Process::State::ready);
        w.replace(asker, "store", as_paper);
        w.check();
    }
    Process& hand_over(u64 formats = ~u64{0}) {
        CHECK(outcome_of(old).is(Receipt::replacement));
        Process& fresh = w.fresh("store");
        CHECK(w.hand_over(old).blocked);
        CHECK(w.register_server(fresh, formats).ok());
        w.finish_endings();
        w.check();
        return fresh;
    }
    void takes_request(Process& server, u64 data) {
        const Outcome o = w.receive(server);
        CHECK(o.is(Receipt::request));
        CHECK(o.rdi == c);
        CHECK(o.op() == 1);
        CHECK(o.r9 == data);
        CHECK(w.word(server, data) == 99);
        // As if the one before had had it: who cares for that is on the safe side.
        CHECK((w.page(c).frames[0].flags & abi::flag::redelivered) != 0);
    }
    void takes_relayed_result(Process& server, u64 data) {
        const Outcome o = w.receive(server);
        CHECK(o.is(Receipt::result));
        CHECK(o.relayed());
        CHECK(o.rdi == c);
        CHECK(o.r8 == 7);
        CHECK(o.result_function() == g);
        CHECK(o.r9 == data);
        CHECK(w.word(server, data) == 77);
    }
    void answered_by(Process& server) {
        CHECK(w.reply(server, c, 8).ok());
        CHECK(w.receive(asker).r8 == 8);
        CHECK(slot().deferred_count == 0);
        w.check();
    }
};

}  // namespace

TEST_CASE("as the paper has it a request that the old server has not seen is the new one's", "[replacement]") {
    Unseen t;
    const u64 data = t.give_request();
    t.replace();
    Process& fresh = t.hand_over();
    t.takes_request(fresh, data);
    t.answered_by(fresh);
}

TEST_CASE("as the paper has it a result that the old server has not seen is the new one's", "[replacement]") {
    Unseen t;
    const u64 data = t.give_relayed_result();
    t.replace();
    CHECK(!t.w.reads(t.old, t.c));
    CHECK(!t.w.reads(t.old, data));
    Process& fresh = t.hand_over();
    t.takes_relayed_result(fresh, data);
    t.answered_by(fresh);
}

TEST_CASE("as the paper has it a result of the old server's own call is the new one's", "[replacement]") {
    Unseen t;
    const u64 own = t.give_own_result();
    t.replace();
    Process& fresh = t.hand_over();
    const Outcome o = t.w.receive(fresh);
    CHECK(o.is(Receipt::result));
    CHECK(!o.relayed());
    CHECK(o.rdi == own);
    CHECK(o.r8 == 5);
    CHECK(t.w.request_async(fresh, t.g, own).ok());
    t.w.check();
}

TEST_CASE("a call that is taken back comes before those behind it", "[replacement]") {
    Unseen t;
    const u64 data = t.give_request(), later = t.w.control(t.asker);
    CHECK(t.w.request_async(t.asker, t.f, later).ok());
    t.replace();
    Process& fresh = t.hand_over();
    t.takes_request(fresh, data);
    CHECK(t.w.receive(fresh).rdi == later);
}

TEST_CASE("in our order the old server works on what it has been given", "[replacement]") {
    Unseen t;
    t.give_request();
    t.replace(false);
    CHECK(t.w.register_server(t.w.fresh("store")).blocked);
    CHECK(outcome_of(t.old).is(Receipt::request));
    CHECK(t.w.reply(t.old, t.c, 1).ok());
    CHECK(t.w.receive(t.old).is(Receipt::replacement));
}

TEST_CASE("as the paper has it what the old server has seen stays with it", "[replacement]") {
    Unseen t;
    const bool interrupted = GENERATE(false, true);
    t.give_request();
    t.w.run(t.old);
    // Interrupted before its first instruction, or in a system call whose answer it has not seen yet.
    if (!interrupted) t.w.call(t.old, Syscall::wait, 0);
    t.w.run(t.asker);
    t.replace();
    if (interrupted) CHECK(outcome_of(t.old).is(Receipt::request));
    CHECK(t.slot().current != nullptr);
    CHECK(t.w.reply(t.old, t.c, 1).ok());
    CHECK(t.w.receive(t.old).is(Receipt::replacement));
}

TEST_CASE("what was taken back is the old server's if the replacement fails", "[replacement]") {
    Unseen t;
    const bool by_result = GENERATE(false, true);
    const u64 data = by_result ? t.give_relayed_result() : t.give_request();
    t.replace();
    CHECK(outcome_of(t.old).is(Receipt::replacement));
    SECTION("before it has handed over") {
        cancel_replacement(t.slot(), Error::cancelled);
        CHECK(t.w.hand_over(t.old).error == Error::cancelled);
    }
    SECTION("after that") {
        Process& fresh = t.w.fresh("store");
        CHECK(t.w.hand_over(t.old).blocked);
        t.w.call(fresh, Syscall::process_exit, 1);
        CHECK(outcome_of(t.old).error == Error::cancelled);
    }
    by_result ? t.takes_relayed_result(t.old, data) : t.takes_request(t.old, data);
    t.answered_by(t.old);
}

TEST_CASE("an old server that ends loses nothing that was taken back", "[replacement]") {
    Unseen t;
    const bool by_result = GENERATE(false, true);
    const u64 data = by_result ? t.give_relayed_result() : t.give_request();
    t.replace();
    t.w.kill(t.old);
    t.w.check();
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.register_server(fresh).ok());
    by_result ? t.takes_relayed_result(fresh, data) : t.takes_request(fresh, data);
    t.answered_by(fresh);
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("a call that was taken back is over when its requester ends", "[replacement]") {
    Unseen t;
    Process& client = t.w.start("app", {.priority = abi::priority::driver});
    const u64 own = t.w.control(client), data = t.w.area(client);
    t.w.wait_for_work(t.old);
    CHECK(t.w.request_async(client, t.f, own, mode_flags(DataMode::lend_read), data).ok());
    t.w.run(t.asker);
    t.replace();
    t.w.kill(client);
    t.w.finish_endings();
    t.w.check();
    Process& fresh = t.hand_over();
    CHECK(t.w.receive(fresh).is(Receipt::request));
    CHECK(t.w.reply(fresh, own).error == Error::abandoned);
    t.w.check();
}

TEST_CASE("the second replacement takes back what the first has left", "[replacement]") {
    Unseen t;
    const u64 data = t.give_request();
    t.replace();
    Process& second = t.hand_over();
    CHECK(t.w.receive(second, no_limit).is(Receipt::request));
    // Put aside, and another one that it does not see.
    t.w.wait_for_work(second);
    const u64 later = t.w.control(t.asker);
    CHECK(t.w.request_async(t.asker, t.f, later).ok());
    CHECK(outcome_of(second).rdi == later);
    t.w.replace(t.asker, "store", true);
    CHECK(outcome_of(second).is(Receipt::replacement));
    Process& third = t.w.fresh("store");
    CHECK(t.w.hand_over(second).blocked);
    CHECK(t.w.call(third, Syscall::server_register, ~u64{0}, abi::register_flag::redeliver).ok());
    t.takes_request(third, data);
    CHECK(t.w.receive(third).rdi == later);
    CHECK(t.w.reply(third, later, 1).ok());
    CHECK(t.w.receive(t.asker).rdi == later);
    t.answered_by(third);
}

TEST_CASE("an interrupt that came with what is taken back is told with the replacement", "[replacement]") {
    Unseen t;
    Process& old = t.w.start("irq", {.priority = abi::priority::server, .irq = 5});
    const u32 h = t.w.function(old, "irq.put", 3);
    const u64 second = t.w.control(t.asker);
    CHECK(t.w.request_async(t.asker, h, t.c).ok());
    CHECK(t.w.receive(old).rdi == t.c);
    CHECK(t.w.request_async(t.asker, h, second).ok());
    t.w.interrupt(5);
    CHECK(t.w.wait_for_work(t.asker).blocked);
    // The asker, who gets this answer, runs first.
    const Outcome both = t.w.call(old, Syscall::reply_and_receive, t.c, 1, 0, 0, no_limit);
    CHECK(both.rdi == second);
    CHECK((both.rdx & abi::event::interrupt) != 0);
    CHECK(t.w.running() == &t.asker);
    t.w.replace(t.asker, "irq", true);
    CHECK(outcome_of(old).is(Receipt::replacement));
    CHECK((outcome_of(old).rdx & abi::event::interrupt) != 0);
    Process& fresh = t.w.fresh("irq");
    CHECK(t.w.hand_over(old).blocked);
    CHECK(t.w.register_server(fresh).ok());
    CHECK(t.w.receive(fresh).rdi == second);
    t.w.check();
}

TEST_CASE("a result that brought a list of areas stays with the old server", "[replacement]") {
    Unseen t;
    World& w = t.w;
    CHECK(w.request_async(t.asker, t.f, t.c).ok());
    CHECK(w.receive(t.old).rdi == t.c);
    CHECK(w.forward(t.old, t.g, t.c).ok());
    w.wait_for_work(t.old);
    CHECK(w.receive(t.driver).rdi == t.c);
    const u64 data = w.area(t.driver);
    w.word(t.driver, data) = 77;
    auto* list = reinterpret_cast<abi::DataList*>(reinterpret_cast<std::byte*>(&w.page(t.c)) + abi::parameter_base);
    list->count = 1;
    list->entries[0] = {data, 0, static_cast<u32>(DataMode::move)};
    CHECK(w.reply(t.driver, t.c, 7, 0, Error::none, true).ok());
    CHECK(outcome_of(t.old).is(Receipt::result));
    w.run(t.asker);
    t.replace();
    CHECK(outcome_of(t.old).is(Receipt::result));
    CHECK(w.word(t.old, data) == 77);
    CHECK(w.call(t.old, Syscall::ica_release, data).ok());
    CHECK(w.reply(t.old, t.c, 8).ok());
    CHECK(w.receive(t.asker).r8 == 8);
    CHECK(w.receive(t.old).is(Receipt::replacement));
    w.check();
}
