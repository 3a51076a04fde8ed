// Pages of control ICAs: taken one by one, kept, and missing when memory is used up.
#include "support/world.hpp"

#include <kernel/core/audit.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace ant;
using namespace ant::test;

namespace {

constexpr u64 somewhere = 0x10'0000'0000;

Outcome reserve_control(World& w, Process& p) {
    return w.call(p, Syscall::ica_reserve, 1, static_cast<u64>(abi::AreaKind::control));
}

// As many as there are pages for from the start.
void hold_first(World& w, Process& p) {
    while (p.slot->control_count < controls_at_boot) (void)w.control(p);
}

// All pages but `left`.
void use_up(World& w, Process& p, u64 left = 0) {
    constexpr u64 tables = 4;
    const u64 most = w.free_pages() - left - 2 * tables;
    REQUIRE(w.call(p, Syscall::memory_map, somewhere, most * page_size, 1).ok());
    for (u64 at = somewhere + most * page_size; w.free_pages() > left; at += page_size)
        REQUIRE(w.call(p, Syscall::memory_map, at, page_size, 1).ok());
}

// Of all owners in the listing of areas.
u32 listed_controls(World& w, Process& p, u64 area) {
    const Outcome listed = w.call(p, Syscall::list, static_cast<u64>(abi::ListKind::areas), area);
    REQUIRE(listed.ok());
    const auto* records =
        static_cast<const abi::AreaRecord*>(machine::page(static_cast<Pfn>((area - abi::ica_base) >> page_shift)));
    u32 controls = 0;
    for (u64 i = 0; i < listed.rdx; ++i) controls += records[i].controls;
    return controls;
}

}  // namespace

TEST_CASE("a control ICA takes a page when it is used for the first time, and keeps it", "[controls]") {
    World w;
    Process& p = w.start("p");
    const std::size_t at_first = w.free_pages();
    hold_first(w, p);
    CHECK(w.free_pages() == at_first);
    const std::size_t free = w.free_pages();
    std::vector<u64> held(5);
    for (u64& control : held) control = w.control(p);
    CHECK(w.free_pages() == free - held.size());
    w.check();
    for (const u64 control : held) {
        w.word(p, control + 8) = ~u64{0};
        CHECK(w.call(p, Syscall::ica_release, control).ok());
    }
    CHECK(w.free_pages() == free - held.size());
    Process& q = w.start("q");
    const std::size_t before = w.free_pages();
    for (unsigned i = 0; i < held.size(); ++i) {
        const u64 control = w.control(q);
        CHECK(std::ranges::count(held, control) == 1);
        CHECK(w.word(q, control + 8) == 0);
    }
    CHECK(w.free_pages() == before);
    w.check();
}

TEST_CASE("the listing of areas has each control ICA that has a page, in use or not", "[controls]") {
    World w;
    Process &lister = w.start("lister"), &server = w.start("store"), &client = w.start("app");
    const u32 f = w.function(server, "store.put", 1);
    const u64 area = w.area(lister), kept = w.control(client);
    CHECK(listed_controls(w, lister, area) == controls_at_boot);
    while (client.slot->control_count < controls_at_boot + 5) (void)w.control(client);
    CHECK(listed_controls(w, lister, area) == controls_at_boot + 5);
    CHECK(w.call(client, Syscall::ica_release, w.control(client)).ok());
    CHECK(listed_controls(w, lister, area) == controls_at_boot + 6);
    w.wait_for_work(server);
    CHECK(w.request(client, f, kept).blocked);
    CHECK(listed_controls(w, lister, area) == controls_at_boot + 6);
    w.kill(server);
    w.kill(client);
    w.finish_endings();
    CHECK(listed_controls(w, lister, area) == controls_at_boot + 6);
    w.check();
}

