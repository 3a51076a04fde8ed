// Data ICAs that travel with calls: moved, lent, in lists, back with the result, and when something goes wrong.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using abi::Receipt;

namespace {

struct Pair {
    World w;
    Process& server = w.start("store");
    Process& client = w.start("app");
    u32 f = w.function(server, "store.put", 1);
    u64 c = w.control(client);

    Outcome take() { return w.receive(server); }
};

struct Entry {
    u64 address;
    DataMode mode;
};
// Writes a list at the beginning of the parameter area.
void put_list(World& w, u64 control, std::initializer_list<Entry> entries, u32 count = ~0U) {
    auto* list = reinterpret_cast<abi::DataList*>(reinterpret_cast<std::byte*>(&w.page(control)) + abi::parameter_base);
    list->count = count == ~0U ? static_cast<u32>(entries.size()) : count;
    u32 i = 0;
    for (const Entry& e : entries) list->entries[i++] = {e.address, 0, static_cast<u32>(e.mode)};
}
constexpr u64 list_flag = u64{abi::flag::data_list} << 32;

}  // namespace

TEST_CASE("an area moved with a request is mapped nowhere until the server receives it", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client, 2);
    t.w.word(t.client, a) = 77;
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::move), a).ok());
    CHECK(!t.w.reads(t.client, a));
    CHECK(!t.w.reads(t.server, a));
    t.w.check();
    const Outcome got = t.take();
    CHECK(got.is(Receipt::request));
    CHECK(got.r9 == a);
    CHECK(t.w.word(t.server, a) == 77);
    t.w.check();
    CHECK(t.w.reply(t.server, t.c, 5, a | 1).ok());
    CHECK(!t.w.reads(t.server, a));
    const Outcome result = t.w.receive(t.client);
    CHECK(result.is(Receipt::result));
    CHECK(result.r9 == a);
    CHECK(result.r8 == 5);
    CHECK(t.w.writes(t.client, a));
    t.w.check();
}

TEST_CASE("an area lent for reading is read-only at the server, and gone after the reply", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client, 3);
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::lend_read), a).ok());
    CHECK(t.w.writes(t.client, a));
    CHECK(t.take().r9 == a);
    CHECK(t.w.reads(t.server, a));
    CHECK(!t.w.writes(t.server, a));
    t.w.check();
    const Outcome info = t.w.call(t.server, Syscall::ica_info, a);
    CHECK(info.ok());
    CHECK(info.rdx == 3);
    CHECK(t.w.reply(t.server, t.c).ok());
    CHECK(!t.w.reads(t.server, a));
    CHECK(t.w.call(t.server, Syscall::ica_info, a).error == Error::not_owner);
    t.w.check();
}

TEST_CASE("an area lent for writing is writable on both sides", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client);
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::lend_write), a).ok());
    t.take();
    t.w.word(t.server, a) = 9;
    CHECK(t.w.word(t.client, a) == 9);
    t.w.check();
}

TEST_CASE("an area on loan can be neither moved, released nor split, nor lent to somebody else", "[calls][data]") {
    Pair t;
    Process& other = t.w.start("other");
    const u32 g = t.w.function(other, "other.put");
    const u64 a = t.w.area(t.client, 4);
    const u64 second = t.w.control(t.client);
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::lend_read), a).ok());
    CHECK(t.w.call(t.client, Syscall::ica_release, a).error == Error::on_loan);
    CHECK(t.w.call(t.client, Syscall::ica_split, a, 1).error == Error::on_loan);
    CHECK(t.w.request_async(t.client, t.f, second, mode_flags(DataMode::move), a).error == Error::on_loan);
    CHECK(t.w.request_async(t.client, g, second, mode_flags(DataMode::lend_read), a).error == Error::on_loan);
    CHECK(t.w.request_async(t.client, t.f, second, mode_flags(DataMode::lend_write), a).error == Error::on_loan);
    CHECK(t.w.request_async(t.client, t.f, second, mode_flags(DataMode::lend_read), a).ok());
    t.take();
    t.take();
    t.w.check();
    CHECK(t.w.reply(t.server, t.c).ok());
    CHECK(t.w.reads(t.server, a));
    CHECK(t.w.reply(t.server, second).ok());
    CHECK(!t.w.reads(t.server, a));
    CHECK(t.w.call(t.client, Syscall::ica_release, a).ok());
    t.w.check();
}

