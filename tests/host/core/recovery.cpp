// A server fails: its slot stays, with all that it has, and the next process goes on.
#include "support/world.hpp"

#include <kernel/core/user_memory.hpp>

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;
using model::hardware;

namespace {

constexpr u32 restart = abi::process_flag::restart;
constexpr u32 again = abi::function_attribute::redeliver;

struct Failing {
    World w;
    Process& server = w.start("store", {.priority = abi::priority::server, .flags = restart});
    Process& guardian = w.start("guardian");
    Process& client = w.start("app");
    u32 put = w.function(server, "store.put", 1), get = w.function(server, "store.get", 2 | again);
    u64 c[4] = {w.control(client), w.control(client), w.control(client), w.control(client)};

    Slot& slot() { return *slot_by_name("store"); }
    void fail() {
        w.kill(*slot().process);
        w.check();
        CHECK(slot().process == nullptr);
    }
    Process& revive() {
        Process& p = w.revive(guardian, "store");
        w.check();
        return p;
    }
    // Delivered again?
    bool marked(u64 control) {
        const abi::ControlIca& page = w.page(control);
        const u64 depth = (page.currentp - control - offsetof(abi::ControlIca, frames)) / sizeof(abi::Frame);
        return (page.frames[depth].flags & abi::flag::redelivered) != 0;
    }
};

}  // namespace

TEST_CASE("a slot outlives its process, with functions, areas, state and queue", "[recovery]") {
    Failing t;
    const u64 state = t.w.area(t.server, 2), other = t.w.area(t.server);
    t.w.word(t.server, state) = 77;
    CHECK(t.w.call(t.server, Syscall::state_register, state, 3).ok());
    t.fail();
    CHECK(t.w.request_async(t.client, t.put, t.c[0]).ok());
    CHECK(t.w.request(t.client, t.put, t.c[1]).blocked);
    t.w.finish_endings();
    t.w.check();
    Process& fresh = t.revive();
    const Outcome found = t.w.call(fresh, Syscall::state_fetch);
    CHECK(found.rdx == state);
    CHECK(found.rsi == 3);
    CHECK(t.w.word(fresh, state) == 77);
    CHECK(t.w.writes(fresh, other));
    for (const u64 c : {t.c[0], t.c[1]}) {
        const Outcome o = t.w.receive(fresh);
        CHECK(o.is(Receipt::request));
        CHECK(o.rdi == c);
        CHECK(!t.marked(c));
        CHECK(t.w.reply(fresh, c, 5).ok());
    }
    CHECK(outcome_of(t.client).rdx == 5);
    CHECK(t.w.receive(t.client).r8 == 5);
    t.w.check();
}

TEST_CASE("a process is told that its state is not to be trusted, until it registers another one", "[recovery]") {
    Failing t;
    const u64 state = t.w.area(t.server);
    CHECK(t.w.call(t.server, Syscall::state_register, state, 3).ok());
    CHECK(t.w.call(t.server, Syscall::state_fetch).rdi == 0);
    const bool distrust = GENERATE(false, true);
    t.fail();
    auto request = t.w.replace_request("store");
    request.distrust = distrust ? 1 : 0;
    REQUIRE(t.w.ask(t.guardian, request));
    Process& fresh = *t.slot().replacement->fresh;
    CHECK(t.w.register_server(fresh, u64{1} << 3).ok());
    const Outcome found = t.w.call(fresh, Syscall::state_fetch);
    CHECK(found.rdx == state);
    CHECK(found.rdi == (distrust ? 1 : 0));
    CHECK(t.w.call(fresh, Syscall::state_register, state, 3).ok());
    CHECK(t.w.call(fresh, Syscall::state_fetch).rdi == 0);
    t.w.check();
}

TEST_CASE("a queued call to a vacant slot times out", "[recovery]") {
    Failing t;
    t.fail();
    CHECK(t.w.request(t.client, t.put, t.c[0], 0, 0, 1000).blocked);
    t.w.advance(1000);
    CHECK(outcome_of(t.client).error == Error::timed_out);
    t.w.check();
}

