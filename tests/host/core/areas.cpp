// Reserving, releasing and splitting areas; function identifiers; interrupt lines.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using model::hardware;

TEST_CASE("a reserved area is zero, though its pages were somebody else's", "[areas]") {
    World w;
    Process& a = w.start("a");
    const u64 first = w.area(a, 100);
    for (u64 i = 0; i < 100; ++i) w.word(a, first + i * page_size) = 1;
    CHECK(w.call(a, Syscall::ica_release, first).ok());
    Process& b = w.start("b");
    for (unsigned n = 0; n < 12; ++n) {
        const u64 second = w.area(b, 100);
        for (u64 i = 0; i < 100; ++i) CHECK(w.word(b, second + i * page_size) == 0);
    }
    w.check();
}

TEST_CASE("what cannot be reserved", "[areas]") {
    World w;
    Process& p = w.start("p", {.quota_pages = 10, .quota_calls = 2});
    CHECK(w.call(p, Syscall::ica_reserve, 0, 0).error == Error::invalid_argument);
    CHECK(w.call(p, Syscall::ica_reserve, ~u64{0}, 0).error == Error::invalid_argument);
    CHECK(w.call(p, Syscall::ica_reserve, 11, 0).error == Error::over_quota);
    CHECK(w.call(p, Syscall::ica_reserve, 1, 7).error == Error::invalid_argument);
    w.area(p, 10);
    CHECK(w.call(p, Syscall::ica_reserve, 1, 0).error == Error::over_quota);
    w.control(p);
    w.control(p);
    CHECK(w.call(p, Syscall::ica_reserve, 1, 1).error == Error::over_quota);
    CHECK(w.call(p, Syscall::ica_reserve, 2, 1).error == Error::invalid_argument);
    Process& rich = w.start("rich");
    CHECK(w.call(rich, Syscall::ica_reserve, 2500, 0).error == Error::no_memory);
    w.check();
}

TEST_CASE("an area is split anywhere, also through a large page", "[areas]") {
    World w(4096);
    Process& p = w.start("p");
    const u64 a = w.area(p, 1024);
    CHECK(w.call(p, Syscall::ica_split, a, 0).error == Error::invalid_argument);
    CHECK(w.call(p, Syscall::ica_split, a, 1024).error == Error::invalid_argument);
    w.word(p, a + 700 * page_size) = 9;
    const Outcome o = w.call(p, Syscall::ica_split, a, 600);
    REQUIRE(o.ok());
    CHECK(o.rdx == a + 600 * page_size);
    CHECK(w.word(p, a + 700 * page_size) == 9);
    CHECK(w.call(p, Syscall::ica_info, a).rdx == 600);
    CHECK(w.call(p, Syscall::ica_info, o.rdx).rdx == 424);
    w.check();
    CHECK(w.call(p, Syscall::ica_release, a).ok());
    CHECK(!w.reads(p, a));
    CHECK(w.word(p, a + 700 * page_size) == 9);
    CHECK(w.call(p, Syscall::ica_release, a).error == Error::bad_address);
    CHECK(w.call(p, Syscall::ica_release, o.rdx).ok());
    w.check();
}

TEST_CASE("a large area is released in pieces", "[areas]") {
    constexpr u64 pages = 2 * 1024 + 300;
    World w{9000};
    Process& p = w.start("a");
    const std::size_t free = w.free_pages();
    const u64 a = w.area(p, pages), small = w.area(p, 3);
    SECTION("by its owner") {
        REQUIRE(w.call(p, Syscall::state_register, a, 1).ok());
        CHECK(w.call(p, Syscall::ica_release, a).ok());
        CHECK(p.slot->state_area == no_page);
        CHECK(!w.reads(p, a));
        CHECK(w.writes(p, small));
        CHECK(w.call(p, Syscall::ica_release, small).ok());
    }
    SECTION("by a sweep") {
        const Outcome swept = w.call(p, Syscall::area_sweep);
        CHECK(swept.rdx == 2);
        CHECK(!w.reads(p, a));
    }
    CHECK(p.slot->area_pages == 0);
    w.check();
    CHECK(w.free_pages() + 8 > free);  // page tables of the window stay
}

TEST_CASE("the end of a slot releases a large area in pieces", "[areas]") {
    World w{9000};
    const std::size_t free = w.free_pages();
    Process& p = w.start("a");
    (void)w.area(p, 3000);
    w.kill(p);
    w.finish_endings();
    w.check();
    CHECK(w.free_pages() == free);
}

