// Streams in both directions through crashes of the node at any segment.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace tcp_test;

namespace {

constexpr std::uint16_t service = 80;

struct Transfer {
    World world;
    Peer& peer;
    unsigned socket = 0;

    Transfer(std::uint32_t seed, WorldOptions options, PeerOptions peer_options = {})
        : world{seed, calm(options)}, peer{start(world, peer_options)} {
        REQUIRE(world.run([&] { return peer.established() && world.socket_of(peer) >= 0; }));
        socket = static_cast<unsigned>(world.socket_of(peer));
        peer.expect(world.durable.pattern + socket);
        world.options = options;
    }
    // So many more bytes in both directions at once; the application reads and writes by pieces.
    void run(std::uint32_t to_node, std::uint32_t from_node) {
        peer.write(to_node);
        peer.talk(world.now());
        std::uint32_t remaining = from_node;
        const auto done = [&] {
            Durable::Socket& s = world.socket(socket);
            if (s.read < s.in) world.ask([&] { node_read(socket, 1 + world.random() % 50'000); });
            if (remaining != 0 && s.out - peer.received() < 150'000) {
                const std::uint32_t bytes = std::min<std::uint32_t>(remaining, 1 + world.random() % 20'000);
                remaining -= bytes;
                world.ask([&] { node_write(socket, bytes); });
            }
            return s.read == peer.written() && peer.received() == s.out && remaining == 0 && peer.all_acknowledged();
        };
        const bool finished = world.run(done, 120'000'000);
        const Durable::Socket& s = world.socket(socket);
        INFO("in " << s.in << " read " << s.read << " of " << peer.written() << ", out " << peer.received() << " of " << s.out
                   << ", crashes " << world.crashes);
        CHECK(world.complaint() == "");
        REQUIRE(finished);
    }

private:
    static WorldOptions calm(WorldOptions options) {
        options.crash = options.loss = options.reorder = 0;
        return options;
    }
    static Peer& start(World& world, PeerOptions options) {
        node_start(world.durable);
        world.ask([] { node_listen(service, 16); });
        return world.connect_from(5000, service, options);
    }
};

}  // namespace

TEST_CASE("a stream in both directions, without a crash", "[inet]") {
    Transfer t{1, {}};
    t.run(400'000, 400'000);
    CHECK(t.world.timeouts() == 0);
}

// 192 KiB, but no more than its ring takes after the card had no room for frames, for a minute. Bytes arrive all the same.
TEST_CASE("a window that the card has no room for is not opened again", "[inet]") {
    PeerOptions generous;
    generous.at_most_in_flight = 1 << 20;
    Transfer t{3, {}, generous};
    t.run(400'000, 0);
    CHECK(t.peer.window() > 150'000);
    t.world.ask([] { node_card_overflowed(); });
    for (unsigned round = 0; round < 10; ++round) {
        t.run(100'000, 20'000);
        if (round > 1) CHECK(t.peer.window() <= 64 * 1024);
    }
    t.world.run_for(61'000'000);
    t.run(200'000, 0);
    CHECK(t.peer.window() > 150'000);
    CHECK(t.world.timeouts() == 0);
}

TEST_CASE("without scaled windows there is nothing to limit", "[inet]") {
    PeerOptions plain;
    plain.scale = -1;
    Transfer t{3, {}, plain};
    t.world.ask([] { node_card_overflowed(); });
    t.run(400'000, 20'000);
    CHECK(t.peer.window() > 60'000);
    CHECK(t.world.timeouts() == 0);
}

TEST_CASE("a stream in both directions through crashes", "[inet]") {
    const auto seed = GENERATE(range(1u, 25u));
    CAPTURE(seed);
    WorldOptions options;
    options.crash = 0.02;
    options.lose_current = seed % 2 == 0;
    PeerOptions peer;
    peer.delay_ack_us = seed % 3 == 0 ? 40'000 : 0;
    Transfer t{seed, options, peer};
    t.world.durable.advance = seed % 4 < 2;
    t.run(600'000, 600'000);
    CHECK(t.world.crashes > 10);
    // A peer in recovery whose repeated segment is lost as well has only its timer.
    if (!options.lose_current) CHECK(t.world.timeouts() == 0);
}

TEST_CASE("a stream through crashes, on a wire that loses and reorders", "[inet]") {
    const auto seed = GENERATE(range(1u, 13u));
    CAPTURE(seed);
    WorldOptions options;
    options.crash = 0.01;
    options.loss = 0.01;
    options.reorder = 0.02;
    options.lose_current = seed % 2 == 0;
    Transfer t{seed, options};
    t.world.durable.advance = seed % 4 < 2;
    t.run(300'000, 300'000);
}

TEST_CASE("a stream through crashes with a fresh seed", "[inet]") {
    const std::uint32_t seed = std::random_device{}();
    CAPTURE(seed);
    WorldOptions options;
    options.crash = 0.03;
    options.loss = 0.002;
    Transfer t{seed, options};
    t.run(300'000, 300'000);
}

TEST_CASE("without window scaling a stream survives as well", "[inet]") {
    WorldOptions options;
    options.crash = 0.03;
    PeerOptions peer;
    peer.scale = -1;
    peer.window = 20'000;
    Transfer t{3, options, peer};
    t.run(300'000, 300'000);
    CHECK(t.world.timeouts() == 0);
}

TEST_CASE("the peer's window is closed during a crash, and opens in it or after it", "[inet]") {
    const bool told_while_down = GENERATE(false, true);
    Transfer t{4, {}};
    t.peer.set_window(0, t.world.now());
    t.world.run_for(1000);
    t.world.ask([&] { node_write(t.socket, 50'000); });
    t.world.run_for(5'000);
    const std::uint32_t before = t.peer.received();
    if (!told_while_down) t.world.crash();
    t.world.run_for(2'000'000);  // persist timer
    CHECK(t.peer.received() <= before + 1);
    if (told_while_down) {
        // The window opens, but the segment that says so is lost with the process.
        t.peer.set_window(100'000, t.world.now());
        t.peer.wire.clear();
        t.world.crash();
        const std::uint64_t start = t.world.now();
        REQUIRE(t.world.run([&] { return t.peer.received() == 50'000; }));
        CHECK(t.world.now() - start < 50'000);
    } else {
        t.peer.set_window(100'000, t.world.now());
        REQUIRE(t.world.run([&] { return t.peer.received() == 50'000; }));
    }
    CHECK(t.world.complaint() == "");
}

TEST_CASE("the node's window is full during a crash and never shrinks", "[inet]") {
    Transfer t{5, {}};
    t.peer.write(400'000);
    t.world.run_for(100'000);  // nobody reads
    const std::uint32_t in = t.world.socket(t.socket).in;
    CHECK(in >= 190'000);
    for (int i = 0; i < 3; ++i) {
        t.world.crash();
        t.world.run_for(50'000);
        CHECK(t.world.socket(t.socket).in == in);
    }
    t.run(0, 0);
}

TEST_CASE("the end of what is sent waits for no full segments, only for the end before it", "[inet]") {
    constexpr std::uint32_t segment = 1460;
    PeerOptions peer;
    peer.delay_ack_us = 40'000;
    peer.gathers = true;
    Transfer t{8, {}, peer};
    const std::uint64_t start = t.world.now();
    t.world.ask([&] { node_write(t.socket, 2 * segment + 500); });
    REQUIRE(t.world.run([&] { return t.peer.received() == 2 * segment + 500; }));
    CHECK(t.world.now() - start < peer.delay_ack_us);
    t.world.ask([&] { node_write(t.socket, 100); });
    REQUIRE(t.world.run([&] { return t.peer.received() == 2 * segment + 600; }));
    CHECK(t.world.now() - start > peer.delay_ack_us);
    CHECK(t.world.complaint() == "");
}

TEST_CASE("slow start counts up to eight segments that one acknowledgement is for", "[inet]") {
    constexpr std::uint64_t round_us = 1000 + 400;  // wait of the peer, and round trip
    PeerOptions peer;
    peer.delay_ack_us = 1000;
    peer.gathers = true;
    peer.window = 1'000'000;
    Transfer t{9, {}, peer};
    const std::uint64_t start = t.world.now();
    t.world.ask([&] { node_write(t.socket, 190'000); });  // in rounds of 3, 6, 12, 20, 28, 36, ... segments
    REQUIRE(t.world.run([&] { return t.peer.received() == 190'000; }));
    const std::uint64_t rounds = (t.world.now() - start) / round_us + 1;
    CHECK(rounds == 7);
    CHECK(t.world.complaint() == "");
}

TEST_CASE("retransmission begins at once and is not slowed down for long", "[inet]") {
    Transfer t{6, {}};
    t.world.ask([&] { node_write(t.socket, 400'000); });
    REQUIRE(t.world.run([&] { return t.peer.received() > 100'000; }));
    t.world.crash();
    const std::uint64_t start = t.world.now();
    REQUIRE(t.world.run([&] { return t.peer.received() == 400'000; }));
    CHECK(t.world.now() - start < 20'000);
    CHECK(t.world.complaint() == "");
}

TEST_CASE("frames lost by the driver alone are sent again at once as well", "[inet]") {
    Transfer t{7, {}};
    t.world.ask([&] { node_write(t.socket, 300'000); });
    t.peer.write(300'000);
    REQUIRE(t.world.run([&] { return t.peer.received() > 20'000; }));
    t.world.options.loss = 1;
    t.world.run_for(300);
    t.world.options.loss = 0;
    t.world.ask([] { node_resume(true); });
    const std::uint64_t start = t.world.now();
    REQUIRE(t.world.run([&] { return t.peer.received() == 300'000; }));
    CHECK(t.world.now() - start < 30'000);
    t.run(0, 0);
}
