#include "large_send.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace ant::inet_server;

namespace {

constexpr std::uint32_t head = SegmentHeaders::bytes, full = head + LargeSend::segment;
constexpr std::uint8_t fin = 1, syn = 2, reset = 4, push = 8, ack = 16;

struct Frame {
    std::array<std::uint8_t, head> byte{};
    explicit Frame(std::uint32_t sequence, std::uint8_t flags = ack) {
        byte[12] = 0x08;
        byte[14] = 0x45;
        byte[20] = 0x40;  // do not fragment
        byte[23] = 6;
        byte[46] = 5 << 4;
        byte[47] = flags;
        for (unsigned i = 0; i < 4; ++i) byte[38 + i] = static_cast<std::uint8_t>(sequence >> (24 - 8 * i));
    }
    std::uint8_t* data() { return byte.data(); }
    [[nodiscard]] unsigned ip_length() const { return byte[16] << 8 | byte[17]; }
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
        Frame next{sequence += LargeSend::segment};
        REQUIRE(send.continues(next.data(), head, full));
        send.append(next.data(), full);
        REQUIRE(first.ip_length() == 40 + i * LargeSend::segment);
    }
    Frame more{sequence + LargeSend::segment};
    CHECK_FALSE(send.continues(more.data(), head, full));  // longer than IP can say
    CHECK(send.continues(more.data(), head, head + 100));
}

TEST_CASE("a segment that is not full or that is pushed is the last one", "[inet]") {
    Frame first{1000}, shorter{2460}, pushed{2460, ack | push}, next{3920};
    LargeSend send = begun_with(first);
    send.append(shorter.data(), head + 700);
    CHECK_FALSE(send.continues(Frame{3160}.data(), head, full));
    send = begun_with(first);
    send.append(pushed.data(), full);
    CHECK_FALSE(send.continues(next.data(), head, full));
    CHECK(first.byte[47] == (ack | push));
    CHECK_FALSE(begun_with(pushed).continues(next.data(), head, full));
    Frame alone{1000};
    CHECK_FALSE(begun_with(alone, full - 1).continues(Frame{2459}.data(), head, full));
}

TEST_CASE("what says more than the segment before it goes by itself", "[inet]") {
    Frame first{1000};
    const LargeSend send = begun_with(first);
    REQUIRE(send.continues(Frame{2460}.data(), head, full));
    for (const std::uint8_t flag : {fin, syn, reset}) {
        Frame other{2460, static_cast<std::uint8_t>(ack | flag)};
        CHECK_FALSE(send.continues(other.data(), head, full));
        CHECK_FALSE(begun_with(other).continues(Frame{3920}.data(), head, full));
    }
    CHECK_FALSE(send.continues(Frame{2461}.data(), head, full));
    // Destination, length field of Ethernet, version, options of IP, fragment, protocol, addresses and ports, acknowledgement,
    // options of TCP, window.
    for (const unsigned changed : {0u, 11u, 12u, 14u, 20u, 21u, 23u, 26u, 33u, 34u, 37u, 42u, 45u, 46u, 48u, 49u}) {
        Frame other{2460};
        other.byte[changed] ^= changed == 14 || changed == 20 ? 3 : 0x11;
        CHECK_FALSE(send.continues(other.data(), head, full));
    }
    CHECK_FALSE(send.continues(Frame{2460}.data(), head, head));  // no bytes
    CHECK_FALSE(send.continues(Frame{2460}.data(), head - 1, full));
}
