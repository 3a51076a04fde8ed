// Whatever goes wrong before the commit, the old server goes on serving and the asker learns why.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

namespace {

struct Swap {
    World w;
    Process& old = w.start("store");
    Process& asker = w.start("shell");
    Process& client = w.start("app");
    u32 f = w.function(old, "store.put", 1);
    u64 c = w.control(client);

    // The result, and that the old server serves.
    Error outcome() {
        w.finish_endings();
        const auto r = w.result(asker);
        REQUIRE(r);
        CHECK(slot_by_name("store")->process == &old);
        CHECK(w.request_async(client, f, c).ok());
        CHECK(w.receive(old).rdi == c);
        CHECK(w.reply(old, c, 8).ok());
        CHECK(w.receive(client).is(Receipt::result));
        w.check();
        return r->error;
    }
};

}  // namespace

TEST_CASE("a new server that exits before it registers", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    t.w.call(t.w.fresh("store"), Syscall::process_exit, 3);
    CHECK(t.outcome() == Error::exited_early);
    CHECK(history[(history_count - 1) % max_history].exit_status == 3);
}

TEST_CASE("a new server that is killed before it registers", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    t.w.kill(t.w.fresh("store"));
    CHECK(t.outcome() == Error::exited_early);
}

TEST_CASE("a new server that is killed while it waits for the old one", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.register_server(fresh).blocked);
    t.w.kill(fresh);
    CHECK(t.outcome() == Error::exited_early);
}

TEST_CASE("a new server that does not register in time", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store", false, 1000);
    t.w.advance(1000);
    CHECK(t.outcome() == Error::not_registered);
}

TEST_CASE("a new server that refuses the state", "[replacement]") {
    Swap t;
    CHECK(t.w.call(t.old, Syscall::state_register, t.w.area(t.old), 4).ok());
    t.w.replace(t.asker, "store");
    t.w.register_server(t.w.fresh("store"), u64{1} << 3 | 1);
    CHECK(t.outcome() == Error::state_refused);
}

TEST_CASE("an old server that does not hand over in time", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store", false, 1000);
    CHECK(t.w.register_server(t.w.fresh("store")).blocked);
    CHECK(t.w.receive(t.old).is(Receipt::replacement));
    t.w.advance(1000);
    CHECK(t.w.hand_over(t.old).error == Error::cancelled);
    CHECK(t.outcome() == Error::not_handed_over);
}

TEST_CASE("as the paper has it a new server that exits lets the old one go on", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store", true);
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.receive(t.old).is(Receipt::replacement));
    CHECK(t.w.hand_over(t.old).blocked);
    t.w.call(fresh, Syscall::process_exit, 1);
    CHECK(outcome_of(t.old).error == Error::cancelled);
    CHECK(t.outcome() == Error::exited_early);
}

TEST_CASE("as the paper has it a new server that does not register in time lets the old one go on", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store", true, 1000);
    t.w.receive(t.old);
    CHECK(t.w.hand_over(t.old).blocked);
    t.w.advance(1000);
    CHECK(outcome_of(t.old).error == Error::cancelled);
    CHECK(t.outcome() == Error::not_registered);
}

TEST_CASE("no memory for the new server", "[replacement]") {
    Swap t;
    Process& hoard = t.w.start("hoard");
    while (t.w.call(hoard, Syscall::ica_reserve, 8, 0).ok()) {
    }
    while (t.w.call(hoard, Syscall::ica_reserve, 1, 0).ok()) {
    }
    CHECK(t.w.try_replace(t.asker, "store").error() == Error::no_memory);
    t.w.check();
}

TEST_CASE("an old server that dies before the new one is prepared is replaced all the same", "[replacement]") {
    for (const bool as_paper : {false, true}) {
        Swap t;
        t.w.replace(t.asker, "store", as_paper);
        Process& fresh = t.w.fresh("store");
        if (as_paper) {
            t.w.receive(t.old);
            CHECK(t.w.hand_over(t.old).blocked);
        }
        t.w.kill(t.old);
        t.w.finish_endings();
        CHECK(slot_by_name("store")->process == nullptr);
        t.w.check();
        CHECK(t.w.register_server(fresh).rdx == static_cast<u64>(abi::Registered::restarted));
        while (!t.w.wait_for_work(fresh).blocked) {
        }
        const auto r = t.w.result(t.asker);
        REQUIRE(r);
        CHECK(r->error == Error::none);
        CHECK(r->failure == abi::fault_vector::kill);
        CHECK(r->fault == fault_count);
        t.w.check();
    }
}

TEST_CASE("a slot that does not outlive its process ends with the new server that was to have it", "[replacement]") {
    for (const bool registered : {false, true}) {
        Swap t;
        t.w.replace(t.asker, "store");
        Process& fresh = t.w.fresh("store");
        if (registered) CHECK(t.w.register_server(fresh).blocked);
        CHECK(t.w.request_async(t.client, t.f, t.c).ok());
        t.w.kill(t.old);
        t.w.kill(fresh);
        CHECK(slot_by_name("store") == nullptr);
        t.w.finish_endings();
        CHECK(t.w.receive(t.client).result_error() == Error::server_died);
        CHECK(t.w.result(t.asker)->error == Error::exited_early);
        t.w.check();
    }
}

TEST_CASE("an asker that ends does not stop the replacement", "[replacement]") {
    Swap t;
    t.w.replace(t.asker, "store");
    Process& fresh = t.w.fresh("store");
    CHECK(t.w.register_server(fresh).blocked);
    t.w.kill(t.asker);
    t.w.finish_endings();
    t.w.receive(t.old);
    CHECK(t.w.hand_over(t.old).blocked);
    while (!t.w.wait_for_work(fresh).blocked) {
    }
    CHECK(slot_by_name("store")->process == &fresh);
    t.w.check();
}