TEST_CASE("the call in work is answered with an error unless it may be delivered again", "[recovery]") {
    for (const bool safe : {false, true}) {
        Failing t;
        const u64 lent = t.w.area(t.client), moved = t.w.area(t.client);
        t.w.word(t.client, lent) = 5;
        CHECK(t.w.request_async(t.client, safe ? t.get : t.put, t.c[0], mode_flags(DataMode::lend_write), lent).ok());
        CHECK(t.w.request_async(t.client, t.put, t.c[1], mode_flags(DataMode::move), moved).ok());
        CHECK(t.w.receive(t.server).rdi == t.c[0]);
        const u64 id = t.w.page(t.c[0]).call_id;
        t.w.page(t.c[0]).currentp = 0;  // scribbled over
        t.w.page(t.c[0]).call_id = 0;
        t.fail();
        CHECK(fault_records[(fault_count - 1) % max_fault_records].calls_failed == (safe ? 0 : 1));
        CHECK(fault_records[(fault_count - 1) % max_fault_records].calls_redelivered == (safe ? 1 : 0));
        if (!safe) CHECK(t.w.receive(t.client).result_error() == Error::restarted);
        Process& fresh = t.revive();
        if (safe) {
            const Outcome o = t.w.receive(fresh);
            CHECK(o.is(Receipt::request));
            CHECK(o.op() == 2);
            CHECK(o.rdi == t.c[0]);
            CHECK(o.r9 == lent);
            CHECK(t.marked(t.c[0]));
            CHECK(t.w.page(t.c[0]).call_id == id);
            CHECK(t.w.word(fresh, lent) == 5);
            t.w.check();
            CHECK(t.w.reply(fresh, t.c[0]).ok());
        }
        const Outcome next = t.w.receive(fresh);
        CHECK(next.rdi == t.c[1]);
        CHECK(next.r9 == moved);
        CHECK(!t.marked(t.c[1]));
        CHECK(t.w.reply(fresh, t.c[1]).ok());
        t.w.check();
    }
}

TEST_CASE("deferred calls come again in their order, behind the one in work and before the queue", "[recovery]") {
    Failing t;
    for (unsigned i = 0; i < 3; ++i) CHECK(t.w.request_async(t.client, i == 2 ? t.get : t.put, t.c[i]).ok());
    for (unsigned i = 0; i < 3; ++i) CHECK(t.w.receive(t.server).rdi == t.c[i]);
    CHECK(t.w.request_async(t.client, t.put, t.c[3]).ok());
    t.fail();
    Process* fresh = &t.revive();
    CHECK(t.w.receive(*fresh).rdi == t.c[2]);
    CHECK(t.w.receive(*fresh).rdi == t.c[0]);
    t.fail();  // c[2] is deferred, c[0] in work and not safe, c[1] not yet delivered again
    fresh = &t.revive();
    CHECK(t.w.receive(t.client).result_error() == Error::restarted);
    for (const u64 c : {t.c[2], t.c[1], t.c[3]}) {
        CHECK(t.w.receive(*fresh).rdi == c);
        CHECK(t.marked(c) == (c != t.c[3]));
    }
    for (const u64 c : {t.c[1], t.c[2], t.c[3]}) CHECK(t.w.reply(*fresh, c).ok());
    CHECK(t.slot().deferred_count == 0);
    CHECK(t.slot().again == nullptr);
    t.w.check();
}

TEST_CASE("a new process that fails before its registration leaves the slot vacant", "[recovery]") {
    Failing t;
    t.fail();
    CHECK(t.w.request_async(t.client, t.put, t.c[0]).ok());
    t.w.replace(t.guardian, "store");
    t.w.call(t.w.fresh("store"), Syscall::process_exit, 3);
    const auto r = t.w.result(t.guardian);
    REQUIRE(r);
    CHECK(r->error == Error::exited_early);
    CHECK(r->exit_status == 3);
    CHECK(t.slot().process == nullptr);
    Process& fresh = t.revive();
    CHECK(t.w.receive(fresh).rdi == t.c[0]);
    CHECK(t.w.reply(fresh, t.c[0]).ok());
    t.w.check();
}

