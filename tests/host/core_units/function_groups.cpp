// Names that rights are given for: their table is full, and entries that nobody uses any more are used again.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace ant;
using namespace ant::test;

namespace {

std::string name_of(const char* prefix, unsigned i) { return prefix + std::to_string(i); }

// A process each that may call one name: as many names in use as there are.
std::vector<Process*> fill(World& w, const char* prefix) {
    std::vector<Process*> holders;
    for (unsigned i = 0; i < named_groups; ++i) {
        const std::string callee = name_of(prefix, i);
        holders.push_back(&w.start(name_of("holder", i).c_str(), {.callees = {callee.c_str()}, .privileges = 0}));
    }
    return holders;
}

}  // namespace

TEST_CASE("no further name while all groups are in use, one more when a holder is gone", "[groups]") {
    World w(8192);
    const auto holders = fill(w, "first");
    CHECK(w.try_start("late", {.callees = {"unknown"}}).error() == Error::too_many);
    CHECK(w.try_start("known", {.callees = {"first7"}}));
    Process& server = w.start("server", {.callees = {}});
    CHECK(w.call(server, Syscall::function_register, w.put_name(server, "server.put"), 0).error == Error::too_many);
    w.check();
    w.kill(*holders[20]);
    w.finish_endings();
    const u32 put = w.function(server, "server.put");
    CHECK(server.slot->group != 0xff);
    for (Process* holder : {holders[0], holders[19], holders[21], holders[named_groups - 1]})
        CHECK(w.request_async(*holder, put, w.control(*holder)).error == Error::denied);
    CHECK(w.try_start("late", {.callees = {"unknown"}}).error() == Error::too_many);
    w.check();
}

TEST_CASE("a group is given to another name without the rights of the old one", "[groups]") {
    World w(8192);
    auto holders = fill(w, "second");
    Process& server = w.start("second5");
    const u32 put = w.function(server, "second5.put");
    CHECK(w.request_async(*holders[5], put, w.control(*holders[5])).ok());
    CHECK(w.request_async(*holders[6], put, w.control(*holders[6])).error == Error::denied);
    w.kill(server);
    w.finish_endings();
    CHECK(w.call(*holders[5], Syscall::function_find, w.put_name(*holders[5], "second5.put")).rdx == put);
    w.kill(*holders[5]);
    w.finish_endings();
    Process& other = w.start("other", {.callees = {}});
    const u32 get = w.function(other, "other.get");  // in the place of second5
    CHECK(get != put);
    CHECK(w.call(other, Syscall::function_find, w.put_name(other, "second5.put")).error == Error::not_found);
    CHECK(w.call(*holders[6], Syscall::function_find, w.put_name(*holders[6], "other.get")).rdx == get);
    CHECK(w.request_async(*holders[6], get, w.control(*holders[6])).error == Error::denied);
    CHECK(w.request_async(*holders[6], put, w.control(*holders[6])).error == Error::not_found);
    w.check();
}

TEST_CASE("two names that are new at once get a group each, however many there were before", "[groups]") {
    World w(8192);
    for (Process* holder : fill(w, "third")) w.kill(*holder);
    w.finish_endings();
    Process& client = w.start("client", {.callees = {"left", "right"}, .privileges = 0});
    for (const char* name : {"left", "right"}) {
        Process& server = w.start(name, {.callees = {}});
        const u32 f = w.function(server, (std::string(name) + ".put").c_str());
        INFO(name);
        CHECK(w.request_async(client, f, w.control(client)).error == Error::none);
    }
    w.check();
}