TEST_CASE("an area cannot be lent to oneself", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.server);
    const u64 c = t.w.control(t.server);
    CHECK(t.w.request_async(t.server, t.f, c, mode_flags(DataMode::lend_read), a).error == Error::invalid_argument);
    CHECK(t.w.writes(t.server, a));
    CHECK(t.w.request_async(t.server, t.f, c, mode_flags(DataMode::move), a).ok());
    CHECK(t.take().r9 == a);
    CHECK(t.w.writes(t.server, a));
    t.w.check();
    put_list(t.w, c, {{a, DataMode::lend_write}});
    CHECK(t.w.forward(t.server, t.f, c, list_flag).error == Error::invalid_argument);
    CHECK(t.w.reply(t.server, c).ok());
    t.w.check();
}

TEST_CASE("what is not the caller's own area does not travel", "[calls][data]") {
    Pair t;
    const u64 theirs = t.w.area(t.server, 2);
    const u64 mine = t.w.area(t.client, 2);
    const u64 move = mode_flags(DataMode::move);
    CHECK(t.w.request_async(t.client, t.f, t.c, move, theirs).error == Error::not_owner);
    CHECK(t.w.request_async(t.client, t.f, t.c, move, mine + 8).error == Error::bad_address);
    CHECK(t.w.request_async(t.client, t.f, t.c, move, mine + page_size).error == Error::bad_address);
    CHECK(t.w.request_async(t.client, t.f, t.c, move, t.c).error == Error::bad_address);
    CHECK(t.w.request_async(t.client, t.f, t.c, move, 0x400000).error == Error::bad_address);
    CHECK(t.w.request_async(t.client, t.f, t.c, move, ~u64{0} << 12).error == Error::bad_address);
    t.w.check();
}

TEST_CASE("a list of areas moves and lends in one call", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client), b = t.w.area(t.client, 5);
    put_list(t.w, t.c, {{a, DataMode::move}, {b, DataMode::lend_write}});
    CHECK(t.w.request_async(t.client, t.f, t.c, list_flag).ok());
    CHECK(t.take().is(Receipt::request));
    CHECK(t.w.writes(t.server, a));
    CHECK(t.w.writes(t.server, b + 4 * page_size));
    CHECK(!t.w.reads(t.client, a));
    t.w.check();
    put_list(t.w, t.c, {{a, DataMode::move}});
    CHECK(t.w.reply(t.server, t.c, 0, 0, Error::none, true).ok());
    CHECK(t.w.receive(t.client).is(Receipt::result));
    CHECK(t.w.writes(t.client, a));
    CHECK(!t.w.reads(t.server, b));
    t.w.check();
}

TEST_CASE("a list that names an area twice is refused as a whole", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client), b = t.w.area(t.client);
    const auto refused = [&](std::initializer_list<Entry> entries) {
        put_list(t.w, t.c, entries);
        const Outcome o = t.w.request_async(t.client, t.f, t.c, list_flag);
        CHECK(t.w.writes(t.client, a));
        CHECK(t.w.writes(t.client, b));
        t.w.check();
        return o.error;
    };
    CHECK(refused({{b, DataMode::move}, {a, DataMode::move}, {a, DataMode::move}}) == Error::busy);
    CHECK(refused({{a, DataMode::move}, {a, DataMode::lend_read}}) == Error::busy);
    CHECK(refused({{a, DataMode::lend_read}, {a, DataMode::move}}) == Error::on_loan);
    CHECK(refused({{a, DataMode::lend_read}, {a, DataMode::lend_write}}) == Error::on_loan);
    CHECK(refused({{a, DataMode::none}}) == Error::invalid_argument);
    CHECK(refused({{b, DataMode::move}, {a + page_size * 100, DataMode::move}}) != Error::none);
    CHECK(slot_by_name("app")->lent_count == 0);
}

TEST_CASE("a list of impossible length is refused", "[calls][data]") {
    Pair t;
    put_list(t.w, t.c, {}, abi::max_data_list + 1);
    CHECK(t.w.request_async(t.client, t.f, t.c, list_flag).error == Error::invalid_argument);
    put_list(t.w, t.c, {}, 2);
    const u64 short_parameters = parameters_at(sizeof(abi::DataList) + sizeof(abi::DataListEntry));
    CHECK(t.w.call(t.client, Syscall::request_async, t.f | list_flag, t.c, short_parameters, 0, 0).error ==
          Error::invalid_argument);
    CHECK(t.w.call(t.client, Syscall::request_async, t.f | list_flag, t.c, parameters_at(100, abi::parameter_base + 4), 0, 0)
              .error == Error::invalid_argument);
    CHECK(t.w.call(t.client, Syscall::request_async, t.f | list_flag | mode_flags(DataMode::move), t.c, parameters_at(100), 0, 0)
              .error == Error::invalid_argument);
    t.w.check();
}