TEST_CASE("the result of a restart says what had failed", "[recovery]") {
    Failing t;
    hardware().clock += 100;
    const u64 before = machine::ticks_to_ns(machine::now() - boot_facts.boot_tsc);
    t.w.call(t.server, Syscall::process_exit, 9);
    hardware().clock += 100;
    Process& fresh = t.revive();
    while (!t.w.wait_for_work(fresh).blocked) {
    }
    const auto r = t.w.result(t.guardian);
    REQUIRE(r);
    CHECK(r->error == Error::none);
    CHECK(r->failure == abi::fault_vector::exit);
    CHECK(r->fault == fault_count);
    CHECK(r->start_ns == before);
    CHECK(r->total_ns >= machine::ticks_to_ns(100));
    CHECK(r->old_pid == fault_records[(fault_count - 1) % max_fault_records].pid);
}

TEST_CASE("a slot is ended for good, vacant or not", "[recovery]") {
    for (const bool vacant : {false, true}) {
        Failing t;
        const u64 a = t.w.area(t.server, 3);
        CHECK(t.w.request_async(t.client, t.put, t.c[0]).ok());
        CHECK(t.w.receive(t.server).rdi == t.c[0]);
        CHECK(t.w.request_async(t.client, t.put, t.c[1]).ok());
        CHECK(t.w.receive(t.server).rdi == t.c[1]);
        CHECK(t.w.request_async(t.client, t.put, t.c[2]).ok());
        if (vacant) t.fail();
        const u32 id = t.slot().id();
        CHECK(t.w.call(t.guardian, Syscall::slot_end, id).ok());
        CHECK(slot_by_name("store") == nullptr);
        CHECK(t.w.call(t.guardian, Syscall::slot_end, id).error == Error::not_found);
        t.w.finish_endings();
        unsigned died = 0;
        for (unsigned i = 0; i < 3; ++i)
            if (t.w.receive(t.client).result_error() == Error::server_died) ++died;
        CHECK(died == (vacant ? 2 : 3));
        CHECK(pool[static_cast<Pfn>((a - abi::ica_base) >> page_shift)].kind != PageKind::area);
        CHECK(t.w.request_async(t.client, t.put, t.c[0]).error == Error::no_server);
        t.w.check();
    }
}

TEST_CASE("a requester that ends while its call waits to be delivered again", "[recovery]") {
    Failing t;
    const u64 a = t.w.area(t.client);
    CHECK(t.w.request_async(t.client, t.get, t.c[0], mode_flags(DataMode::lend_read), a).ok());
    CHECK(t.w.receive(t.server).rdi == t.c[0]);
    t.fail();
    t.w.kill(t.client);
    t.w.finish_endings();
    t.w.check();
    Process& fresh = t.revive();
    CHECK(t.w.receive(fresh).rdi == t.c[0]);
    CHECK(t.w.reads(fresh, a));
    CHECK(t.w.reply(fresh, t.c[0]).error == Error::abandoned);
    t.w.check();
}

TEST_CASE("a requester whose time passes while its call waits to be delivered again", "[recovery]") {
    Failing t;
    t.w.wait_for_work(t.server);
    CHECK(t.w.request(t.client, t.get, t.c[0], 0, 0, 1000).blocked);
    t.fail();
    t.w.advance(1000);
    CHECK(outcome_of(t.client).error == Error::timed_out);
    t.w.check();
    Process& fresh = t.revive();
    CHECK(t.w.receive(fresh).rdi == t.c[0]);
    CHECK(t.w.reply(fresh, t.c[0]).error == Error::abandoned);
    t.w.check();
}

TEST_CASE("a call that waits to be delivered again may be answered before", "[recovery]") {
    Failing t;
    for (unsigned i = 0; i < 3; ++i) CHECK(t.w.request_async(t.client, t.put, t.c[i]).ok());
    for (unsigned i = 0; i < 3; ++i) CHECK(t.w.receive(t.server).rdi == t.c[i]);
    t.w.receive(t.server);  // the third is deferred too
    t.fail();
    Process& fresh = t.revive();
    CHECK(t.w.reply(fresh, t.c[0]).ok());
    CHECK(t.w.reply(fresh, t.c[2]).ok());
    CHECK(t.w.receive(fresh).rdi == t.c[1]);
    CHECK(t.w.reply(fresh, t.c[1]).ok());
    CHECK(t.w.receive(fresh).error == Error::timed_out);
    t.w.check();
}

