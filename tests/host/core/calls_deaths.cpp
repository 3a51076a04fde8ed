// What becomes of calls and areas when one of those who take part ends.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

namespace {

struct Three {
    World w;
    Process& server = w.start("store");
    Process& relay = w.start("relay");
    Process& client = w.start("app");
    u32 f = w.function(server, "store.put", 1);
    u32 g = w.function(relay, "relay.pass", 2);
    u64 c = w.control(client);
};

}  // namespace

TEST_CASE("a requester killed while its call is queued is forgotten when the server answers", "[calls][death]") {
    Three t;
    const u64 a = t.w.area(t.client, 2);
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::move), a).ok());
    t.w.kill(t.client);
    t.w.finish_endings();
    t.w.check();
    const Outcome got = t.w.receive(t.server);
    CHECK(got.is(Receipt::request));
    CHECK(got.r9 == a);
    CHECK(t.w.reply(t.server, got.rdi, 1, a | 1).error == Error::abandoned);
    CHECK(controls[(got.rdi - control_base) >> page_shift].state == Control::State::free);
    CHECK(slot_by_name("store")->area_count == 0);
    t.w.check();
}

TEST_CASE("a requester killed while its synchronous call is in work is forgotten when the server answers", "[calls][death]") {
    Three t;
    t.w.wait_for_work(t.server);
    CHECK(t.w.request(t.client, t.f, t.c).blocked);
    t.w.kill(t.client);
    t.w.check();
    t.w.finish_endings();
    t.w.check();
    CHECK(t.w.reply(t.server, t.c, 1).error == Error::abandoned);
    CHECK(!t.w.reads(t.server, t.c));
    CHECK(t.w.reply(t.server, t.c, 1).error == Error::not_owner);  // the call is over
    t.w.check();
}

TEST_CASE("reply_and_receive goes on to the next call when nobody waits for the answer", "[calls][death]") {
    Three t;
    Process& other = t.w.start("other");
    const u64 c = t.w.control(other);
    t.w.wait_for_work(t.server);
    CHECK(t.w.request(t.client, t.f, t.c).blocked);
    CHECK(t.w.request_async(other, t.f, c).ok());
    t.w.kill(t.client);
    t.w.finish_endings();
    const Outcome next = t.w.call(t.server, Syscall::reply_and_receive, t.c, 1, 0, 0, abi::poll);
    CHECK(next.is(Receipt::request));
    CHECK(next.rdi == c);
    CHECK(!t.w.reads(t.server, t.c));
    t.w.check();
}

TEST_CASE("an area on loan outlives its owner until the call is answered", "[calls][death]") {
    Three t;
    const u64 a = t.w.area(t.client, 2);
    t.w.word(t.client, a) = 5;
    t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::lend_read), a);
    t.w.receive(t.server);
    t.w.kill(t.client);
    t.w.finish_endings();
    CHECK(t.w.reads(t.server, a));
    t.w.check();
    const std::size_t before = t.w.free_pages();
    CHECK(t.w.reply(t.server, t.c).error == Error::abandoned);
    CHECK(!t.w.reads(t.server, a));
    CHECK(t.w.free_pages() == before + 2);
    t.w.check();
}