TEST_CASE("a reservation that needs what a process has left frees it in steps", "[areas]") {
    constexpr u64 pages = 256, step = 64, tables = 4;
    World w;
    Process& p = w.start("p", {.quota_pages = 8192});
    Process& q = w.start("q");
    const u64 most = w.free_pages() - pages / 2;
    CHECK(w.call(p, Syscall::memory_map, 0x10'0000'0000, most * page_size, 1).error == Error::none);
    CHECK(w.call(q, Syscall::ica_reserve, pages, 0).error == Error::no_memory);
    const bool in_area = GENERATE(false, true);
    if (in_area) (void)w.area(p, 8);
    w.kill(p);
    std::size_t free = w.free_pages(), largest = 0;
    w.after_entry = [&] {
        largest = std::max(largest, w.free_pages() - std::min(free, w.free_pages()));
        free = w.free_pages();
        w.check();
    };
    w.run(q);
    const Outcome o = w.call(q, Syscall::ica_reserve, pages, 0);
    w.after_entry = {};
    CHECK(o.ok());
    CHECK(w.writes(q, o.rdx));
    CHECK(largest <= step + tables);
    w.finish_endings();
    w.check();
}

TEST_CASE("a control ICA is released by its owner only", "[areas]") {
    World w;
    Process& p = w.start("p");
    Process& q = w.start("q");
    const u64 c = w.control(p);
    CHECK(w.call(q, Syscall::ica_release, c).error != Error::none);
    CHECK(w.call(p, Syscall::ica_release, c).ok());
    CHECK(!w.reads(p, c));
    CHECK(w.call(p, Syscall::ica_release, c).error != Error::none);
    w.check();
}

TEST_CASE("functions belong to the slot whose name they begin with", "[server table]") {
    World w;
    Process& s = w.start("store");
    Process& other = w.start("other");
    const u32 f = w.function(s, "store.put", 3);
    CHECK(w.function(s, "store.put", 3) == f);
    CHECK(w.call(other, Syscall::function_register, w.put_name(other, "store.get"), 1).error == Error::invalid_argument);
    CHECK(w.call(s, Syscall::function_register, w.put_name(s, "store."), 1).error == Error::invalid_argument);
    CHECK(w.call(s, Syscall::function_register, w.put_name(s, "store2.x"), 1).error == Error::invalid_argument);
    CHECK(w.call(s, Syscall::function_register, w.put_name(s, "store.big"), 0x1000).error == Error::invalid_argument);
    CHECK(w.call(s, Syscall::function_register, 0, 1).error == Error::bad_address);
    CHECK(w.call(other, Syscall::function_withdraw, f).error == Error::not_owner);
    CHECK(w.call(other, Syscall::function_find, w.put_name(other, "store.put")).rdx == f);
    CHECK(w.call(other, Syscall::function_find, w.put_name(other, "store.none")).error == Error::not_found);
    CHECK(w.call(s, Syscall::function_withdraw, f).ok());
    CHECK(w.call(s, Syscall::function_withdraw, f).error == Error::not_owner);
    CHECK(w.call(s, Syscall::function_withdraw, 0).error == Error::not_found);
    const Outcome found = w.call(other, Syscall::function_find, w.put_name(other, "store.put"));
    CHECK(found.rdx == f);
    CHECK(found.rsi == 0);
    const u64 c = w.control(other);
    CHECK(w.request_async(other, f, c).error == Error::no_server);
    CHECK(w.request_async(other, 0, c).error == Error::not_found);
    CHECK(w.request_async(other, f + 512, c).error == Error::not_found);
}

TEST_CASE("a function that its caller has no right to is denied", "[server table]") {
    World w;
    Process& s = w.start("store");
    const u32 f = w.function(s, "store.put");
    Process& poor = w.start("poor", {.callees = {"inet", "console"}});
    Process& other = w.start("other", {.callees = {"store"}});
    CHECK(w.request_async(poor, f, w.control(poor)).error == Error::denied);
    CHECK(w.request_async(other, f, w.control(other)).ok());
}

TEST_CASE("an interrupt line stays masked until each sharer has come back to receive", "[interrupts]") {
    World w;
    Process& a = w.start("a", {.device = 5});
    Process& b = w.start("b", {.irq = 5});
    w.wait_for_work(a);
    w.wait_for_work(b);
    CHECK(!hardware().masked[5]);
    w.interrupt(5);
    CHECK(hardware().masked[5]);
    CHECK((outcome_of(a).rdx & abi::event::interrupt) != 0);
    CHECK((outcome_of(b).rdx & abi::event::interrupt) != 0);
    w.wait_for_work(a);
    CHECK(hardware().masked[5]);
    w.wait_for_work(b);
    CHECK(!hardware().masked[5]);
    w.interrupt(5);
    w.wait_for_work(a);
    w.kill(b);
    w.finish_endings();
    CHECK(!hardware().masked[5]);
    w.kill(a);
    w.finish_endings();
    CHECK(hardware().masked[5]);
    CHECK(hardware().quiesced.size() == 1);  // no more DMA by the device of a
    w.check();
}

TEST_CASE("a fifth sharer of an interrupt line is refused", "[interrupts]") {
    World w;
    for (const char* name : {"a", "b", "c", "d"}) w.start(name, {.irq = 6});
    CHECK(w.try_start("e", {.irq = 6}).error() == Error::busy);
    w.check();
    CHECK(w.try_start("a").error() == Error::exists);
    w.check();
}
