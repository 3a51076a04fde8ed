// Who may call what: groups, the privileged functions of a server, and functions that take no data.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::function_attribute::privileged;
using abi::function_attribute::takes_data;

namespace {

constexpr u32 all_but_replace = ~abi::privilege::replace;

// Exactly so: World::function lets data come with every function.
u32 add(World& w, Process& p, const char* name, u32 op) {
    const Outcome o = w.call(p, Syscall::function_register, w.put_name(p, name), op);
    REQUIRE(o.ok());
    return static_cast<u32>(o.rdx);
}

Outcome ask(World& w, Process& client, u32 function) { return w.request_async(client, function, w.control(client)); }

}  // namespace

TEST_CASE("a privileged function is for callers with the privilege, and for all of those", "[rights]") {
    World w;
    Process& store = w.start("store");
    const u32 stop = add(w, store, "store.stop", 5 | privileged);
    const u32 put = add(w, store, "store.put", 6);
    Process& anybody = w.start("anybody", {.privileges = all_but_replace});
    Process& friendly = w.start("friendly", {.callees = {"store"}, .privileges = 0});
    Process& manager = w.start("manager", {.callees = {}, .privileges = abi::privilege::replace});
    CHECK(ask(w, anybody, stop).error == Error::denied);
    CHECK(ask(w, friendly, stop).error == Error::denied);
    CHECK(w.request(friendly, stop, w.control(friendly)).error == Error::denied);
    CHECK(ask(w, manager, put).error == Error::denied);  // the privilege is no right to the others
    CHECK(!w.receive(store).ok());
    CHECK(ask(w, anybody, put).ok());
    CHECK(ask(w, friendly, put).ok());
    CHECK(ask(w, manager, stop).ok());
    for (const u32 op : {6U, 6U, 5U}) {
        const Outcome got = w.receive(store);
        REQUIRE(got.is(abi::Receipt::request));
        CHECK(got.op() == op);
        CHECK(w.reply(store, got.rdi).ok());
    }
    w.check();
}

TEST_CASE("nobody forwards to a privileged function without the privilege", "[rights]") {
    World w;
    Process& store = w.start("store");
    const u32 stop = add(w, store, "store.stop", 5 | privileged);
    Process& between = w.start("between", {.privileges = all_but_replace});
    const u32 pass = add(w, between, "between.pass", 1);
    Process& manager = w.start("manager");  // may itself
    CHECK(ask(w, manager, pass).ok());
    const Outcome got = w.receive(between);
    REQUIRE(got.is(abi::Receipt::request));
    CHECK(w.forward(between, stop, got.rdi).error == Error::denied);
    CHECK(w.reply(between, got.rdi, 3).ok());
    CHECK(w.receive(manager).r8 == 3);
    w.check();
}

TEST_CASE("data are refused by a function that takes none, and stay the caller's", "[rights]") {
    World w;
    Process& store = w.start("store");
    Process& client = w.start("client");
    const u32 count = add(w, store, "store.count", 1);
    const u32 put = add(w, store, "store.put", 2 | takes_data);
    const u64 area = w.area(client, 3);
    w.word(client, area) = 42;
    const u64 control = w.control(client);
    for (const bool waiting : {false, true}) {  // whether the server is in receive or not
        if (waiting) w.wait_for_work(store);
        for (const DataMode mode : {DataMode::move, DataMode::lend_read, DataMode::lend_write}) {
            CHECK(w.request(client, count, control, mode_flags(mode), area).error == Error::invalid_argument);
            CHECK(w.request_async(client, count, control, mode_flags(mode), area).error == Error::invalid_argument);
            CHECK(w.word(client, area) == 42);
            CHECK(!w.reads(store, area));
            CHECK(w.writes(client, control));
        }
        w.check();
    }
    CHECK(w.request_async(client, put, control, mode_flags(DataMode::move), area).ok());
    const Outcome got = outcome_of(store);
    REQUIRE(got.is(abi::Receipt::request));
    CHECK(got.op() == 2);
    CHECK(got.r9 == area);
    CHECK(w.word(store, area) == 42);
    CHECK(!w.reads(client, area));
    CHECK(w.reply(store, got.rdi).ok());
    w.check();
}

TEST_CASE("a function that takes data is called without, too", "[rights]") {
    World w;
    Process& store = w.start("store");
    Process& client = w.start("client");
    const u32 put = add(w, store, "store.put", 2 | takes_data | privileged);
    CHECK(ask(w, client, put).ok());
    const Outcome got = w.receive(store);
    CHECK(got.op() == 2);
    CHECK(got.r9 == 0);
    CHECK(w.reply(store, got.rdi).ok());
}
