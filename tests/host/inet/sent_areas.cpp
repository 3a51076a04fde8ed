#include "sent_areas.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <vector>

using namespace ant::inet_server;

namespace {

constexpr std::uint64_t page = 4096;

std::set<std::uint64_t> collect(SentAreas& areas, const std::set<std::uint64_t>& on_loan = {}) {
    std::set<std::uint64_t> released;
    areas.collect([&](std::uint64_t address) {
        if (on_loan.contains(address)) return false;
        released.insert(address);
        return true;
    });
    return released;
}

}  // namespace

TEST_CASE("an area is kept until its last byte is acknowledged", "[inet]") {
    SentAreas areas;
    AreaStream stream;
    SentArea* area = areas.add(page, page);
    stream.push(*area);
    stream.written(1000);
    stream.complete(*area, areas);
    stream.acknowledged(999, areas);
    CHECK(collect(areas).empty());
    CHECK(stream.unacknowledged() == 1);
    stream.acknowledged(1, areas);
    CHECK(collect(areas) == std::set{page});
    CHECK(stream.empty());
    CHECK(areas.live() == 0);
}

TEST_CASE("an area of which more will be sent is kept, whatever is acknowledged", "[inet]") {
    SentAreas areas;
    AreaStream stream;
    SentArea* area = areas.add(page, page);
    stream.push(*area);
    stream.written(100);
    stream.acknowledged(100, areas);
    CHECK(collect(areas).empty());
    stream.complete(*area, areas);  // nothing more comes after all
    CHECK(collect(areas) == std::set{page});
}

TEST_CASE("copied bytes between areas count as well", "[inet]") {
    SentAreas areas;
    AreaStream stream;
    SentArea* first = areas.add(page, page);
    SentArea* second = areas.add(2 * page, page);
    stream.push(*first);
    stream.written(10);
    stream.complete(*first, areas);
    stream.written(5);  // a copy
    stream.push(*second);
    stream.written(10);
    stream.complete(*second, areas);
    stream.acknowledged(24, areas);
    CHECK(collect(areas) == std::set{page});
    stream.acknowledged(2, areas);  // the last byte, and the end of the connection
    CHECK(collect(areas) == std::set{2 * page});
}

TEST_CASE("an area on loan is released when the loan has ended", "[inet]") {
    SentAreas areas;
    AreaStream stream;
    stream.push(*areas.add(page, page));
    stream.push(*areas.add(2 * page, page));
    stream.abandon(areas);
    CHECK(areas.retired() == 2);
    CHECK(collect(areas, {page}) == std::set{2 * page});
    CHECK(collect(areas, {page}).empty());
    CHECK(collect(areas) == std::set{page});
    CHECK(areas.retired() == 0);
}

TEST_CASE("an address is found in the area that contains it", "[inet]") {
    SentAreas areas;
    SentArea* first = areas.add(page, 2 * page);
    SentArea* second = areas.add(3 * page, page);
    CHECK(areas.find(page - 1) == nullptr);
    CHECK(areas.find(page) == first);
    CHECK(areas.find(3 * page - 1) == first);
    CHECK(areas.find(3 * page) == second);
    CHECK(areas.find(4 * page) == nullptr);
    areas.retire(*second);
    (void)collect(areas);
    CHECK(areas.find(3 * page) == nullptr);
}

TEST_CASE("the table has an end", "[inet]") {
    static SentAreas areas;
    std::uint64_t count = 0;
    while (areas.add(++count * page, page) != nullptr) {
    }
    CHECK(count - 1 == areas.live());
}

TEST_CASE("random streams lose no area and release none too early", "[inet]") {
    std::mt19937 random{GENERATE(1u, 2u, 3u, 4u)};
    static SentAreas areas;
    AreaStream stream;
    struct Sent {
        std::uint64_t address, end;
    };
    std::vector<Sent> sent;
    std::uint64_t written = 0, acknowledged = 0, next = page;
    std::set<std::uint64_t> released;
    for (int step = 0; step < 3000; ++step) {
        if (random() % 2 == 0 && areas.live() < 100) {
            SentArea* area = areas.add(next, page);
            stream.push(*area);
            const std::uint64_t bytes = random() % 4000 + 1;
            stream.written(bytes);
            written += bytes;
            stream.complete(*area, areas);
            sent.push_back({next, written});
            next += page;
        } else if (written != acknowledged) {
            const std::uint64_t bytes = random() % (written - acknowledged) + 1;
            stream.acknowledged(bytes, areas);
            acknowledged += bytes;
        }
        for (const std::uint64_t address : collect(areas)) REQUIRE(released.insert(address).second);
        for (const Sent& s : sent) REQUIRE(released.contains(s.address) == (s.end <= acknowledged));
    }
    stream.abandon(areas);
    (void)collect(areas);
    CHECK(areas.live() == 0);
}
