// A TCP frame whose call comes again can be read again, whatever lwIP had done with its header.
#include "header_note.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <span>

using namespace ant::inet_server;

namespace {

struct alignas(ant::abi::page_size) Page {
    std::array<std::uint8_t, ant::abi::page_size> bytes{};
    [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(bytes.data()); }
};

constexpr std::uint32_t offset = 2, length = 1514, tcp_at = offset + 14 + 24;  // an IP header with an option

Page page_with_frame(std::uint8_t protocol) {
    Page page;
    for (std::uint32_t i = 0; i < length; ++i) page.bytes[offset + i] = static_cast<std::uint8_t>(i * 7);
    page.bytes[offset + 12] = 0x08;
    page.bytes[offset + 13] = 0x00;
    page.bytes[offset + 14] = 0x46;
    page.bytes[offset + 14 + 9] = protocol;
    return page;
}

// As lwIP does it, after large receive.
void turn_round(Page& page) {
    page.bytes[offset + 14 + 2] ^= 0x7f;
    std::reverse(&page.bytes[tcp_at], &page.bytes[tcp_at + 16]);
}

FrameHeader header_in(const Page& page) { return {page.address(), offset, length}; }
std::span<const std::uint8_t> frame_of(const Page& page) { return std::span{page.bytes}.subspan(offset, length); }

}  // namespace

TEST_CASE("a header is as it came when its call comes again", "[inet]") {
    Page page = page_with_frame(6);
    const Page came = page;
    header_in(page).keep(17);
    REQUIRE(std::ranges::equal(frame_of(page), frame_of(came)));

    for (int again = 0; again < 3; ++again) {
        turn_round(page);
        header_in(page).restore(17);
        header_in(page).keep(17);
        REQUIRE(std::ranges::equal(frame_of(page), frame_of(came)));
    }
}

TEST_CASE("the note of another call means nothing", "[inet]") {
    Page page = page_with_frame(6);
    header_in(page).keep(17);
    turn_round(page);  // the page has got another frame
    const Page now = page;
    header_in(page).restore(18);
    REQUIRE(std::ranges::equal(frame_of(page), frame_of(now)));
}

TEST_CASE("frames that are no TCP, or too short or too long, are left alone", "[inet]") {
    Page datagram = page_with_frame(17);
    const Page before = datagram;
    header_in(datagram).keep(17);
    REQUIRE(datagram.bytes == before.bytes);

    Page page = page_with_frame(6);
    for (const std::uint32_t bytes : {0u, 33u, tcp_at - offset + 15, 4096u - offset, page_room - offset}) {
        FrameHeader{page.address(), offset, bytes}.keep(17);
        REQUIRE(page.bytes == page_with_frame(6).bytes);
    }
}
