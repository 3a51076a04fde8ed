// Connections that end, one way or both, while the node fails.
#include "world.hpp"

#include <lwip/tcpbase.h>

#include <catch2/catch.hpp>

using namespace tcp_test;

namespace {

constexpr std::uint16_t service = 80;

struct Connection {
    World world;
    Peer& peer;
    unsigned socket;

    explicit Connection(std::uint32_t seed)
        : world{seed}, peer{start(world)}, socket{static_cast<unsigned>(world.socket_of(peer))} {
        peer.expect(world.durable.pattern + socket);
    }
    void crash() {
        world.crash();
        CHECK(world.durable.restored == 1);
    }
    void peer_writes(std::uint32_t bytes) {
        peer.write(bytes);
        peer.talk(world.now());
        REQUIRE(world.run([&] { return world.socket(socket).in == peer.written(); }, 1'000'000));
        world.ask([&] { node_read(socket, bytes); });
    }
    void peer_closes() {
        peer.close();
        peer.talk(world.now());
    }
    // All has arrived on both sides, and nobody had to wait.
    void fine() {
        CHECK(world.complaint() == "");
        CHECK(world.timeouts() == 0);
        CHECK_FALSE(world.socket(socket).reset);
    }

private:
    static Peer& start(World& world) {
        node_start(world.durable);
        world.ask([] { node_listen(service, 4); });
        Peer& peer = world.connect_from(5000, service);
        REQUIRE(world.run([&] { return peer.established() && world.socket_of(peer) >= 0; }));
        return peer;
    }
};

}  // namespace

TEST_CASE("half closed by the peer: CLOSE_WAIT", "[inet]") {
    Connection c{1};
    c.peer_closes();
    REQUIRE(c.world.run([&] { return c.world.socket(c.socket).in_fin; }));
    CHECK(node_state(c.socket) == CLOSE_WAIT);
    c.crash();
    CHECK(node_state(c.socket) == CLOSE_WAIT);
    CHECK(c.world.socket(c.socket).in_fin);
    c.world.ask([&] { node_write(c.socket, 30'000); });
    REQUIRE(c.world.run([&] { return c.peer.received() == 30'000; }, 1'000'000));
    c.fine();
}

TEST_CASE("half closed by the node: FIN_WAIT_2", "[inet]") {
    Connection c{2};
    c.world.ask([&] { node_write(c.socket, 10'000); });
    c.world.ask([&] { node_close(c.socket); });
    REQUIRE(c.world.run([&] { return c.peer.received_fin() && node_state(c.socket) == FIN_WAIT_2; }));
    c.crash();
    CHECK(node_state(c.socket) == FIN_WAIT_2);
    c.peer_writes(30'000);
    c.fine();
}

TEST_CASE("a FIN in flight, with bytes before it: FIN_WAIT_1", "[inet]") {
    for (std::uint64_t at = 0; at < 1500; at += 100) {
        CAPTURE(at);
        Connection c{static_cast<std::uint32_t>(at) + 3};
        c.world.ask([&] { node_write(c.socket, 20'000); });
        c.world.ask([&] { node_close(c.socket); });
        CHECK(node_state(c.socket) == FIN_WAIT_1);
        c.world.run_for(at);
        c.crash();
        REQUIRE(c.world.run([&] { return c.peer.received() == 20'000 && c.peer.received_fin(); }, 1'000'000));
        REQUIRE(c.world.run([&] { return node_state(c.socket) == FIN_WAIT_2; }, 1'000'000));
        c.fine();
    }
}

TEST_CASE("a FIN that waits behind a closed window", "[inet]") {
    Connection c{4};
    c.peer.set_window(0, c.world.now());
    c.world.run_for(1000);
    c.world.ask([&] { node_write(c.socket, 5'000); });
    c.world.ask([&] { node_close(c.socket); });
    c.world.run_for(3000);
    c.crash();
    c.world.run_for(3000);
    c.peer.set_window(100'000, c.world.now());
    REQUIRE(c.world.run([&] { return c.peer.received() == 5'000 && c.peer.received_fin(); }, 5'000'000));
    c.fine();
}

TEST_CASE("both close at once: CLOSING", "[inet]") {
    for (std::uint64_t at = 0; at < 800; at += 100) {
        CAPTURE(at);
        Connection c{static_cast<std::uint32_t>(at) + 50};
        c.peer_closes();
        c.world.ask([&] { node_close(c.socket); });
        c.world.run_for(at);
        c.world.crash();
        REQUIRE(c.world.run([&] { return c.peer.received_fin() && c.peer.all_acknowledged(); }, 1'000'000));
        c.world.run_for(1000);
        CHECK(node_time_waits() == 1);
        c.fine();
    }
}

TEST_CASE("the last word: LAST_ACK", "[inet]") {
    for (std::uint64_t at = 0; at < 800; at += 100) {
        CAPTURE(at);
        Connection c{static_cast<std::uint32_t>(at) + 70};
        c.peer_closes();
        REQUIRE(c.world.run([&] { return c.world.socket(c.socket).in_fin; }));
        c.world.ask([&] { node_write(c.socket, 5'000); });
        c.world.ask([&] { node_close(c.socket); });
        c.world.run_for(at);
        c.world.crash();
        REQUIRE(c.world.run([&] { return c.peer.received_fin() && c.peer.received() == 5'000; }, 1'000'000));
        c.world.run_for(2000);
        CHECK(node_state(c.socket) == -1);
        c.fine();
    }
}

TEST_CASE("TIME_WAIT lasts as long as without a crash, and acknowledges", "[inet]") {
    Connection c{5};
    c.world.ask([&] { node_abandon(c.socket); });
    REQUIRE(c.world.run([&] { return c.peer.received_fin(); }));
    SECTION("the peer's FIN arrives before") {
        c.peer_closes();
        REQUIRE(c.world.run([&] { return node_time_waits() == 1; }));
        c.world.run_for(4'000'000);
        c.crash();
        CHECK(node_time_waits() == 1);
        c.world.run_for(5'000'000);
        CHECK(node_time_waits() == 1);
        c.world.run_for(3'000'000);  // 2 * MSL = 10 s
        CHECK(node_time_waits() == 0);
    }
    SECTION("the acknowledgement of the peer's FIN is lost in the crash") {
        c.peer_closes();
        c.world.run_for(0);
        REQUIRE(c.world.run([&] { return node_time_waits() == 1; }));
        c.world.crash();
        REQUIRE(c.world.run([&] { return c.peer.all_acknowledged(); }, 100'000));
    }
    c.fine();
}

TEST_CASE("streams that end through crashes", "[inet]") {
    const auto seed = GENERATE(range(1u, 17u));
    CAPTURE(seed);
    Connection c{seed + 200};
    c.world.options.crash = 0.05;
    c.world.durable.advance = seed % 2 == 0;
    c.peer.write(100'000);
    c.peer.close();
    c.peer.talk(c.world.now());
    c.world.ask([&] { node_write(c.socket, 100'000); });
    (void)c.world.run([] { return true; });
    c.world.ask([&] { node_close(c.socket); });
    const bool done = c.world.run([&] {
        if (c.world.socket(c.socket).read < c.world.socket(c.socket).in) c.world.ask([&] { node_read(c.socket, 30'000); });
        return c.world.socket(c.socket).in == 100'000 && c.peer.received() == 100'000 && c.peer.received_fin() &&
               c.peer.all_acknowledged();
    });
    CHECK(done);
    c.fine();
}
