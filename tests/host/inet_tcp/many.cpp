// A hundred connections of all kinds through crashes.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tcp_test;

namespace {

constexpr std::uint16_t service = 80;
constexpr unsigned connections = 100;

enum class Kind { idle, uploads, downloads, both, half_closed };
Kind kind_of(unsigned i) { return static_cast<Kind>(i % 5); }

}  // namespace

TEST_CASE("a hundred connections through crashes: none is reset, none is corrupted", "[inet]") {
    const auto seed = GENERATE(1u, 2u);
    CAPTURE(seed);
    World world{seed};
    node_start(world.durable);
    world.ask([] { node_listen(service, 120); });
    for (unsigned i = 0; i < connections; ++i) (void)world.connect_from(static_cast<std::uint16_t>(5000 + i), service);
    REQUIRE(world.run([&] {
        return std::ranges::all_of(world.peers, [&](const auto& p) { return p->established() && world.socket_of(*p) >= 0; });
    }));
    for (const auto& peer : world.peers) peer->expect(world.durable.pattern + world.socket_of(*peer));
    world.crash();
    CHECK(world.durable.restored == connections);

    world.options.crash = 0.003;
    constexpr std::uint32_t bytes = 60'000;
    for (unsigned i = 0; i < connections; ++i) {
        Peer& peer = *world.peers[i];
        const auto socket = static_cast<unsigned>(world.socket_of(peer));
        const Kind kind = kind_of(i);
        if (kind == Kind::uploads || kind == Kind::both) peer.write(bytes);
        if (kind == Kind::half_closed) peer.close();
        peer.talk(world.now());
        if (kind == Kind::idle || kind == Kind::uploads) continue;
        (void)world.run([] { return true; });
        world.ask([&] { node_write(socket, bytes); });
    }
    const bool done = world.run([&] {
        bool all = true;
        for (unsigned i = 0; i < connections; ++i) {
            const auto socket = static_cast<unsigned>(world.socket_of(*world.peers[i]));
            if (world.socket(socket).read < world.socket(socket).in) world.ask([&] { node_read(socket, 100'000); });
            all = all && world.socket(socket).read == world.peers[i]->written() &&
                  world.peers[i]->received() == world.socket(socket).out && world.peers[i]->all_acknowledged();
        }
        return all;
    });
    CHECK(world.complaint() == "");
    CHECK(done);
    CHECK(world.crashes > 10);
    CHECK(world.timeouts() == 0);
    CHECK(world.durable.found_at_once > connections);
    for (unsigned i = 0; i < Durable::max_sockets; ++i) CHECK_FALSE(world.socket(i).reset);
}
