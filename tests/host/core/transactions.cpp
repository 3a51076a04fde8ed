// Several servers are replaced together: all or none, in one blackout.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace ant;
using namespace ant::test;
using abi::Receipt;
using model::hardware;

namespace {

constexpr u32 restart = abi::process_flag::restart;
constexpr u32 number = 7;

struct Stack {
    World w;
    Process& nic = w.start("nic", {.priority = abi::priority::driver, .flags = restart});
    Process& inet = w.start("inet", {.priority = abi::priority::server, .flags = restart});
    Process& asker = w.start("guardian");
    Process& client = w.start("app");
    u32 send = w.function(nic, "nic.send", 1), get = w.function(inet, "inet.get", 1);
    u64 c = w.control(client);
    u32 timeout_us = 0;

    static Slot& slot(const char* name) { return *slot_by_name(name); }

    Result<u32> begin(const char* name, u32 members = 2, u32 transaction = number) {
        abi::ReplaceRequest request = w.replace_request(name, false, timeout_us);
        request.transaction = transaction;
        request.members = members;
        return w.ask(asker, request);
    }
    void begin_both() {
        REQUIRE(begin("inet"));
        REQUIRE(begin("nic"));
    }
    void serve_nothing(Process& p) {
        for (unsigned i = 0; !w.wait_for_work(p).blocked; ++i) REQUIRE(i < 10);
    }
    // All results, by slot.
    std::map<std::string, abi::ReplaceResult> results() {
        std::map<std::string, abi::ReplaceResult> all;
        while (const auto r = w.result(asker)) all[r->name] = *r;
        return all;
    }
    // Whoever has the slot serves.
    void serves(const char* name, u32 function) {
        Process& p = *slot(name).process;
        CHECK(w.request_async(client, function, c).ok());
        CHECK(w.receive(p).rdi == c);
        CHECK(w.reply(p, c).ok());
        CHECK(w.receive(client).is(Receipt::result));
    }
    void expect_none(Error nic_error, Error inet_error) {
        w.finish_endings();
        CHECK(slot("nic").process == &nic);
        CHECK(slot("inet").process == &inet);
        CHECK(slot("nic").replacement == nullptr);
        CHECK(slot("inet").replacement == nullptr);
        auto r = results();
        REQUIRE(r.size() == 2);
        CHECK(r["nic"].error == nic_error);
        CHECK(r["inet"].error == inet_error);
        serves("nic", send);
        serves("inet", get);
        w.check();
    }
};

}  // namespace

TEST_CASE("two servers change hands in one go", "[transaction]") {
    Stack t;
    t.begin_both();
    Process &new_nic = t.w.fresh("nic"), &new_inet = t.w.fresh("inet");
    CHECK(t.w.register_server(new_nic).blocked);
    CHECK(t.w.receive(t.nic).error == Error::timed_out);  // not told before all are prepared
    CHECK(t.w.register_server(new_inet).blocked);
    CHECK(t.w.receive(t.nic).is(Receipt::replacement));
    CHECK(t.w.hand_over(t.nic).blocked);
    CHECK(t.slot("nic").process == &t.nic);  // it waits for the other
    t.w.check();
    CHECK(t.w.request_async(t.client, t.send, t.c).ok());
    CHECK(t.w.receive(t.inet).is(Receipt::replacement));
    CHECK(t.w.hand_over(t.inet).blocked);
    CHECK(t.slot("nic").process == &new_nic);
    CHECK(t.slot("inet").process == &new_inet);
    t.w.check();
    CHECK(outcome_of(new_nic).rdx == static_cast<u64>(abi::Registered::replaced));
    CHECK(outcome_of(new_inet).rdx == static_cast<u64>(abi::Registered::replaced));
    CHECK(t.results().empty());
    hardware().clock += 100;
    CHECK(t.w.receive(new_nic).rdi == t.c);
    CHECK(t.w.reply(new_nic, t.c).ok());
    t.serve_nothing(new_nic);
    t.serve_nothing(new_inet);
    t.w.finish_endings();
    auto r = t.results();
    REQUIRE(r.size() == 2);
    for (const auto& [name, one] : r) {
        CHECK(one.error == Error::none);
        CHECK(one.transaction == number);
    }
    t.w.check();
}