TEST_CASE("a killed server answers its queued, current and deferred calls with an error", "[calls][death]") {
    Three t;
    std::vector<u64> calls{t.c};
    for (unsigned i = 0; i < 4; ++i) calls.push_back(t.w.control(t.client));
    const u64 a = t.w.area(t.client), b = t.w.area(t.client);
    CHECK(t.w.request_async(t.client, t.f, calls[0], mode_flags(DataMode::lend_write), a).ok());
    CHECK(t.w.request_async(t.client, t.f, calls[1]).ok());
    CHECK(t.w.receive(t.server).rdi == calls[0]);  // deferred by the next
    CHECK(t.w.receive(t.server).rdi == calls[1]);  // current
    CHECK(t.w.request_async(t.client, t.f, calls[2], mode_flags(DataMode::move), b).ok());
    CHECK(t.w.request_async(t.client, t.f, calls[3]).ok());
    CHECK(t.w.request(t.client, t.f, calls[4]).blocked);
    t.w.kill(t.server);
    t.w.finish_endings();
    t.w.check();
    CHECK(outcome_of(t.client).error == Error::server_died);
    for (unsigned i = 0; i < 4; ++i) {
        const Outcome o = t.w.receive(t.client);
        CHECK(o.is(Receipt::result));
        CHECK(o.result_error() == Error::server_died);
    }
    CHECK(t.w.receive(t.client).error == Error::timed_out);
    CHECK(t.w.call(t.client, Syscall::ica_release, a).ok());                  // the loan has ended
    CHECK(t.w.call(t.client, Syscall::ica_release, b).error != Error::none);  // moved, and ended with the server
    CHECK(t.w.request_async(t.client, t.f, t.c).error == Error::no_server);
    t.w.check();
    const abi::FaultRecord& record = fault_records[(fault_count - 1) % max_fault_records];
    CHECK(record.calls_failed == 5);
    CHECK(record.vector == abi::fault_vector::kill);
}

TEST_CASE("a reply with data to a dead requester frees the data", "[calls][death]") {
    Three t;
    t.w.request_async(t.client, t.f, t.c);
    t.w.receive(t.server);
    const u64 a = t.w.area(t.server, 7);
    t.w.kill(t.client);
    t.w.finish_endings();
    const std::size_t before = t.w.free_pages();
    CHECK(t.w.reply(t.server, t.c, 0, a | 1).error == Error::abandoned);
    CHECK(t.w.free_pages() == before + 7);
    CHECK(!t.w.reads(t.server, a));
    t.w.check();
}

TEST_CASE("a relay that dies in the middle makes the requester's call fail, whatever the last server says", "[calls][death]") {
    Three t;
    t.w.request_async(t.client, t.g, t.c);
    t.w.receive(t.relay);
    CHECK(t.w.forward(t.relay, t.f, t.c).ok());
    t.w.receive(t.server);
    t.w.kill(t.relay);
    t.w.finish_endings();
    t.w.check();
    CHECK(t.w.reply(t.server, t.c, 12).ok());
    const Outcome o = t.w.receive(t.client);
    CHECK(o.is(Receipt::result));
    CHECK(o.result_error() == Error::server_died);
    t.w.check();
}

TEST_CASE("a relay that had asked for direct return may die without harm", "[calls][death]") {
    Three t;
    t.w.request_async(t.client, t.g, t.c);
    t.w.receive(t.relay);
    CHECK(t.w.forward(t.relay, t.f, t.c, u64{abi::flag::direct_return} << 32).ok());
    t.w.kill(t.relay);
    t.w.finish_endings();
    t.w.receive(t.server);
    CHECK(t.w.reply(t.server, t.c, 12).ok());
    const Outcome o = t.w.receive(t.client);
    CHECK(o.result_error() == Error::none);
    CHECK(o.r8 == 12);
    t.w.check();
}

TEST_CASE("a relay that dies with a result in its queue passes an error on", "[calls][death]") {
    Three t;
    t.w.request_async(t.client, t.g, t.c);
    t.w.receive(t.relay);
    CHECK(t.w.forward(t.relay, t.f, t.c).ok());
    t.w.receive(t.server);
    const u64 a = t.w.area(t.server, 3);
    CHECK(t.w.reply(t.server, t.c, 12, a | 1).ok());
    t.w.check();
    t.w.kill(t.relay);
    t.w.finish_endings();
    t.w.check();
    CHECK(t.w.receive(t.client).result_error() == Error::server_died);
}

TEST_CASE("what was lent to a relay that dies stays with its owner, and harms nobody who comes after the relay",
          "[calls][death]") {
    Three t;
    const u64 a = t.w.area(t.client, 2);
    t.w.request_async(t.client, t.g, t.c, mode_flags(DataMode::lend_write), a);
    t.w.receive(t.relay);
    CHECK(t.w.writes(t.relay, a));
    CHECK(t.w.forward(t.relay, t.f, t.c).ok());
    t.w.receive(t.server);
    t.w.kill(t.relay);
    t.w.finish_endings();
    t.w.check();
    Process& next = t.w.start("next");
    CHECK(!t.w.reads(next, a));
    CHECK(t.w.call(t.client, Syscall::ica_release, a).error == Error::on_loan);
    CHECK(t.w.reply(t.server, t.c).ok());
    t.w.check();
    CHECK(t.w.call(t.client, Syscall::ica_release, a).ok());
    t.w.check();
}

