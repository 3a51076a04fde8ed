// A TCP of its own, strict about what it hears: one connection of the peer host.
#pragma once

#include "node.hpp"

#include <string>

namespace tcp_test {

struct Segment {
    std::uint16_t from = 0, to = 0;  // ports
    std::uint32_t sequence = 0, acknowledgement = 0;
    bool syn = false, ack = false, fin = false, rst = false;
    std::uint32_t window = 0;  // as in the segment
    int scale = -1;            // SYN only
    std::uint16_t mss = 0;
    std::uint32_t bytes = 0;
    const std::uint8_t* data = nullptr;

    [[nodiscard]] std::uint32_t length() const { return bytes + (syn ? 1 : 0) + (fin ? 1 : 0); }
};

bool parse(const Frame& frame, Segment& out);
Frame build(const Segment& segment);

struct PeerOptions {
    std::uint32_t window = 120'000;
    std::uint32_t delay_ack_us = 0;  // 0: each segment is acknowledged at once; else every second one
    bool gathers = false;            // and not every second one either
    std::uint32_t at_most_in_flight = 64 * 1024;
    int scale = 3;  // -1: does not offer
};

class Peer {
public:
    Peer(const std::uint8_t* pattern, std::uint16_t port, std::uint16_t node_port, PeerOptions options, std::uint32_t iss)
        : pattern_{pattern}, options_{options}, port_{port}, node_port_{node_port}, iss_{iss}, una_{iss}, next_{iss} {}

    void connect(std::uint64_t now);
    void hear(const Segment& segment, std::uint64_t now);
    void watch(const Segment& segment);  // leaves the node now, and may be lost: it takes nothing back
    void tick(std::uint64_t now);        // its timers
    [[nodiscard]] std::uint64_t next_timer() const;

    void meet(std::uint16_t node_port) {
        if (node_port_ == 0) node_port_ = node_port;
    }
    void write(std::uint32_t bytes) { out_ += bytes; }
    void close() { closing_ = true; }
    void set_window(std::uint32_t bytes, std::uint64_t now);  // and says so
    void talk(std::uint64_t now);                             // sends what it can
    // How the other side's bytes begin in the pattern, once it is known who that is.
    void expect(const std::uint8_t* bytes) { expected_ = bytes; }

    std::vector<Frame> wire;  // to the node

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] bool established() const { return established_; }
    [[nodiscard]] std::uint32_t written() const { return out_; }
    [[nodiscard]] std::uint32_t received() const { return in_; }
    [[nodiscard]] bool received_fin() const { return fin_in_; }
    [[nodiscard]] bool all_acknowledged() const { return una_ == next_ && sent() == out_ && (!closing_ || fin_sent_); }
    [[nodiscard]] unsigned syns() const { return syns_; }                // that it has heard
    [[nodiscard]] std::uint32_t window() const { return send_window_; }  // that it may fill
    [[nodiscard]] std::uint32_t timeouts() const { return timeouts_; }
    [[nodiscard]] std::uint64_t longest_silence() const { return longest_silence_; }
    [[nodiscard]] const std::string& complaint() const { return complaint_; }

private:
    void complain(const std::string& text);
    void send(std::uint32_t sequence, std::uint32_t bytes, bool syn, bool fin);
    void acknowledge_now() { send(next_, 0, false, false); }
    void hear_handshake(const Segment& segment, std::uint64_t now);
    void hear_acknowledgement(const Segment& segment, std::uint64_t now);
    void hear_bytes(const Segment& segment, std::uint64_t now);
    void send_again(std::uint64_t now);
    [[nodiscard]] std::uint32_t sent() const { return next_ - iss_ - (next_ == iss_ ? 0 : 1) - (fin_sent_ ? 1 : 0); }
    [[nodiscard]] std::uint8_t shift() const { return scaled_ ? static_cast<std::uint8_t>(options_.scale) : 0; }

    const std::uint8_t* pattern_;
    const std::uint8_t* expected_ = nullptr;
    PeerOptions options_;
    std::uint16_t port_, node_port_;
    unsigned syns_ = 0;
    bool active_ = false, established_ = false, scaled_ = false;
    // Sending.
    std::uint32_t iss_, una_, next_;
    std::uint32_t out_ = 0;
    bool closing_ = false, fin_sent_ = false;
    std::uint32_t send_window_ = 0, wl1_ = 0, wl2_ = 0;
    std::uint8_t send_shift_ = 0;
    unsigned duplicates_ = 0;
    bool recovering_ = false;
    std::uint32_t recovery_end_ = 0;
    std::uint64_t retransmit_at_ = 0;
    std::uint32_t timeouts_ = 0;
    std::uint64_t progress_at_ = 0, longest_silence_ = 0;
    // Receiving.
    std::uint32_t irs_ = 0, in_ = 0;
    bool fin_in_ = false;
    std::uint64_t acknowledge_at_ = 0;
    std::uint32_t edge_ = 0;  // announced
    bool heard_ = false;
    bool watched_ = false;
    std::uint32_t highest_ack_ = 0, highest_edge_ = 0;  // that the node announced
    std::string complaint_;
};

}  // namespace tcp_test