TEST_CASE("without memory those control ICAs go on that there are, and no further one comes", "[controls]") {
    World w;
    Process &server = w.start("store"), &client = w.start("app"), &hoarder = w.start("hoarder");
    const u32 f = w.function(server, "store.put", 1);
    const u64 c = w.control(client), spare = w.control(client);
    use_up(w, hoarder);
    while (client.slot->control_count < controls_at_boot) CHECK(reserve_control(w, client).ok());
    CHECK(reserve_control(w, client).error == Error::no_memory);
    CHECK(client.slot->control_count == controls_at_boot);
    w.check();
    w.wait_for_work(server);
    CHECK(w.request(client, f, c).blocked);
    CHECK(w.reply(server, c, 7).ok());
    CHECK(outcome_of(client).rdx == 7);
    CHECK(w.call(client, Syscall::ica_release, spare).ok());
    CHECK(reserve_control(w, hoarder).rdx == spare);
    CHECK(reserve_control(w, hoarder).error == Error::no_memory);
    CHECK(w.call(hoarder, Syscall::memory_unmap, somewhere, page_size).ok());
    CHECK(w.free_pages() == 1);
    CHECK(reserve_control(w, client).ok());
    CHECK(reserve_control(w, client).error == Error::no_memory);
    w.check();
}

TEST_CASE("who reserves a control ICA without memory hastens the end of those that have some", "[controls]") {
    World w;
    Process &hoarder = w.start("hoarder"), &p = w.start("p");
    hold_first(w, p);
    use_up(w, hoarder);
    CHECK(reserve_control(w, p).error == Error::no_memory);
    w.kill(hoarder);
    CHECK(w.free_pages() == 0);
    CHECK(reserve_control(w, p).ok());
    w.finish_endings();
    w.check();
}

TEST_CASE("the zone ends with its last control ICA", "[controls]") {
    World w;
    Process& p = w.start("p", {.quota_calls = ~u32{0}});
    for (u64 i = 0; i < max_controls; ++i) REQUIRE(w.control(p) == control_base + i * page_size);
    CHECK(reserve_control(w, p).error == Error::too_many);
    CHECK(w.call(p, Syscall::ica_release, control_base + max_controls * page_size).error != Error::none);
    CHECK(w.call(p, Syscall::ica_release, control_base + 77 * page_size).ok());
    CHECK(w.control(p) == control_base + 77 * page_size);
    w.check();
}

TEST_CASE("an address of the zone that has never been used is nobody's", "[controls]") {
    World w;
    Process &server = w.start("store"), &client = w.start("app");
    const u32 f = w.function(server, "store.put", 1);
    const u64 never = w.control(client) + GENERATE(u64{1}, u64{controls_at_boot}, u64{max_controls}) * page_size;
    CHECK(w.request(client, f, never).error == Error::not_owner);
    CHECK(w.request_async(client, f, never).error == Error::not_owner);
    CHECK(w.reply(server, never).error == Error::not_owner);
    CHECK(w.call(client, Syscall::ica_release, never).error != Error::none);
    CHECK(w.request_async(client, f, w.control(client), mode_flags(DataMode::move), never).error == Error::bad_address);
    CHECK(!w.reads(client, never + page_size));
    w.check();
}

TEST_CASE("a process that has no slot yet holds no control ICA, free or not", "[controls]") {
    World w;
    Process &client = w.start("app"), &server = w.start("store");
    const u32 f = w.function(server, "store.put", 1);
    const u64 freed = w.control(client);
    CHECK(w.call(client, Syscall::ica_release, freed).ok());
    w.replace(client, "store");
    Process& fresh = w.fresh("store");
    REQUIRE(fresh.slot == nullptr);
    for (const u64 control : {freed, control_base + (max_controls - 1) * page_size}) {
        CHECK(w.call(fresh, Syscall::reply_and_receive, control).error == Error::not_registered);
        CHECK(w.call(fresh, Syscall::reply, control).error == Error::not_registered);
        CHECK(w.call(fresh, Syscall::request, f, control, parameters_at()).error == Error::not_registered);
        CHECK(w.call(fresh, Syscall::forward_and_receive, f, control, parameters_at()).error != Error::none);
    }
    w.check();
}
