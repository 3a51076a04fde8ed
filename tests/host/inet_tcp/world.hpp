// A wire with delays, losses and reordering between the node under test and its peers; and crashes of the node.
#pragma once

#include "peer.hpp"

#include <functional>
#include <map>
#include <memory>
#include <random>

namespace tcp_test {

struct WorldOptions {
    std::uint64_t delay_us = 200;
    double loss = 0, reorder = 0;
    double crash = 0;             // with each batch that leaves the node
    std::uint64_t down_us = 300;  // at most
    bool lose_current = false;    // the frame that was being handled is lost; otherwise it is delivered again
};

class World {
public:
    World(std::uint32_t seed, WorldOptions options = {});
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Peer& connect_from(std::uint16_t port, std::uint16_t node_port, PeerOptions options = {});
    // It answers when the node connects to that port.
    Peer& await(std::uint16_t port, PeerOptions options = {});

    // `action` is what an AP asks of the node; the node's answer leaves with its segments.
    void ask(const std::function<void()>& action);
    void crash();
    // Runs until `done`, or for so long. -> done
    bool run(const std::function<bool()>& done, std::uint64_t at_most_us = 30'000'000);
    void run_for(std::uint64_t us);

    // The node's socket whose peer has that port, -1: none.
    int socket_of(const Peer& peer) const;
    Durable::Socket& socket(unsigned index) { return durable.sockets[index]; }
    [[nodiscard]] std::string complaint() const;
    [[nodiscard]] std::uint32_t timeouts() const;
    [[nodiscard]] std::uint64_t now() const { return durable.now_us; }

    Durable durable;
    WorldOptions options;
    std::mt19937 random;
    std::vector<std::unique_ptr<Peer>> peers;
    unsigned crashes = 0;
    // Frames to the node that are no TCP, and what it answers.
    std::function<void(const Frame&)> other;

    void to_node(const Frame& frame) { put(frame, true); }

private:
    struct Travelling {
        Frame frame;
        bool to_node;
    };
    bool chance(double p) { return p > 0 && std::uniform_real_distribution<>{}(random) < p; }
    void put(const Frame& frame, bool to_node);
    void step();
    void deliver(const Frame& frame);
    void hear(const Frame& frame);
    void flush();
    bool flush_or_crash();
    void end_process();
    void start_again();

    std::multimap<std::uint64_t, Travelling> wire_;
    std::uint64_t timers_at_ = 0;
    std::uint64_t up_at_ = 0;  // 0: it runs
    std::vector<Frame> waiting_;
    std::vector<std::uint8_t> pattern_;
};

}  // namespace tcp_test
