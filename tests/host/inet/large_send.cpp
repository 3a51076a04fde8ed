#include "large_send.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <functional>

using namespace ant::inet_server;

namespace {

constexpr std::uint32_t head = SegmentHeaders::bytes, tcp_at = SegmentHeaders::tcp_at, full = head + LargeSend::segment;
constexpr std::uint32_t node = 0x0f02000a, peer = 0x0202000a;  // network byte order
constexpr std::uint8_t fin = 1, syn = 2, reset = 4, push = 8, ack = 16;

struct Frame {
    std::array<std::uint8_t, head> byte{};
    explicit Frame(std::uint32_t sequence, std::uint8_t flags = ack) {
        byte[12] = 0x08;
        byte[14] = 0x45;
        byte[20] = 0x40;  // do not fragment
        byte[22] = 255;
        byte[23] = 6;
        __builtin_memcpy(&byte[26], &node, sizeof node);
        __builtin_memcpy(&byte[30], &peer, sizeof peer);
        byte[46] = 5 << 4;
        byte[47] = flags;
        for (unsigned i = 0; i < 4; ++i) byte[38 + i] = static_cast<std::uint8_t>(sequence >> (24 - 8 * i));
    }
    std::uint8_t* data() { return byte.data(); }
    [[nodiscard]] unsigned ip_length() const { return byte[16] << 8 | byte[17]; }
    // As TCP hands it over.
    [[nodiscard]] TcpSegment segment(std::uint32_t payload = LargeSend::segment) const {
        return {&byte[tcp_at], payload, node, peer, 255, 0};
    }
};

LargeSend begun_with(Frame& frame, std::uint32_t bytes = full) {
    LargeSend send;
    send.begin(frame.data(), head, bytes);
    return send;
}

}  // namespace

TEST_CASE("consecutive full segments of a connection become one packet", "[inet]") {
    Frame first{0xffff'ff00};
    LargeSend send = begun_with(first);
    std::uint32_t sequence = 0xffff'ff00;
    for (unsigned i = 2; i <= 44; ++i) {
        const Frame next{sequence += LargeSend::segment};
        REQUIRE(send.continues(next.segment()));
        send.append(next.segment());
        REQUIRE(first.ip_length() == 40 + i * LargeSend::segment);
    }
    const Frame more{sequence + LargeSend::segment};
    CHECK_FALSE(send.continues(more.segment()));  // longer than IP can say
    CHECK(send.continues(more.segment(100)));
}

TEST_CASE("a segment that is not full or that is pushed is the last one", "[inet]") {
    Frame first{1000}, pushed{2460, ack | push};
    const Frame shorter{2460}, next{3920};
    LargeSend send = begun_with(first);
    send.append(shorter.segment(700));
    CHECK_FALSE(send.continues(Frame{3160}.segment()));
    send = begun_with(first);
    send.append(pushed.segment());
    CHECK_FALSE(send.continues(next.segment()));
    CHECK(first.byte[47] == (ack | push));
    CHECK_FALSE(begun_with(pushed).continues(next.segment()));
    Frame alone{1000};
    CHECK_FALSE(begun_with(alone, full - 1).continues(Frame{2459}.segment()));
}

TEST_CASE("what says more than the segment before it goes by itself", "[inet]") {
    Frame first{1000};
    const LargeSend send = begun_with(first);
    REQUIRE(send.continues(Frame{2460}.segment()));
    for (const std::uint8_t flag : {fin, syn, reset}) {
        Frame other{2460, static_cast<std::uint8_t>(ack | flag)};
        CHECK_FALSE(send.continues(other.segment()));
        CHECK_FALSE(begun_with(other).continues(Frame{3920}.segment()));
    }
    CHECK_FALSE(send.continues(Frame{2461}.segment()));
    // Ports, acknowledgement, options of TCP, window.
    for (const unsigned changed : {34u, 37u, 42u, 45u, 46u, 48u, 49u}) {
        Frame other{2460};
        other.byte[changed] ^= 0x11;
        CHECK_FALSE(send.continues(other.segment()));
    }
    const Frame next{2460};
    for (const auto& change : std::initializer_list<std::function<void(TcpSegment&)>>{
             [](auto& s) { s.source ^= 1; }, [](auto& s) { s.destination ^= 1; }, [](auto& s) { s.ttl ^= 1; },
             [](auto& s) { s.tos ^= 1; }, [](auto& s) { s.payload = 0; }, [](auto& s) { s.payload = LargeSend::segment + 1; }}) {
        TcpSegment other = next.segment();
        change(other);
        CHECK_FALSE(send.continues(other));
    }
}

TEST_CASE("nothing follows a frame that is not like most", "[inet]") {
    // Protocol, version, fragment.
    for (const unsigned changed : {12u, 14u, 20u, 21u, 23u}) {
        Frame other{1000};
        other.byte[changed] ^= changed == 14 || changed == 20 ? 3 : 0x11;
        CHECK_FALSE(begun_with(other).continues(Frame{2460}.segment()));
    }
    Frame apart{1000};
    LargeSend send;
    send.begin(apart.data(), head - 1, full);
    CHECK_FALSE(send.continues(Frame{2460}.segment()));
}