TEST_CASE("the new servers run in the order of the requests", "[transaction]") {
    Stack t;
    Process& a = t.w.start("a", {.priority = 12});
    Process& b = t.w.start("b", {.priority = 12});
    const bool a_first = GENERATE(false, true);
    REQUIRE(t.begin(a_first ? "a" : "b"));
    REQUIRE(t.begin(a_first ? "b" : "a"));
    Process &new_a = t.w.fresh("a"), &new_b = t.w.fresh("b");
    t.w.register_server(new_a);
    t.w.register_server(new_b);
    t.w.wait_for_work(t.nic);
    t.w.wait_for_work(t.inet);
    t.w.receive(a);
    t.w.receive(b);
    t.w.hand_over(a);
    t.w.hand_over(b);
    CHECK(t.w.running() == (a_first ? &new_a : &new_b));
    t.w.raw_call(Syscall::receive, no_limit);
    CHECK(t.w.running() == (a_first ? &new_b : &new_a));
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("what is wrong with one member fails all", "[transaction]") {
    Stack t;
    SECTION("a new server that exits") {
        t.begin_both();
        t.w.register_server(t.w.fresh("inet"));
        t.w.call(t.w.fresh("nic"), Syscall::process_exit, 3);
        t.expect_none(Error::exited_early, Error::cancelled);
    }
    SECTION("a new server that exits while it waits for the others") {
        t.begin_both();
        t.w.register_server(t.w.fresh("inet"));
        t.w.kill(t.w.fresh("inet"));
        t.expect_none(Error::cancelled, Error::exited_early);
    }
    SECTION("a new server that exits after an old one has stopped") {
        t.begin_both();
        Process& new_nic = t.w.fresh("nic");
        t.w.register_server(new_nic);
        t.w.register_server(t.w.fresh("inet"));
        t.w.receive(t.nic);
        CHECK(t.w.hand_over(t.nic).blocked);
        t.w.kill(new_nic);
        CHECK(outcome_of(t.nic).error == Error::cancelled);
        t.expect_none(Error::exited_early, Error::cancelled);
    }
    SECTION("no registration in time") {
        t.timeout_us = 1000;
        t.begin_both();
        t.w.register_server(t.w.fresh("inet"));
        t.w.advance(1000);
        t.expect_none(Error::not_registered, Error::cancelled);
    }
    SECTION("no hand-over in time") {
        t.timeout_us = 1000;
        t.begin_both();
        t.w.register_server(t.w.fresh("inet"));
        t.w.register_server(t.w.fresh("nic"));
        t.w.receive(t.nic);
        CHECK(t.w.hand_over(t.nic).blocked);
        t.w.advance(1000);
        CHECK(outcome_of(t.nic).error == Error::cancelled);
        t.expect_none(Error::cancelled, Error::not_handed_over);
    }
    SECTION("a state that it cannot read") {
        CHECK(t.w.call(t.inet, Syscall::state_register, t.w.area(t.inet), 4).ok());
        t.begin_both();
        t.w.register_server(t.w.fresh("nic"));
        t.w.register_server(t.w.fresh("inet"), 1);
        t.expect_none(Error::cancelled, Error::state_refused);
    }
    SECTION("a state whose format changes before the hand-over") {
        t.begin_both();
        t.w.register_server(t.w.fresh("nic"), 1);
        t.w.register_server(t.w.fresh("inet"), 1);
        t.w.receive(t.inet);
        CHECK(t.w.call(t.inet, Syscall::state_register, t.w.area(t.inet), 4).ok());
        CHECK(t.w.hand_over(t.inet).blocked);
        t.w.receive(t.nic);
        CHECK(t.w.hand_over(t.nic).error == Error::cancelled);
        CHECK(outcome_of(t.inet).error == Error::cancelled);
        t.expect_none(Error::cancelled, Error::state_refused);
    }
}

TEST_CASE("a member that cannot begin takes the others with it", "[transaction]") {
    Stack t;
    REQUIRE(t.begin("inet"));
    CHECK(t.begin("nobody").error() == Error::not_found);
    t.w.finish_endings();
    auto r = t.results();
    REQUIRE(r.size() == 1);
    CHECK(r["inet"].error == Error::cancelled);
    t.serves("inet", t.get);
    t.w.check();
}

TEST_CASE("a request that comes after its transaction has failed is refused", "[transaction]") {
    Stack t;
    REQUIRE(t.begin("inet"));
    t.w.kill(t.w.fresh("inet"));
    CHECK(t.begin("nic").error() == Error::cancelled);
    CHECK(t.results().size() == 1);
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("a transaction whose other members never come fails", "[transaction]") {
    Stack t;
    t.timeout_us = 1000;
    REQUIRE(t.begin("inet"));
    t.w.register_server(t.w.fresh("inet"));
    t.w.advance(1000);
    t.w.finish_endings();
    auto r = t.results();
    REQUIRE(r.size() == 1);
    CHECK(r["inet"].error == Error::timed_out);
    t.serves("inet", t.get);
    t.w.check();
}

TEST_CASE("requests that make no transaction", "[transaction]") {
    Stack t;
    abi::ReplaceRequest request = t.w.replace_request("nic");
    request.members = 2;
    CHECK(t.w.ask(t.asker, request).error() == Error::invalid_argument);
    request.transaction = number;
    request.as_paper = 1;
    CHECK(t.w.ask(t.asker, request).error() == Error::invalid_argument);
    CHECK(t.begin("nic", 0).error() == Error::invalid_argument);
    CHECK(t.begin("nic", max_replacements + 1).error() == Error::invalid_argument);
    REQUIRE(t.begin("nic", 2));
    CHECK(t.begin("inet", 3).error() == Error::invalid_argument);  // and the transaction has failed
    t.w.finish_endings();
    CHECK(t.results()["nic"].error == Error::cancelled);
    REQUIRE(t.begin("nic", 1));
    CHECK(t.begin("inet", 1).error() == Error::invalid_argument);
    t.w.finish_endings();
    t.results();
    t.w.check();
}

TEST_CASE("the same number of another asker is another transaction", "[transaction]") {
    Stack t;
    Process& second = t.w.start("second");
    REQUIRE(t.begin("nic", 1));
    abi::ReplaceRequest request = t.w.replace_request("inet");
    request.transaction = number;
    request.members = 1;
    REQUIRE(t.w.ask(second, request));
    t.w.kill(t.w.fresh("nic"));
    CHECK(t.slot("inet").replacement != nullptr);
    Process& fresh = t.w.fresh("inet");
    CHECK(t.w.register_server(fresh).blocked);
    t.w.receive(t.inet);
    CHECK(t.w.hand_over(t.inet).blocked);
    CHECK(t.slot("inet").process == &fresh);
    t.w.finish_endings();
    t.w.check();
}

namespace {

// inet calls nic, and waits, before it comes to its receive; nic has stopped already.
struct Nested : Stack {
    const u64 own = w.control(inet);
    Process *new_nic = nullptr, *new_inet = nullptr;

    void stop_nic() {
        begin_both();
        new_nic = &w.fresh("nic");
        new_inet = &w.fresh("inet");
        w.register_server(*new_inet);
        w.register_server(*new_nic);
        w.receive(nic);
        CHECK(w.hand_over(nic).blocked);
    }
    void call() {
        stop_nic();
        CHECK(w.request(inet, send, own).blocked);
    }
    // It has waited for long enough, and serves.
    void expect_answer() {
        CHECK(outcome_of(nic).error == Error::cancelled);
        CHECK(slot("nic").replacement->state == Replacement::State::registered);
        CHECK(w.receive(nic).rdi == own);
        CHECK(w.reply(nic, own, 5).ok());
        CHECK(outcome_of(inet).rdx == 5);
        w.check();
    }
    void expect_commit() {
        CHECK(w.receive(nic).error == Error::timed_out);  // not told as long as inet has not stopped
        CHECK(w.receive(inet).is(Receipt::replacement));
        CHECK(w.hand_over(inet).blocked);
        CHECK(w.receive(nic).is(Receipt::replacement));
        CHECK(w.hand_over(nic).blocked);
        CHECK(slot("nic").process == new_nic);
        CHECK(slot("inet").process == new_inet);
        serves("nic", send);
        serves("inet", get);
        serve_nothing(*new_nic);
        serve_nothing(*new_inet);
        w.finish_endings();
        CHECK(results().size() == 2);
        w.check();
    }
};

constexpr u64 patience_us = 200;

}  // namespace

TEST_CASE("a member that waits for the answer of one that has stopped gets it, and all commit", "[transaction]") {
    Nested t;
    t.call();
    t.w.advance(patience_us - 10);
    CHECK(t.nic.state == Process::State::handing_over);
    t.w.advance(10);
    t.expect_answer();
    t.expect_commit();
}

TEST_CASE("it may wait for a server that waits in turn", "[transaction]") {
    Nested t;
    Process& middle = t.w.start("middle");
    const u32 ask = t.w.function(middle, "middle.ask", 1);
    const u64 c = t.w.control(middle);
    t.stop_nic();
    CHECK(t.w.request(t.inet, ask, t.own).blocked);
    CHECK(t.w.receive(middle).rdi == t.own);
    const bool asynchronous = GENERATE(false, true);
    if (asynchronous)
        CHECK(t.w.request_async(middle, t.send, c).ok());
    else
        CHECK(t.w.request(middle, t.send, c).blocked);
    t.w.advance(patience_us);
    CHECK(t.w.receive(t.nic).rdi == c);
    CHECK(t.w.reply(t.nic, c).ok());
    if (asynchronous) CHECK(t.w.receive(middle).is(Receipt::result));
    CHECK(t.w.reply(middle, t.own).ok());
    t.expect_commit();
}

TEST_CASE("a member that has been told waits twice as long each time", "[transaction]") {
    Nested t;
    t.call();
    t.w.advance(patience_us);
    t.expect_answer();
    t.w.receive(t.inet);
    CHECK(t.w.hand_over(t.inet).blocked);
    const u64 own = t.w.control(t.nic);
    CHECK(t.w.request(t.nic, t.get, own).blocked);  // now the other way round
    t.w.advance(patience_us);
    CHECK(t.w.receive(t.inet).rdi == own);
    CHECK(t.w.reply(t.inet, own).ok());
    CHECK(t.w.receive(t.nic).is(Receipt::replacement));
    CHECK(t.w.hand_over(t.nic).blocked);
    t.w.advance(patience_us);
    CHECK(t.nic.state == Process::State::handing_over);
    CHECK(t.w.receive(t.inet).is(Receipt::replacement));
    CHECK(t.w.hand_over(t.inet).blocked);
    CHECK(t.slot("nic").process == t.new_nic);
    CHECK(t.slot("inet").process == t.new_inet);
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("while one member hangs, the others serve; all fail when the time of the first notice is over", "[transaction]") {
    Nested t;
    t.timeout_us = 1000;
    t.stop_nic();
    t.w.advance(patience_us);
    t.serves("nic", t.send);
    t.w.advance(1000 - patience_us);
    t.expect_none(Error::cancelled, Error::not_handed_over);
}

TEST_CASE("two old servers that wait for each other do not block the system", "[transaction]") {
    Nested t;
    t.timeout_us = 1000;
    t.call();
    t.w.advance(patience_us);
    CHECK(t.w.request(t.nic, t.get, t.w.control(t.nic), 0, 0, 5000).blocked);
    t.w.advance(1000);
    CHECK(t.slot("nic").replacement == nullptr);
    CHECK(t.slot("inet").replacement == nullptr);
    t.w.advance(5000);
    CHECK(outcome_of(t.nic).error == Error::timed_out);
    CHECK(t.w.receive(t.nic).rdi == t.own);
    CHECK(t.w.reply(t.nic, t.own).ok());
    t.expect_none(Error::cancelled, Error::not_handed_over);
}

TEST_CASE("a member that serves again may die, or be ended", "[transaction]") {
    Nested t;
    t.call();
    t.w.advance(patience_us);
    SECTION("its new server waits for the other member") {
        t.w.kill(t.nic);
        t.w.check();
        CHECK(t.w.register_server(*t.new_nic).blocked);  // once more
        CHECK(t.w.running() != &t.inet);
        t.w.advance(2'000'000);
        t.w.finish_endings();
        CHECK(t.slot("inet").process == &t.inet);
        CHECK(t.slot("nic").process == nullptr);
        Process& revived = t.w.revive(t.asker, "nic");
        CHECK(t.w.receive(revived).rdi == t.own);
        CHECK(t.w.reply(revived, t.own).ok());
        CHECK(outcome_of(t.inet).ok());
    }
    SECTION("ended") {
        CHECK(t.w.call(t.asker, Syscall::slot_end, t.slot("nic").id()).ok());
        t.w.finish_endings();
        CHECK(outcome_of(t.inet).error == Error::server_died);
        CHECK(t.slot("inet").replacement == nullptr);
    }
    t.w.check();
}

TEST_CASE("an old server that dies on the way is a member still", "[transaction]") {
    enum class When { preparing, registered, told, stopped };
    const auto when = GENERATE(When::preparing, When::registered, When::told, When::stopped);
    CAPTURE(static_cast<int>(when));
    Stack t;
    t.begin_both();
    Process &new_nic = t.w.fresh("nic"), &new_inet = t.w.fresh("inet");
    const auto die = [&](When now) {
        if (when != now) return;
        t.w.kill(t.nic);
        t.w.check();
    };
    die(When::preparing);
    CHECK(t.w.register_server(new_nic).blocked);
    die(When::registered);
    CHECK(t.w.register_server(new_inet).blocked);
    if (when == When::told || when == When::stopped) CHECK(t.w.receive(t.nic).is(Receipt::replacement));
    die(When::told);
    if (when == When::stopped) CHECK(t.w.hand_over(t.nic).blocked);
    die(When::stopped);
    if (new_nic.state != Process::State::registering) CHECK(t.w.register_server(new_nic).blocked);  // once more
    CHECK(t.slot("nic").process == nullptr);
    CHECK(t.w.receive(t.inet).is(Receipt::replacement));
    CHECK(t.w.hand_over(t.inet).blocked);
    CHECK(t.slot("nic").process == &new_nic);
    CHECK(t.slot("inet").process == &new_inet);
    CHECK(outcome_of(new_nic).rdx == static_cast<u64>(abi::Registered::restarted));
    CHECK(outcome_of(new_inet).rdx == static_cast<u64>(abi::Registered::replaced));
    t.w.finish_endings();
    t.serve_nothing(new_nic);
    t.serve_nothing(new_inet);
    auto r = t.results();
    REQUIRE(r.size() == 2);
    CHECK(r["nic"].failure == abi::fault_vector::kill);
    CHECK(r["inet"].failure == 0);
    t.w.check();
}

TEST_CASE("vacant slots are members like others", "[transaction]") {
    const bool both = GENERATE(false, true);
    Stack t;
    t.w.kill(t.nic);
    if (both) t.w.kill(t.inet);
    t.w.finish_endings();
    t.begin_both();
    Process &new_nic = t.w.fresh("nic"), &new_inet = t.w.fresh("inet");
    CHECK(t.w.register_server(new_nic).blocked);
    const Outcome last = t.w.register_server(new_inet);
    CHECK(last.blocked != both);
    if (!both) {
        t.w.receive(t.inet);
        CHECK(t.w.hand_over(t.inet).blocked);
    }
    CHECK(t.slot("nic").process == &new_nic);
    CHECK(t.slot("inet").process == &new_inet);
    CHECK(outcome_of(new_nic).rdx == static_cast<u64>(abi::Registered::restarted));
    t.w.finish_endings();
    t.serves("nic", t.send);
    t.serves("inet", t.get);
    t.w.check();
}

TEST_CASE("vacant slots of a transaction that fails stay vacant", "[transaction]") {
    Stack t;
    t.w.kill(t.nic);
    t.w.finish_endings();
    t.begin_both();
    CHECK(t.w.register_server(t.w.fresh("nic")).blocked);
    t.w.kill(t.w.fresh("inet"));
    t.w.finish_endings();
    CHECK(t.slot("nic").alive);
    CHECK(t.slot("nic").process == nullptr);
    CHECK(t.slot("inet").process == &t.inet);
    auto r = t.results();
    CHECK(r["nic"].error == Error::cancelled);
    CHECK(r["inet"].error == Error::exited_early);
    t.w.check();
    t.w.revive(t.asker, "nic");
    t.w.check();
}

TEST_CASE("a slot that is ended takes its transaction with it", "[transaction]") {
    Stack t;
    t.begin_both();
    CHECK(t.w.register_server(t.w.fresh("nic")).blocked);
    CHECK(t.w.call(t.asker, Syscall::slot_end, t.slot("inet").id()).ok());
    t.w.finish_endings();
    CHECK(slot_by_name("inet") == nullptr);
    CHECK(t.slot("nic").process == &t.nic);
    t.serves("nic", t.send);
    auto r = t.results();
    CHECK(r["nic"].error == Error::cancelled);
    CHECK(r["inet"].error == Error::server_died);
    t.w.check();
}

TEST_CASE("a hundred transactions leave as many free pages as before", "[transaction]") {
    Stack t;
    t.w.wait_for_work(t.nic);
    t.w.wait_for_work(t.inet);
    t.w.finish_endings();
    const std::size_t before = t.w.free_pages();
    for (u32 i = 0; i < 100; ++i) {
        Process &old_nic = *t.slot("nic").process, &old_inet = *t.slot("inet").process;
        REQUIRE(t.begin("nic", 2, i + 1));
        REQUIRE(t.begin("inet", 2, i + 1));
        Process &new_nic = t.w.fresh("nic"), &new_inet = t.w.fresh("inet");
        t.w.register_server(new_nic);
        if (i % 3 == 0) {
            t.w.kill(new_inet);
            t.w.finish_endings();
            CHECK(t.results().size() == 2);
            continue;
        }
        t.w.register_server(new_inet);
        CHECK(t.w.hand_over(old_inet).blocked);
        CHECK(t.w.hand_over(old_nic).blocked);
        t.serve_nothing(new_nic);
        t.serve_nothing(new_inet);
        t.w.finish_endings();
        CHECK(t.results().size() == 2);
    }
    CHECK(t.w.free_pages() == before);
    t.w.check();
}

TEST_CASE("a transaction goes on when its asker ends", "[transaction]") {
    Stack t;
    t.begin_both();
    Process &new_nic = t.w.fresh("nic"), &new_inet = t.w.fresh("inet");
    CHECK(t.w.register_server(new_nic).blocked);
    t.w.kill(t.asker);
    t.w.finish_endings();
    CHECK(t.w.register_server(new_inet).blocked);
    CHECK(t.w.hand_over(t.nic).blocked);
    CHECK(t.slot("nic").process == &t.nic);  // all or none still
    CHECK(t.w.hand_over(t.inet).blocked);
    CHECK(t.slot("nic").process == &new_nic);
    CHECK(t.slot("inet").process == &new_inet);
    t.serves("nic", t.send);
    t.serves("inet", t.get);
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("a transaction whose asker ends before it has named the other members fails in time", "[transaction]") {
    Stack t;
    t.timeout_us = 1000;
    REQUIRE(t.begin("inet"));
    t.w.register_server(t.w.fresh("inet"));
    t.w.kill(t.asker);
    t.w.finish_endings();
    t.w.advance(1000);
    t.w.finish_endings();
    CHECK(t.slot("inet").replacement == nullptr);
    CHECK(t.slot("inet").process == &t.inet);
    t.serves("inet", t.get);
    t.w.check();
}