TEST_CASE("control ICAs that a failed process owned are free again; results of its calls reach the next", "[recovery]") {
    Failing t;
    Process& other = t.w.start("other");
    const u32 f = t.w.function(other, "other.do");
    const u64 sent = t.w.control(t.server), owned = t.w.control(t.server), waited = t.w.control(t.server);
    const u64 lent = t.w.area(t.server);
    CHECK(t.w.request_async(t.server, f, sent, mode_flags(DataMode::lend_read), lent).ok());
    CHECK(t.w.request(t.server, f, waited).blocked);
    t.fail();
    CHECK(t.w.receive(other).rdi == sent);
    CHECK(t.w.receive(other).rdi == waited);
    CHECK(t.slot().lent_count == 1);
    CHECK(t.w.reply(other, sent, 4).ok());
    CHECK(t.w.reply(other, waited).error == Error::abandoned);
    CHECK(t.slot().lent_count == 0);
    Process& fresh = t.revive();
    CHECK(controls[(owned - control_base) >> page_shift].state == Control::State::free);
    const Outcome o = t.w.receive(fresh);
    CHECK(o.is(Receipt::result));
    CHECK(o.rdi == sent);
    CHECK(o.r8 == 4);
    CHECK(t.w.call(fresh, Syscall::ica_release, sent).ok());
    CHECK(t.slot().control_count == 0);
    t.w.check();
}

TEST_CASE("a passed-on call comes back to a slot whose relay has failed", "[recovery]") {
    Failing t;
    Process& disk = t.w.start("disk");
    const u32 f = t.w.function(disk, "disk.read", 9);
    CHECK(t.w.request_async(t.client, t.get, t.c[0]).ok());
    CHECK(t.w.receive(t.server).rdi == t.c[0]);
    CHECK(t.w.forward(t.server, f, t.c[0]).ok());
    t.fail();
    CHECK(t.w.receive(disk).rdi == t.c[0]);
    CHECK(t.w.reply(disk, t.c[0], 6).ok());
    Process* fresh = &t.revive();
    Outcome o = t.w.receive(*fresh);
    CHECK(o.is(Receipt::result));
    CHECK(o.relayed());
    CHECK(o.r8 == 6);
    t.fail();  // with the relayed result in work: it is delivered again as the call that it was
    fresh = &t.revive();
    o = t.w.receive(*fresh);
    CHECK(o.is(Receipt::request));
    CHECK(o.op() == 2);
    CHECK(t.marked(t.c[0]));
    CHECK(t.w.forward(*fresh, f, t.c[0]).ok());
    CHECK(t.w.receive(disk).rdi == t.c[0]);
    CHECK(!t.marked(t.c[0]));
    CHECK(t.w.reply(disk, t.c[0], 7).ok());
    CHECK(t.w.receive(*fresh).relayed());
    CHECK(t.w.reply(*fresh, t.c[0], 8).ok());
    CHECK(t.w.receive(t.client).r8 == 8);
    t.w.check();
}

TEST_CASE("ports of the device are for a driver that asks for them", "[recovery]") {
    World w;
    const Process& asks = w.start("ata", {.device = 5, .flags = restart | abi::process_flag::device_ports});
    const Process& does_not = w.start("nic", {.device = 6, .flags = restart});
    REQUIRE(asks.slot->port_ranges == 1);
    CHECK(asks.slot->ports[0].first == 0xc040);
    CHECK(asks.special);
    CHECK(does_not.slot->port_ranges == 0);
    CHECK(!does_not.special);
}

TEST_CASE("the device of a failed driver is quiet, its interrupts wait for the next", "[recovery]") {
    World w;
    Process& driver = w.start("nic", {.device = 11, .flags = restart});
    Process& sharer = w.start("other", {.irq = 11});
    Process& guardian = w.start("guardian");
    w.interrupt(11);
    CHECK((w.receive(driver).rdx & abi::event::interrupt) != 0);
    CHECK(hardware().masked[11]);
    hardware().quiesced.clear();
    w.kill(driver);
    CHECK(hardware().quiesced == std::vector<u32>{11});
    hardware().allowed.clear();
    w.receive(sharer);
    w.receive(sharer);
    CHECK(!hardware().masked[11]);  // the other one goes on
    w.interrupt(11);
    w.receive(sharer);
    w.receive(sharer);
    CHECK(!hardware().masked[11]);
    CHECK(hardware().allowed.empty());
    Process& fresh = w.revive(guardian, "nic");
    CHECK(hardware().allowed == std::vector<u32>{11});
    CHECK((w.receive(fresh).rdx & abi::event::interrupt) != 0);
    w.receive(fresh);
    CHECK(!hardware().masked[11]);
    w.check();
}

