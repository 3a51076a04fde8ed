#include <ant/stream.hpp>

#include <catch2/catch.hpp>

#include <vector>

TEST_CASE("the stream of seed 0 is the published output of SplitMix64", "[stream]") {
    CHECK(ant::Stream::word(0, 0) == 0xe220a8397b1dcdafu);
    CHECK(ant::Stream::word(0, 1) == 0x6e789e6aa1b965f4u);
    CHECK(ant::Stream::word(0, 2) == 0x06c45d188009454fu);
}

TEST_CASE("a stream can be entered at any byte and read in any pieces", "[stream]") {
    std::vector<std::byte> whole(1000);
    ant::Stream{42}.fill(whole);
    for (std::size_t offset = 0; offset < 40; ++offset) {
        std::vector<std::byte> part(333);
        ant::Stream stream{42, offset};
        std::span<std::byte> rest{part};
        for (std::size_t piece = 1; !rest.empty(); piece = piece % 13 + 1) {
            const std::size_t n = std::min(piece, rest.size());
            stream.fill(rest.first(n));
            rest = rest.subspan(n);
        }
        CHECK(stream.offset() == offset + part.size());
        CHECK(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(offset)));
    }
}
