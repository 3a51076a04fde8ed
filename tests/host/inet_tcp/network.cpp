// What is known of the network beside connections: neighbours, addresses, the DHCP lease.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tcp_test;

namespace {

constexpr std::size_t ip_at = 14, udp_at = 34, dhcp_at = 42, options_at = dhcp_at + 240;
constexpr std::uint32_t lease_s = 3600, granted = 0x0a000263;

void put32(Frame& f, std::size_t at, std::uint32_t v) {
    for (unsigned i = 0; i < 4; ++i) f[at + i] = static_cast<std::uint8_t>(v >> (24 - 8 * i));
}

// A DHCP server on the wire.
struct Server {
    World& world;
    unsigned discovers = 0, requests = 0;

    explicit Server(World& w) : world{w} {
        world.other = [this](const Frame& frame) { hear(frame); };
    }
    void answer_arp(const Frame& f) {
        if (f[21] != 1) return;  // a request
        Frame answer{f};
        std::copy_n(f.begin() + 6, 6, answer.begin());
        std::copy_n(peer_mac, 6, answer.begin() + 6);
        answer[21] = 2;
        std::copy_n(peer_mac, 6, answer.begin() + 22);
        std::copy_n(f.begin() + 38, 4, answer.begin() + 28);
        std::copy_n(f.begin() + 22, 10, answer.begin() + 32);
        world.to_node(answer);
    }
    void hear(const Frame& f) {
        if (f[12] == 8 && f[13] == 6) return answer_arp(f);
        if (f.size() < options_at + 4 || f[12] != 8 || f[23] != 17 || f[udp_at + 3] != 67) return;
        const std::uint8_t type = f[options_at + 2];
        if (type == 1) ++discovers;
        if (type == 3) ++requests;
        if (type != 1 && type != 3) return;
        Frame answer(options_at + 64);
        std::copy_n(f.begin() + 6, 6, answer.begin());
        std::copy_n(peer_mac, 6, answer.begin() + 6);
        answer[12] = 8;
        answer[ip_at] = 0x45;
        answer[ip_at + 2] = static_cast<std::uint8_t>((answer.size() - ip_at) >> 8);
        answer[ip_at + 3] = static_cast<std::uint8_t>(answer.size() - ip_at);
        answer[ip_at + 8] = 64;
        answer[ip_at + 9] = 17;
        put32(answer, ip_at + 12, peer_ip);
        put32(answer, ip_at + 16, 0xffff'ffff);
        put32(answer, udp_at, 67u << 16 | 68);
        put32(answer, udp_at + 4, static_cast<std::uint32_t>(answer.size() - udp_at) << 16);
        std::copy_n(f.begin() + dhcp_at, 240, answer.begin() + dhcp_at);
        answer[dhcp_at] = 2;
        put32(answer, dhcp_at + 16, granted);
        const std::uint8_t options[] = {53,
                                        1,
                                        static_cast<std::uint8_t>(type == 1 ? 2 : 5),
                                        54,
                                        4,
                                        10,
                                        0,
                                        2,
                                        2,
                                        51,
                                        4,
                                        0,
                                        0,
                                        lease_s >> 8,
                                        lease_s & 0xff,
                                        1,
                                        4,
                                        255,
                                        255,
                                        255,
                                        0,
                                        3,
                                        4,
                                        10,
                                        0,
                                        2,
                                        2,
                                        255};
        std::ranges::copy(options, answer.begin() + options_at);
        world.to_node(answer);
    }
};

}  // namespace

TEST_CASE("neighbours and addresses are known after a crash", "[inet]") {
    World world{1};
    node_start(world.durable);
    world.ask([] {});
    CHECK(node_neighbours() == 1);
    world.crash();
    CHECK(node_neighbours() == 1);
    CHECK(node_address() == node_ip);
}

TEST_CASE("a lease survives a crash without a word to the server", "[inet]") {
    World world{2};
    world.durable.asks_for_address = true;
    Server server{world};
    node_start(world.durable);
    REQUIRE(world.run([] { return node_address() == granted; }, 20'000'000));
    world.run_for(2'000'000);
    const unsigned requests = server.requests;
    for (int i = 0; i < 3; ++i) {
        world.crash();
        CHECK(node_address() == granted);
        world.run_for(60'000'000);
    }
    CHECK(server.discovers == 1);
    CHECK(server.requests == requests);
    SECTION("it is renewed when it would have been") {
        world.run_for((lease_s / 2 - 3 * 60 + 120) * std::uint64_t{1'000'000});
        CHECK(server.requests == requests + 1);
        world.crash();
        CHECK(node_address() == granted);
        CHECK(server.discovers == 1);
    }
    SECTION("it has run out while the node was down") {
        world.durable.now_us += lease_s * std::uint64_t{1'000'000};
        world.crash();
        CHECK(node_address() == 0);
        REQUIRE(world.run([] { return node_address() == granted; }, 20'000'000));
        CHECK(server.discovers == 2);
    }
}

TEST_CASE("a crash while an address is asked for asks anew", "[inet]") {
    World world{3};
    world.durable.asks_for_address = true;
    Server server{world};
    node_start(world.durable);
    world.ask([] {});
    world.run_for(100);
    world.crash();
    REQUIRE(world.run([] { return node_address() == granted; }, 20'000'000));
}