TEST_CASE("a process that dies while it waits for its own call comes to nobody's harm", "[calls][death]") {
    Three t;
    const u32 h = t.w.function(t.client, "app.back");
    t.w.wait_for_work(t.relay);
    CHECK(t.w.request(t.client, t.g, t.c).blocked);
    CHECK(t.w.forward(t.relay, h, t.c).ok());  // to the requester itself, which waits
    t.w.check();
    t.w.kill(t.client);
    t.w.finish_endings();
    t.w.check();
    const Outcome o = t.w.receive(t.relay);
    CHECK(o.is(Receipt::result));
    CHECK(o.result_error() == Error::server_died);
    CHECK(o.relayed());
    CHECK(t.w.reply(t.relay, t.c).error == Error::abandoned);
    t.w.check();
}

TEST_CASE("a slot that begins to end keeps nothing mapped that is not its own", "[calls][death]") {
    Three t;
    t.w.wait_for_work(t.server);
    t.w.request(t.client, t.f, t.c);
    t.w.control(t.relay);
    t.w.area(t.relay, 3);
    t.w.run(t.server);  // keeps the CPU: the ends of the others have begun, but go no further
    t.w.kill(t.client);
    t.w.kill(t.relay);
    t.w.check();
    t.w.reply(t.server, t.c);
    t.w.check();
    t.w.finish_endings();
    t.w.check();
}

TEST_CASE("who reserves and so hastens the end of another loses what was on loan with its calls", "[calls][death]") {
    Three t;
    constexpr u64 pages = 20;  // too many to invalidate one by one
    const u64 a = t.w.area(t.client, pages);
    const u64 too_many = pool.total_pages() - 100;
    CHECK(t.w.request_async(t.client, t.g, t.c, mode_flags(DataMode::lend_write), a).ok());
    CHECK(t.w.receive(t.relay).r9 == a);
    CHECK(t.w.forward(t.relay, t.f, t.c, u64{abi::flag::direct_return} << 32).ok());
    t.w.receive(t.server);
    t.w.run(t.relay);  // keeps the CPU
    CHECK(t.w.writes(t.relay, a));
    t.w.kill(t.server);
    CHECK(t.server.state == Process::State::ending);
    CHECK(t.w.call(t.relay, Syscall::ica_reserve, too_many).error == Error::no_memory);
    CHECK(t.server.state == Process::State::free);
    CHECK(!t.w.reads(t.relay, a));
    t.w.check();
}

TEST_CASE("everybody with the right is told that a process ended", "[calls][death]") {
    Three t;
    t.w.wait_for_work(t.relay);
    t.w.run(t.client);  // keeps the CPU: the end has begun, but goes no further
    t.w.kill(t.server);
    CHECK(t.server.state == Process::State::ending);
    const Outcome death = outcome_of(t.relay);
    CHECK(death.is(Receipt::event));
    CHECK((death.rdx & abi::event::process_ended) != 0);
    t.w.wait_for_work(t.relay);
    t.w.finish_endings();
    CHECK(t.server.state == Process::State::free);
    const Outcome gone = outcome_of(t.relay);
    CHECK(gone.is(Receipt::event));
    CHECK((gone.rdx & abi::event::process_ended) != 0);
}

TEST_CASE("a name may be used again after its process ended, and old numbers do not reach the new one", "[calls][death]") {
    Three t;
    t.w.kill(t.server);
    t.w.finish_endings();
    Process& again = t.w.start("store");
    CHECK(t.w.request_async(t.client, t.f, t.c).error == Error::no_server);
    CHECK(t.w.function(again, "store.put", 1) == t.f);
    CHECK(t.w.request_async(t.client, t.f, t.c).ok());
    CHECK(t.w.receive(again).rdi == t.c);
    t.w.check();
}
