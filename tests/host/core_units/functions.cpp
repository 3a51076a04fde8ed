// Registering, withdrawing and finding functions.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace ant;
using namespace ant::test;

namespace {

Outcome add(World& w, Process& p, const char* name, u32 op = 0) {
    return w.call(p, Syscall::function_register, w.put_name(p, name), op);
}
Outcome find(World& w, Process& p, const char* name) { return w.call(p, Syscall::function_find, w.put_name(p, name)); }
Outcome withdraw(World& w, Process& p, u64 id) { return w.call(p, Syscall::function_withdraw, id); }

std::string numbered(unsigned i) { return "store.f" + std::to_string(i); }

}  // namespace

TEST_CASE("a function is found while it is provided, and known afterwards", "[functions]") {
    World w;
    Process& store = w.start("store");
    Process& client = w.start("client");
    CHECK(find(w, client, "store.put").error == Error::not_found);
    const u32 put = w.function(store, "store.put", 1);
    const u32 get = w.function(store, "store.get", 2);
    CHECK(put != 0);
    CHECK(put != get);
    Outcome found = find(w, client, "store.put");
    CHECK(found.rdx == put);
    CHECK(found.rsi == 1);
    CHECK(withdraw(w, store, put).ok());
    found = find(w, client, "store.put");
    CHECK(found.rdx == put);
    CHECK(found.rsi == 0);
    CHECK(find(w, client, "store.get").rsi == 1);  // the other one stays
    CHECK(w.request_async(client, put, w.control(client)).error == Error::no_server);
    CHECK(w.function(store, "store.put", 7) == put);  // under another number
    CHECK(w.request_async(client, put, w.control(client)).ok());
    CHECK(w.receive(store).op() == 7);
    w.check();
}

TEST_CASE("a slot registers under its own name only", "[functions]") {
    World w;
    Process& store = w.start("store");
    Process& longer = w.start("store2");
    w.function(store, "store.put");
    for (const char* name :
         {"", ".", ".put", "store", "store.", "stor.put", "Store.put", "store2.put", "storeput", "other.put"}) {
        INFO(name);
        CHECK(add(w, store, name).error == Error::invalid_argument);
    }
    CHECK(add(w, longer, "store.put").error == Error::invalid_argument);
    CHECK(add(w, longer, "store.get").error == Error::invalid_argument);
    CHECK(add(w, longer, "store2.put").ok());
    CHECK(add(w, store, "store.a.b").ok());
}

TEST_CASE("a number above 255 or an unknown attribute is refused", "[functions]") {
    World w;
    Process& store = w.start("store");
    for (const u32 op : {0x1000U, 0x8000'0000U, 0x1'0000U})
        CHECK(add(w, store, "store.put", op).error == Error::invalid_argument);
    CHECK(find(w, store, "store.put").error == Error::not_found);
    CHECK(add(w, store, "store.put", 255).ok());
}

TEST_CASE("a provided function is registered again with the same number only", "[functions]") {
    World w;
    Process& store = w.start("store");
    const u32 put = w.function(store, "store.put", 3);
    CHECK(w.function(store, "store.put", 3) == put);
    CHECK(add(w, store, "store.put", 4).error == Error::exists);
    CHECK(store.slot->function_count == 1);
}

TEST_CASE("only who provides a function withdraws it, once", "[functions]") {
    World w;
    Process& store = w.start("store");
    Process& other = w.start("other");
    const u32 put = w.function(store, "store.put");
    CHECK(withdraw(w, other, put).error == Error::not_owner);
    CHECK(withdraw(w, store, 0).error == Error::not_found);
    CHECK(withdraw(w, store, put + max_functions).error == Error::not_found);  // another generation
    CHECK(withdraw(w, store, ~u64{0}).error == Error::not_found);
    CHECK(withdraw(w, store, put).ok());
    CHECK(withdraw(w, store, put).error == Error::not_owner);
    CHECK(store.slot->function_count == 0);
}

TEST_CASE("a successor with the same name gets the same identifier, and the old rights hold", "[functions]") {
    World w;
    Process& client = w.start("client", {.callees = {"store"}, .privileges = 0});
    Process& first = w.start("store");
    const u32 put = w.function(first, "store.put", 1);
    CHECK(w.request_async(client, put, w.control(client)).ok());
    const u32 slot = first.slot->id();
    w.kill(first);
    w.finish_endings();
    CHECK(find(w, client, "store.put").rsi == 0);
    CHECK(w.request_async(client, put, w.control(client)).error == Error::no_server);
    Process& second = w.start("store");
    CHECK(second.slot->id() != slot);
    CHECK(second.slot->function_count == 0);
    CHECK(w.request_async(client, put, w.control(client)).error == Error::no_server);  // not yet
    CHECK(w.function(second, "store.put", 9) == put);
    CHECK(w.request_async(client, put, w.control(client)).ok());
    CHECK(w.receive(second).op() == 9);
    w.check();
}

TEST_CASE("a slot has so many functions and no more", "[functions]") {
    World w;
    Process& store = w.start("store");
    Process& other = w.start("other");
    u32 last = 0;
    for (unsigned i = 0; i < max_functions_of_slot; ++i) last = w.function(store, numbered(i).c_str(), i);
    CHECK(add(w, store, "store.more").error == Error::over_quota);
    CHECK(find(w, store, "store.more").error == Error::not_found);
    CHECK(add(w, store, numbered(5).c_str(), 5).ok());  // it has that one already
    CHECK(add(w, other, "other.put").ok());
    CHECK(withdraw(w, store, last).ok());
    CHECK(add(w, store, "store.more").ok());
    CHECK(add(w, store, numbered(max_functions_of_slot - 1).c_str(), 0).error == Error::over_quota);
    w.kill(store);
    w.finish_endings();
    CHECK(add(w, w.start("store"), "store.more").ok());
}

TEST_CASE("withdrawn names give way when the table is full, with a new identifier", "[functions]") {
    World w;
    std::vector<Process*> servers;
    std::vector<u32> known;
    for (unsigned i = 0; i < max_functions / max_functions_of_slot; ++i) {
        const std::string name = "server" + std::to_string(i);
        servers.push_back(&w.start(name.c_str()));
        for (unsigned f = 0; f < max_functions_of_slot; ++f)
            known.push_back(w.function(*servers.back(), (name + ".f" + std::to_string(f)).c_str(), f));
    }
    Process& late = w.start("late");
    CHECK(add(w, late, "late.put").error == Error::too_many);
    CHECK(withdraw(w, *servers[3], known[3 * max_functions_of_slot + 10]).ok());
    const u32 put = w.function(late, "late.put", 1);
    CHECK(put % max_functions == known[3 * max_functions_of_slot + 10] % max_functions);
    CHECK(put != known[3 * max_functions_of_slot + 10]);
    CHECK(find(w, late, "server3.f10").error == Error::not_found);
    CHECK(w.request_async(late, known[3 * max_functions_of_slot + 10], w.control(late)).error == Error::not_found);
    CHECK(add(w, *servers[3], "server3.f10", 10).error == Error::too_many);
    w.check();
}
