#include "servers/cache/disk.hpp"
#include "servers/cache/read_ahead.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

namespace cs = ant::cache_server;

TEST_CASE("a list of blocks is sorted, none is lost") {
    std::mt19937 random{7};
    for (const unsigned count : {0, 1, 2, 3, 100, 4097}) {
        std::vector<cs::Block> blocks(count);
        cs::List<cs::Block> list;
        for (cs::Block& b : blocks) {
            b.key = random();
            list.push_back(b);
        }
        cs::sort(list);
        REQUIRE(list.size() == count);
        cs::Key before = 0;
        unsigned seen = 0;
        while (cs::Block* b = list.pop_front()) {
            REQUIRE(b->key >= before);
            before = b->key;
            ++seen;
        }
        REQUIRE(seen == count);
    }
}

TEST_CASE("read-ahead begins with the second read, and its window doubles") {
    cs::ReadAhead streams;
    CHECK(streams.note(0, 10, 11, false).count == 0);
    auto range = streams.note(0, 11, 12, false);
    CHECK(range.first == 12);
    CHECK(range.count == cs::ReadAhead::first_window);
    std::uint64_t ahead = range.first + range.count;
    std::uint32_t largest = 0;
    for (std::uint64_t n = 12; n < 400; ++n) {
        range = streams.note(0, n, n + 1, false);
        if (range.count == 0) continue;
        CHECK(range.first == ahead);
        ahead += range.count;
        largest = std::max(largest, range.count);
        CHECK(ahead - n <= cs::ReadAhead::last_window + 1);
        CHECK(ahead > n + 1);
    }
    CHECK(largest >= cs::ReadAhead::last_window / 2);
}

TEST_CASE("who says that more will follow is believed at once; others are not disturbed") {
    cs::ReadAhead streams;
    CHECK(streams.note(3, 0, 4, true).count == cs::ReadAhead::first_window);
    for (std::uint64_t n = 0; n < 10; ++n) CHECK(streams.note(3, 1000 + 17 * n, 1001 + 17 * n, false).count == 0);
    CHECK(streams.note(2, 4, 5, false).count == 0);  // another disk
    const auto range = streams.note(3, 4, 12, false);
    CHECK(range.first >= 12);
    CHECK(range.count != 0);
}