TEST_CASE("the death of a process that leaves its slot vacant is told at once", "[recovery]") {
    Failing t;
    t.w.wait_for_work(t.guardian);
    t.w.run(t.client);
    t.w.kill(t.server);
    CHECK((outcome_of(t.guardian).rdx & abi::event::process_ended) != 0);
}

TEST_CASE("in a planned replacement a server may ask for its deferred calls again", "[recovery][replacement]") {
    for (const bool asked : {false, true}) {
        Failing t;
        for (unsigned i = 0; i < 2; ++i) CHECK(t.w.request_async(t.client, t.put, t.c[i]).ok());
        for (unsigned i = 0; i < 2; ++i) CHECK(t.w.receive(t.server).rdi == t.c[i]);
        CHECK(t.w.request_async(t.client, t.put, t.c[2]).ok());
        t.w.replace(t.guardian, "store");
        Process& fresh = t.w.fresh("store");
        const u64 flags = asked ? abi::register_flag::redeliver : 0;
        CHECK(t.w.call(fresh, Syscall::server_register, ~u64{0}, flags).blocked);
        CHECK(t.w.receive(t.server).is(Receipt::replacement));
        CHECK(t.w.hand_over(t.server).blocked);
        CHECK(outcome_of(fresh).rdx == static_cast<u64>(abi::Registered::replaced));
        if (asked)
            for (unsigned i = 0; i < 2; ++i) {
                CHECK(t.w.receive(fresh).rdi == t.c[i]);
                CHECK(t.marked(t.c[i]));
            }
        CHECK(t.w.receive(fresh).rdi == t.c[2]);
        for (unsigned i = 0; i < 3; ++i) CHECK(t.w.reply(fresh, t.c[i]).ok());
        t.w.check();
    }
}

namespace {

constexpr unsigned area_pages_of(unsigned i) { return 1 + i % 3; }

}  // namespace

TEST_CASE("a new process keeps the areas that it knows of and sweeps the rest", "[recovery][areas]") {
    Failing t;
    std::vector<u64> areas, foreign{t.w.area(t.client)};
    for (unsigned i = 0; i < 100; ++i) areas.push_back(t.w.area(t.server, area_pages_of(i)));
    CHECK(t.w.call(t.server, Syscall::state_register, areas[0], 3).ok());
    const u64 lent = areas[1], came = t.w.area(t.client), queued = t.w.area(t.client);
    // On loan to another server; moved here with a call that is deferred, and with one that is still queued.
    Process& disk = t.w.start("disk");
    const u32 f = t.w.function(disk, "disk.write");
    const u64 out = t.w.control(t.server);
    CHECK(t.w.request_async(t.server, f, out, mode_flags(DataMode::lend_read), lent).ok());
    CHECK(t.w.receive(disk).rdi == out);
    CHECK(t.w.request_async(t.client, t.get, t.c[0], mode_flags(DataMode::move), came).ok());
    CHECK(t.w.receive(t.server).r9 == came);
    CHECK(t.w.request_async(t.client, t.get, t.c[1], mode_flags(DataMode::move), queued).ok());
    t.fail();
    Process& fresh = t.revive();
    t.w.finish_endings();
    const u64 kept[] = {areas[5], areas[50], areas[99]};
    const std::size_t before = t.w.free_pages();
    const u64 keep[] = {kept[0], 0x1234, foreign[0], kept[1], areas[2] + page_size + 8, kept[2]};
    CHECK(t.w.call(fresh, Syscall::area_keep, t.w.put(fresh, keep, sizeof keep), std::size(keep)).error == Error::bad_address);
    CHECK(t.w.call(fresh, Syscall::area_keep, 0x10, 1).error == Error::bad_address);
    const Outcome swept = t.w.call(fresh, Syscall::area_sweep);
    CHECK(swept.ok());
    CHECK(swept.rdx == 96);  // all but the state and three
    t.w.check();
    CHECK(t.slot().area_count == 4 + 2);
    CHECK(t.slot().lent_count == 0);
    for (const u64 a : kept) CHECK(t.w.writes(fresh, a));
    CHECK(t.w.writes(fresh, areas[0]));
    CHECK(t.w.writes(t.client, foreign[0]));
    CHECK(!t.w.reads(fresh, areas[2]));
    CHECK(t.w.reads(disk, lent));
    std::size_t pages = 0;
    for (unsigned i = 0; i < 100; ++i)
        if (i > 1 && i != 5 && i != 50 && i != 99) pages += area_pages_of(i);
    CHECK(t.w.free_pages() == before + pages);
    CHECK(t.w.reply(disk, out).ok());  // the orphan goes with the end of its loan
    CHECK(t.w.free_pages() == before + pages + area_pages_of(1));
    Outcome o = t.w.receive(fresh);
    CHECK(o.rdi == t.c[0]);
    CHECK(o.r9 == came);
    CHECK(t.w.writes(fresh, came));
    CHECK(t.w.call(fresh, Syscall::area_keep, t.w.put(fresh, keep, sizeof keep), std::size(keep)).error == Error::bad_address);
    CHECK(t.w.call(fresh, Syscall::area_sweep).rdx == 0);  // the others are still with their calls
    CHECK(t.w.receive(fresh).is(Receipt::result));
    CHECK(t.w.receive(fresh).r9 == queued);
    CHECK(t.w.reply(fresh, t.c[0]).ok());
    CHECK(t.w.reply(fresh, t.c[1]).ok());
    CHECK(t.w.call(fresh, Syscall::area_sweep).rdx == 5);  // what is kept once is not kept for ever
    t.w.check();
}

