#include "large_receive.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace ant::inet_server;

namespace {

constexpr std::uint32_t head = SegmentHeaders::bytes;
constexpr std::uint8_t fin = 1, syn = 2, reset = 4, push = 8, ack = 16;

using Frame = std::vector<std::uint8_t>;

void put(Frame& frame, std::size_t at, std::uint32_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) frame[at + i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

// By the book, a 16-bit word at a time.
std::uint16_t checksum(const std::uint8_t* at, std::size_t bytes, std::uint32_t sum) {
    for (std::size_t i = 0; i < bytes; ++i) sum += i % 2 == 0 ? at[i] << 8 : at[i];
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

void seal(Frame& frame) {
    put(frame, 24, 0, 2);
    put(frame, 24, checksum(&frame[14], 20, 0), 2);
    put(frame, 50, 0, 2);
    const auto tcp_bytes = static_cast<std::uint32_t>(frame.size() - SegmentHeaders::tcp_at);
    put(frame, 50, checksum(&frame[26], 8 + tcp_bytes, 6 + tcp_bytes), 2);
}

Frame segment(std::uint32_t sequence, std::uint32_t payload = 1460, std::uint8_t flags = ack) {
    static std::minstd_rand random{1};
    Frame frame(head + payload);
    for (std::size_t i = head; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(random());
    put(frame, 12, 0x0800, 2);
    frame[14] = 0x45;
    put(frame, 16, 40 + payload, 2);
    put(frame, 18, random(), 2);
    frame[22] = 64;
    frame[23] = 6;
    put(frame, 26, 0x0a00'0202, 4);
    put(frame, 30, 0x0a00'020f, 4);
    put(frame, 34, 5001, 2);
    put(frame, 36, 80, 2);
    put(frame, 38, sequence, 4);
    put(frame, 42, 777, 4);
    frame[46] = 5 << 4;
    frame[47] = flags;
    put(frame, 48, 0xff00, 2);
    seal(frame);
    return frame;
}

bool fit(const Frame& frame, bool vouched = false) {
    return LargeReceive::fit(frame.data(), static_cast<std::uint32_t>(frame.size()), vouched);
}
bool continues(const LargeReceive& joined, const Frame& frame) {
    return joined.continues(frame.data(), static_cast<std::uint32_t>(frame.size()));
}
void append(LargeReceive& joined, const Frame& frame) { joined.append(frame.data(), static_cast<std::uint32_t>(frame.size())); }
LargeReceive begun_with(Frame& frame) {
    LargeReceive joined;
    joined.begin(frame.data(), static_cast<std::uint32_t>(frame.size()));
    return joined;
}
unsigned ip_length(const Frame& frame) { return frame[16] << 8 | frame[17]; }

}  // namespace

TEST_CASE("segments that follow each other are joined", "[inet]") {
    Frame first = segment(0xffff'fe00, 1460);
    REQUIRE(fit(first));
    LargeReceive joined = begun_with(first);
    std::uint32_t sequence = 0xffff'fe00 + 1460, total = 1460;
    for (const std::uint32_t payload : {1460u, 1u, 333u, 1460u}) {
        const Frame next = segment(sequence, payload);
        REQUIRE(fit(next));
        REQUIRE(continues(joined, next));
        append(joined, next);
        sequence += payload;
        total += payload;
        REQUIRE(ip_length(first) == 40 + total);
    }
    CHECK_FALSE(continues(joined, segment(sequence + 1)));
    const Frame last = segment(sequence, 1460, ack | push);
    REQUIRE(continues(joined, last));
    append(joined, last);
    CHECK(first[47] == (ack | push));
    CHECK_FALSE(continues(joined, segment(sequence + 1460)));
    joined.end();
    CHECK_FALSE(continues(joined, segment(sequence + 1460)));
}

TEST_CASE("no more are joined than IP can say", "[inet]") {
    Frame first = segment(0);
    LargeReceive joined = begun_with(first);
    std::uint32_t sequence = 1460;
    for (; continues(joined, segment(sequence)); sequence += 1460) append(joined, segment(sequence));
    CHECK(sequence == 44 * 1460);
    CHECK(ip_length(first) == 40 + sequence);
}

TEST_CASE("a frame with a wrong checksum is not fit, unless the chip says that it is right", "[inet]") {
    std::minstd_rand random{2};
    for (const std::uint32_t payload : {1u, 2u, 7u, 8u, 127u, 128u, 129u, 1459u, 1460u}) {
        const Frame good = segment(5, payload);
        REQUIRE(fit(good));
        for (int i = 0; i < 64; ++i) {
            Frame bad = good;
            const std::size_t at = i % 2 == 0 ? 50 + random() % (bad.size() - 50) : 14 + random() % 36;
            bad[at] ^= static_cast<std::uint8_t>(1 << random() % 8);
            CHECK_FALSE(fit(bad));
        }
        Frame bad = good;
        bad.back() ^= 1;
        CHECK(fit(bad, true));
    }
}

TEST_CASE("a frame that is not like most is left alone", "[inet]") {
    for (const std::uint8_t flag : {fin, syn, reset}) CHECK_FALSE(fit(segment(1, 1460, ack | flag), true));
    CHECK_FALSE(fit(segment(1, 1460, 0), true));
    CHECK_FALSE(fit(segment(1, 0), true));
    for (const unsigned changed : {12u, 14u, 20u, 21u, 23u, 46u}) {
        Frame other = segment(1);
        other[changed] ^= changed == 14 || changed == 20 ? 3 : 0x11;
        CHECK_FALSE(fit(other, true));
    }
    Frame padded = segment(1, 300);
    padded.push_back(0);
    CHECK_FALSE(fit(padded, true));
    Frame cut = segment(1, 300);
    cut.pop_back();
    CHECK_FALSE(fit(cut, true));
}

TEST_CASE("another connection, or one that says something new, is not joined", "[inet]") {
    Frame first = segment(1000);
    const LargeReceive joined = begun_with(first);
    REQUIRE(continues(joined, segment(2460)));
    // Addresses, ports, acknowledgement, window.
    for (const unsigned changed : {26u, 29u, 30u, 33u, 34u, 37u, 42u, 45u, 48u, 49u}) {
        Frame other = segment(2460);
        other[changed] ^= 0x11;
        CHECK_FALSE(continues(joined, other));
    }
    CHECK_FALSE(continues(joined, segment(1000)));
}