TEST_CASE("a reply whose list lends something is refused, and the server keeps all of it", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.server), b = t.w.area(t.server);
    t.w.request_async(t.client, t.f, t.c);
    t.take();
    put_list(t.w, t.c, {{a, DataMode::move}, {b, DataMode::lend_read}});
    CHECK(t.w.reply(t.server, t.c, 0, 0, Error::none, true).error == Error::invalid_argument);
    CHECK(t.w.writes(t.server, a));
    CHECK(slot_by_name("store")->area_count == 2);
    t.w.check();
    CHECK(t.w.reply(t.server, t.c).ok());
    t.w.check();
}

TEST_CASE("a reply with data that the server does not own is refused, and can be repeated", "[calls][data]") {
    Pair t;
    const u64 theirs = t.w.area(t.client);
    t.w.request_async(t.client, t.f, t.c);
    t.take();
    CHECK(t.w.reply(t.server, t.c, 0, theirs | 1).error == Error::not_owner);
    CHECK(t.w.reply(t.server, t.c, 0, theirs | 2).error == Error::invalid_argument);
    CHECK(t.w.reply(t.server, t.c, 1).ok());
    CHECK(t.w.receive(t.client).r8 == 1);
    t.w.check();
}

TEST_CASE("an area of two megabytes moves as one large page", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client, pages_per_large);
    CHECK(((a - abi::ica_base) & (abi::large_page_size - 1)) == 0);
    t.w.word(t.client, a + abi::large_page_size - 8) = 3;
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::move), a).ok());
    t.take();
    CHECK(t.w.word(t.server, a + abi::large_page_size - 8) == 3);
    t.w.check();
    CHECK(t.w.reply(t.server, t.c, 0, a | 1).ok());
    CHECK(t.w.receive(t.client).r9 == a);
    t.w.check();
}

TEST_CASE("a request whose data the server has no tables for fails, and nothing has moved", "[calls][data]") {
    Pair t;
    std::vector<u64> hoard;
    // One area in a region of two megabytes where the server has no table yet, then no page is free.
    u64 a = 0;
    for (;;) {
        const Outcome o = t.w.call(t.client, Syscall::ica_reserve, 16, 0);
        if (!o.ok()) break;
        a = o.rdx;
        hoard.push_back(a);
    }
    while (t.w.call(t.client, Syscall::ica_reserve, 1, 0).ok()) {
    }
    CHECK(t.w.free_pages() == 0);
    bool refused = false;
    for (const u64 area : hoard) {
        const Outcome o = t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::move), area);
        if (o.ok()) {
            t.take();
            t.w.reply(t.server, t.c);
            t.w.receive(t.client);
            continue;
        }
        CHECK(o.error == Error::no_memory);
        CHECK(t.w.writes(t.client, area));
        refused = true;
    }
    CHECK(refused);
    t.w.check();
}

TEST_CASE("an area that is registered as state does not leave with a call", "[calls][data]") {
    Pair t;
    const u64 a = t.w.area(t.client);
    CHECK(t.w.call(t.client, Syscall::state_register, a, 3).ok());
    CHECK(t.w.request_async(t.client, t.f, t.c, mode_flags(DataMode::move), a).error == Error::busy);
    CHECK(t.w.call(t.client, Syscall::state_fetch).rdx == a);
    t.w.check();
}

// The requester looks for the list where its own frame says, which a relay can write.
TEST_CASE("a list that comes straight from a later stage lies where the requester's frame says", "[calls][data]") {
    World w;
    Process& last = w.start("last");
    Process& relay = w.start("relay");
    Process& client = w.start("app");
    const u32 f = w.function(last, "last.do", 1), g = w.function(relay, "relay.do", 2);
    const u64 c = w.control(client), area = w.area(last), forged = w.area(relay);
    constexpr u64 direct = u64{abi::flag::direct_return} << 32;
    constexpr u64 further = abi::parameter_base + 512;
    CHECK(w.request_async(client, g, c).ok());
    CHECK(w.receive(relay).op() == 2);
    put_list(w, c, {{forged, DataMode::move}});
    w.page(c).frames[0].parameters = c + 1;
    CHECK(w.call(relay, Syscall::forward, f | direct, c, parameters_at(512, further)).ok());
    CHECK(w.receive(last).op() == 1);
    auto* list = reinterpret_cast<abi::DataList*>(reinterpret_cast<std::byte*>(&w.page(c)) + further);
    list->count = 1;
    list->entries[0] = {area, 0, static_cast<u32>(DataMode::move)};
    CHECK(w.reply(last, c, 0, 0, Error::none, true).ok());
    const Outcome o = w.receive(client);
    CHECK(o.is(Receipt::result));
    CHECK((o.rsi & abi::receipt_flag::listed) != 0);
    CHECK(w.page(c).frames[0].parameters == c + further);
    CHECK(list->entries[0].pages == 1);
    CHECK(w.writes(client, area));
    CHECK(!w.reads(client, forged));
    w.check();
}