TEST_CASE("what a process kept is not kept by the next", "[recovery][areas]") {
    Failing t;
    const u64 a = t.w.area(t.server);
    CHECK(t.w.call(t.server, Syscall::area_keep, t.w.put(t.server, &a, sizeof a), 1).ok());
    t.fail();
    Process& fresh = t.revive();
    CHECK(t.w.call(fresh, Syscall::area_sweep).rdx == 1);
    t.w.check();
}

TEST_CASE("many areas are kept in steps", "[recovery][areas]") {
    Failing t;
    std::vector<u64> areas;
    for (unsigned i = 0; i < 150; ++i) areas.push_back(t.w.area(t.server));
    areas[140] = 0;
    CHECK(t.w.call(t.server, Syscall::area_keep, t.w.put(t.server, areas.data(), areas.size() * 8), areas.size()).error ==
          Error::bad_address);
    CHECK(t.w.call(t.server, Syscall::area_sweep).rdx == 1);
    CHECK(t.slot().area_count == 149);
    t.w.check();
}

TEST_CASE("data that a server has passed on or released is not named when its call comes again", "[recovery]") {
    for (const bool waiting : {false, true}) {
        Failing t;
        const u64 a = t.w.area(t.client);
        if (waiting) t.w.wait_for_work(t.server);
        CHECK(t.w.request(t.client, t.get, t.c[0], mode_flags(DataMode::move), a).blocked);
        const Outcome first = waiting ? outcome_of(t.server) : t.w.receive(t.server);
        CHECK(first.r9 == a);
        t.fail();
        Process* fresh = &t.revive();
        CHECK(t.w.receive(*fresh).r9 == a);
        CHECK(t.w.call(*fresh, Syscall::ica_release, a).ok());
        t.fail();
        fresh = &t.revive();
        const Outcome o = t.w.receive(*fresh);
        CHECK(o.rdi == t.c[0]);
        CHECK(o.r9 == 0);
        CHECK(t.w.reply(*fresh, t.c[0]).ok());
        t.w.check();
    }
}

namespace {

struct Guarded {
    World w;
    Process& first = w.start("guardian", {.priority = abi::priority::guardian, .flags = restart});
    Process& app = w.start("app");
    Guarded() {
        const Pfn archive = pool.allocate(2, PageKind::area);
        set_boot_archive(archive, 5000);
        REQUIRE(adopt_guardian(first, images[0]));
    }
    Slot& slot() { return *slot_by_name("guardian"); }
    // The process that the core starts within that time.
    Process* next(u64 microseconds) {
        w.advance(microseconds);
        return slot().replacement != nullptr ? slot().replacement->fresh : nullptr;
    }
};

}  // namespace

