// Requests, receipts and replies between two processes.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

TEST_CASE("a synchronous request to a waiting server runs the server at once, and its reply the requester", "[calls]") {
    World w;
    Process& server = w.start("echo");
    Process& client = w.start("app");
    const u32 f = w.function(server, "echo.say", 7);
    const u64 c = w.control(client);
    CHECK(w.wait_for_work(server).blocked);
    CHECK(w.request(client, f, c).blocked);
    CHECK(w.running() == &server);
    const Outcome got = outcome_of(server);
    CHECK(got.is(Receipt::request));
    CHECK(got.op() == 7);
    CHECK(got.rdi == c);
    CHECK(w.writes(server, c));
    w.raw_call(Syscall::reply_and_receive, c, 42, 0, 0, no_limit);
    CHECK(w.running() == &client);
    CHECK(outcome_of(client).ok());
    CHECK(outcome_of(client).rdx == 42);
    CHECK(!w.writes(server, c));
    w.check();
}
