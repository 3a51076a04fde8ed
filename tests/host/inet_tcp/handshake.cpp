// Connections that begin while the node fails.
#include "world.hpp"

#include <lwip/tcpbase.h>

#include <catch2/catch.hpp>

using namespace tcp_test;

namespace {

constexpr std::uint16_t service = 80;

// Both say something, and hear it.
void converse(World& world, Peer& peer) {
    REQUIRE(world.run([&] { return peer.established() && world.socket_of(peer) >= 0; }, 1'000'000));
    const auto socket = static_cast<unsigned>(world.socket_of(peer));
    peer.expect(world.durable.pattern + socket);
    peer.write(5000);
    peer.talk(world.now());
    world.ask([&] { node_write(socket, 7000); });
    REQUIRE(world.run([&] { return world.socket(socket).in == 5000 && peer.received() == 7000; }, 1'000'000));
    CHECK(world.complaint() == "");
    CHECK(world.timeouts() == 0);
}

}  // namespace

TEST_CASE("a half-open connection survives with its place in the backlog", "[inet]") {
    World world{1};
    node_start(world.durable);
    unsigned listener = 0;
    world.ask([&] { listener = node_listen(service, 4); });
    Peer& peer = world.connect_from(5000, service);
    world.run_for(250);  // the SYN has arrived, its answer has left
    REQUIRE(node_pending(listener) == 1);
    world.crash();
    CHECK(world.durable.restored == 1);
    CHECK(node_pending(listener) == 1);
    converse(world, peer);
    CHECK(node_pending(listener) == 0);
}

TEST_CASE("the answer to a SYN that was lost in the crash is repeated at once", "[inet]") {
    World world{2};
    node_start(world.durable);
    world.ask([] { node_listen(service, 4); });
    Peer& peer = world.connect_from(5000, service);
    world.run_for(100);  // the SYN is on its way
    world.options.loss = 1;
    world.run_for(150);
    world.options.loss = 0;
    world.crash();
    CHECK(world.run([&] { return peer.established(); }, 10'000));
    converse(world, peer);
}

TEST_CASE("the acknowledgement of a SYN finds the restored connection, whenever the crash is", "[inet]") {
    for (std::uint64_t at = 0; at < 1000; at += 50) {
        CAPTURE(at);
        World world{static_cast<std::uint32_t>(at) + 3};
        node_start(world.durable);
        world.ask([] { node_listen(service, 4); });
        Peer& peer = world.connect_from(5000, service);
        world.run_for(at);
        world.crash();
        converse(world, peer);
    }
}

// Not twice: QEMU's user network forgets what it has to send when it hears that again.
TEST_CASE("a SYN that waited for the next process is answered once", "[inet]") {
    WorldOptions options;
    options.down_us = 5000;
    for (std::uint32_t seed = 1; seed < 8; ++seed) {
        CAPTURE(seed);
        World world{seed, options};
        node_start(world.durable);
        world.ask([] { node_listen(service, 4); });
        Peer& peer = world.connect_from(5000, service);
        world.options.crash = 1;
        world.ask([] {});
        world.options.crash = 0;
        REQUIRE(world.run([&] { return peer.established(); }, 10'000));
        world.run_for(20'000);
        CHECK(peer.syns() == 1);
        converse(world, peer);
    }
}

TEST_CASE("a connection that the node begins survives a crash at any moment of the handshake", "[inet]") {
    for (std::uint64_t at = 0; at < 1000; at += 50) {
        CAPTURE(at);
        World world{static_cast<std::uint32_t>(at) + 100};
        node_start(world.durable);
        Peer& peer = world.await(7000);
        world.ask([] { node_connect(7000); });
        world.run_for(at);
        world.crash();
        converse(world, peer);
        CHECK(world.socket(0).connected);
    }
}

TEST_CASE("the SYN of the node is repeated with the same number, and goes on being repeated", "[inet]") {
    World world{5};
    node_start(world.durable);
    Peer& peer = world.await(7000);
    world.options.loss = 1;
    world.ask([] { node_connect(7000); });
    world.run_for(10'000);
    for (int i = 0; i < 3; ++i) {
        world.crash();
        world.run_for(100'000);
        CHECK(node_state(0) == SYN_SENT);
    }
    world.options.loss = 0;
    REQUIRE(world.run([&] { return peer.established(); }, 10'000'000));
    CHECK(world.complaint() == "");
}

TEST_CASE("random crashes in the handshakes of many", "[inet]") {
    const auto seed = GENERATE(range(1u, 9u));
    CAPTURE(seed);
    WorldOptions options;
    options.crash = 0.1;
    World world{seed, options};
    node_start(world.durable);
    world.options.crash = 0;
    world.ask([] { node_listen(service, 64); });
    world.options = options;
    for (std::uint16_t i = 0; i < 20; ++i) (void)world.connect_from(static_cast<std::uint16_t>(5000 + i), service);
    for (std::uint16_t i = 0; i < 20; ++i) {
        (void)world.await(static_cast<std::uint16_t>(7000 + i));
        // An AP that is told "server restarted" before its connection was recorded asks again.
        const std::uint16_t port = static_cast<std::uint16_t>(7000 + i);
        for (int tries = 0; tries < 20; ++tries) {
            const unsigned crashes = world.crashes;
            world.ask([&] { node_connect(port); });
            if (world.crashes == crashes) break;
            (void)world.run([] { return true; });
            if (world.socket_of(*world.peers.back()) >= 0) break;
        }
    }
    const bool done = world.run([&] {
        for (const auto& peer : world.peers)
            if (!peer->established()) return false;
        return true;
    });
    CHECK(world.complaint() == "");
    CHECK(done);
    CHECK(world.crashes != 0);
}