TEST_CASE("the core restarts the guardian", "[recovery][guardian]") {
    Guarded t;
    const u64 state = t.w.area(t.first);
    CHECK(t.w.call(t.first, Syscall::state_register, state, 2).ok());
    t.w.kill(t.first);
    Process* fresh = t.next(1);
    REQUIRE(fresh != nullptr);
    const u64 startup = fresh->context.rdi;
    CHECK(t.w.register_server(*fresh, u64{1} << 2).rdx == static_cast<u64>(abi::Registered::restarted));
    CHECK(fresh->priority == abi::priority::guardian);
    CHECK(t.w.call(*fresh, Syscall::state_fetch).rdx == state);
    abi::StartupInfo info;
    REQUIRE(copy_in(*fresh, startup, std::as_writable_bytes(std::span{&info, 1})));
    CHECK(info.boot_archive_bytes == 5000);
    CHECK(t.w.call(*fresh, Syscall::area_sweep).rdx == 0);
    CHECK(t.w.writes(*fresh, info.boot_archive));
    while (!t.w.wait_for_work(*fresh).blocked) {
    }
    CHECK(history[(history_count - 1) % max_history].failure == abi::fault_vector::kill);
    CHECK(history[(history_count - 1) % max_history].error == Error::none);
    t.w.check();
}

TEST_CASE("a guardian that fails again and again is started after pauses that double", "[recovery][guardian]") {
    Guarded t;
    t.w.kill(t.first);
    u64 pause = 0;
    for (unsigned i = 0; i < 12; ++i) {
        if (pause != 0) CHECK(t.next(pause / 2) == nullptr);
        Process* fresh = t.next(pause - pause / 2 + 1);
        REQUIRE(fresh != nullptr);
        t.w.call(*fresh, Syscall::process_exit, 1);
        CHECK(t.slot().process == nullptr);
        pause = pause == 0 ? 10'000 : pause >= 500'000 ? 1'000'000 : pause * 2;
        t.w.finish_endings();
    }
    Process* fresh = t.next(pause);
    REQUIRE(fresh != nullptr);
    CHECK(t.w.register_server(*fresh).ok());
    t.w.advance(20'000'000);
    t.w.kill(*fresh);  // it was well for long enough
    CHECK(t.next(1) != nullptr);
    t.w.check();
}

TEST_CASE("a guardian that refuses the state of a newer one starts clean", "[recovery][guardian]") {
    Guarded t;
    CHECK(t.w.call(t.first, Syscall::state_register, t.w.area(t.first), 9).ok());
    t.w.kill(t.first);
    Process* fresh = t.next(1);
    REQUIRE(fresh != nullptr);
    t.w.register_server(*fresh, 1);
    CHECK(t.slot().process == nullptr);
    fresh = t.next(20'000);
    REQUIRE(fresh != nullptr);
    CHECK(t.w.register_server(*fresh, 1).ok());
    t.w.check();
}

TEST_CASE("a guardian whose program is damaged is the end", "[recovery][guardian]") {
    Guarded t;
    auto* byte = static_cast<std::byte*>(machine::page(images[0].first)) + 64 * 64;
    *byte ^= std::byte{1};
    t.w.kill(t.first);
    CHECK_THROWS_WITH(t.w.advance(1), Catch::Contains("guardian"));
    *byte ^= std::byte{1};
    images[0].damaged = false;
}

TEST_CASE("the guardian may be replaced by itself; the next one gets the result", "[recovery][guardian]") {
    for (const bool dies : {false, true}) {
        Guarded t;
        const auto ticket = t.w.try_replace(t.first, "guardian");
        REQUIRE(ticket);
        Process& fresh = t.w.fresh("guardian");
        CHECK(t.w.register_server(fresh).blocked);
        if (dies) {
            t.w.kill(t.first);
            CHECK(t.w.go_on(fresh).ok());
        } else {
            CHECK(t.w.receive(t.first).is(Receipt::replacement));
            CHECK(t.w.hand_over(t.first).blocked);
        }
        while ((t.w.receive(fresh).rdx & abi::event::replacement) == 0) {
        }
        const auto r = t.w.result(fresh);
        REQUIRE(r);
        CHECK(r->ticket == *ticket);
        CHECK(r->error == Error::none);
        t.w.advance(3'000'000);
        CHECK(t.slot().process == &fresh);
        t.w.finish_endings();
        t.w.check();
    }
}
