#include "segment_name.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace ant::inet_server;

namespace {

constexpr std::size_t ethernet = 14, ip = 20, tcp = 20;
constexpr std::uint8_t syn = 2, ack = 0x10;

// 10.0.2.2:40000 to 10.0.2.15:80, with so many words of options in its IP header.
std::vector<std::uint8_t> frame(std::uint8_t flags, std::size_t options = 0) {
    std::vector<std::uint8_t> f(ethernet + ip + options * 4 + tcp);
    f[12] = 0x08;
    f[ethernet] = static_cast<std::uint8_t>(0x45 + options);
    f[ethernet + 9] = 6;
    const std::uint8_t addresses[] = {10, 0, 2, 2, 10, 0, 2, 15};
    std::copy(std::begin(addresses), std::end(addresses), f.begin() + ethernet + 12);
    const std::size_t segment = ethernet + ip + options * 4;
    f[segment] = 40000 >> 8;
    f[segment + 1] = 40000 & 0xff;
    f[segment + 3] = 80;
    f[segment + 13] = flags;
    return f;
}

}  // namespace

TEST_CASE("a frame tells whose segment it brings", "[inet]") {
    const std::size_t options = GENERATE(std::size_t{0}, std::size_t{10});
    const auto name = segment_in(frame(ack, options));
    REQUIRE(name);
    CHECK(name->remote_ip == 0x0202000a);
    CHECK(name->local_ip == 0x0f02000a);
    CHECK(name->remote_port == 40000);
    CHECK(name->local_port == 80);
    CHECK_FALSE(name->begins);
    CHECK(segment_in(frame(syn))->begins);
    CHECK(segment_in(frame(syn | ack))->begins);
}

TEST_CASE("what is no whole segment has no name", "[inet]") {
    auto f = frame(ack);
    SECTION("too short") { f.pop_back(); }
    SECTION("not IP") { f[13] = 6; }
    SECTION("not version 4") { f[ethernet] = 0x65; }
    SECTION("a header that is too short") { f[ethernet] = 0x44; }
    SECTION("options behind the end") { f[ethernet] = 0x46; }
    SECTION("not TCP") { f[ethernet + 9] = 17; }
    SECTION("the first fragment") { f[ethernet + 6] = 0x20; }
    SECTION("a later fragment") { f[ethernet + 7] = 1; }
    SECTION("nothing") { f.clear(); }
    CHECK_FALSE(segment_in(f));
}

TEST_CASE("a segment that must not be fragmented has a name", "[inet]") {
    auto f = frame(ack);
    f[ethernet + 6] = 0x40;
    CHECK(segment_in(f));
}
