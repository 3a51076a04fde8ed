#include "sent_areas.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <set>
#include <vector>

using namespace ant::inet_server;
using ant::Records;

namespace {

constexpr std::uint64_t page = 4096;

// Records in ordinary memory. What is there after `crash` is what the next process finds.
struct World {
    std::vector<std::uint64_t> memory = std::vector<std::uint64_t>(SentAreas::capacity * 2 * 64 / 8 + 8);
    std::uint64_t writing = 0;
    std::unique_ptr<SentAreas> areas;

    World() { start(); }
    Records<SendRecord> records() { return {reinterpret_cast<std::uint64_t>(memory.data()), SentAreas::capacity, &writing}; }
    void start() {
        areas = std::make_unique<SentAreas>();
        areas->use_records(records());
    }
    std::set<std::uint64_t> collect(const std::set<std::uint64_t>& on_loan = {}) {
        std::set<std::uint64_t> released;
        areas->collect([&](const SendRecord& record) {
            if (on_loan.contains(record.address)) return false;
            released.insert(record.address);
            return true;
        });
        return released;
    }
    unsigned on_record() {
        unsigned count = 0;
        records().each([&](unsigned, const SendRecord&) { ++count; });
        return count;
    }
};

SendRecord moved(std::uint64_t address, std::uint32_t length, std::uint64_t call = 1) {
    return {address, 0, (length + 4095) / 4096, 0, length, 7, call, length, 0};
}
SendRecord copied(std::uint64_t address, std::uint32_t length, std::uint64_t call) {
    return {address, 0, 1, 0, length, 7, call, length, 1};
}

}  // namespace

TEST_CASE("an area is kept until its last byte is acknowledged, and then until the answer has left", "[inet]") {
    World world;
    SendStream stream;
    stream.start(1000);
    REQUIRE(stream.push(*world.areas, moved(page, 1000)) != nullptr);
    CHECK(stream.next().size() == 1000);
    stream.written(1000);
    stream.acknowledged(1999, *world.areas);
    CHECK(stream.unacknowledged() == 1);
    stream.acknowledged(2000, *world.areas);
    CHECK(stream.all_acknowledged());
    CHECK(world.collect().empty());  // the batch in which the acknowledgement came
    CHECK(world.on_record() == 1);
    CHECK(world.collect() == std::set{page});
    CHECK(world.on_record() == 0);
    CHECK(world.areas->live() == 0);
}

TEST_CASE("an area on loan is off record, but not released", "[inet]") {
    World world;
    SendStream stream;
    stream.start(0);
    stream.push(*world.areas, moved(page, 10));
    stream.abandon(*world.areas);
    CHECK(world.collect().empty());
    CHECK(world.collect({page}).empty());
    CHECK(world.on_record() == 0);
    CHECK(world.areas->find(page + 5) != nullptr);
    CHECK(world.collect() == std::set{page});
    CHECK(world.areas->find(page + 5) == nullptr);
}

TEST_CASE("an area that bytes are copied into stays as long as there is room in it", "[inet]") {
    World world;
    std::vector<std::byte> memory(2 * page);
    const auto first = reinterpret_cast<std::uint64_t>(memory.data());
    SendStream stream;
    stream.start(0);
    stream.push(*world.areas, copied(first, 100, 1));
    CHECK(world.areas->taken_of(7, 1) == 100);
    stream.grow(*world.areas, 50, 2, 50);
    CHECK(world.areas->taken_of(7, 2) == 50);
    CHECK(world.areas->taken_of(7, 1) == 0);
    CHECK(world.areas->taken_of(8, 2) == 0);
    stream.written(150);
    stream.acknowledged(150, *world.areas);
    REQUIRE(stream.last() != nullptr);
    CHECK(stream.last()->room() == page - 150);
    stream.push(*world.areas, copied(first + page, 10, 3));
    stream.written(10);
    stream.acknowledged(160, *world.areas);
    (void)world.collect();
    CHECK(world.collect() == std::set{first});
}

TEST_CASE("acknowledgements count modulo 2^32, and a FIN's number is no byte", "[inet]") {
    World world;
    SendStream stream;
    stream.start(0xffff'fff0);
    stream.push(*world.areas, moved(page, 0x20));
    stream.written(0x20);
    stream.acknowledged(0xffff'fff8, *world.areas);
    CHECK(stream.unacknowledged() == 0x18);
    stream.acknowledged(0x11, *world.areas);  // with the FIN
    CHECK(stream.all_acknowledged());
}

TEST_CASE("the next process finds every byte that is not acknowledged", "[inet]") {
    std::mt19937 random{GENERATE(range(1u, 30u))};
    World world;
    SendStream stream;
    const std::uint32_t start = random();
    stream.start(start);
    std::uint32_t acknowledged = start, recorded = start;
    for (unsigned step = 0; step < 200; ++step) {
        if (random() % 2 == 0) stream.push(*world.areas, moved((step + 1) * 16 * page, 1 + random() % 20000, step + 1));
        const auto next = stream.next();
        if (!next.empty()) stream.written(1 + random() % next.size());
        const auto with_lwip = static_cast<std::uint32_t>(stream.written()) - acknowledged;
        if (with_lwip != 0) acknowledged += random() % (with_lwip + 1);
        stream.acknowledged(acknowledged, *world.areas);
        recorded = acknowledged;  // the connection's record is written before anything is collected
        (void)world.collect();
    }
    const std::uint64_t end = stream.end();

    world.start();
    SendStream again;
    world.areas->recover([&](SentArea& area) {
        again.recover(area);
        return true;
    });
    REQUIRE(again.recovered(recorded, *world.areas));
    CHECK(again.unacknowledged() == static_cast<std::uint32_t>(end) - recorded);
    std::uint32_t bytes = 0;
    again.each_unacknowledged([&](std::span<const std::byte> piece) { bytes += static_cast<std::uint32_t>(piece.size()); });
    CHECK(bytes == again.unacknowledged());
    CHECK(static_cast<std::uint32_t>(again.end()) == static_cast<std::uint32_t>(end));
}

TEST_CASE("a gap between areas, or before the first, is noticed", "[inet]") {
    World world;
    SendStream stream;
    stream.start(100);
    stream.push(*world.areas, moved(page, 100, 1));
    stream.push(*world.areas, moved(4 * page, 100, 2));
    stream.push(*world.areas, moved(8 * page, 100, 3));
    const bool gap = GENERATE(false, true);
    if (gap) world.records().erase(1);
    world.start();
    SendStream again;
    world.areas->recover([&](SentArea& area) {
        again.recover(area);
        return true;
    });
    CHECK(again.recovered(gap ? 150 : 50, *world.areas) == false);
}

TEST_CASE("a full table takes no area", "[inet]") {
    World world;
    SendStream stream;
    stream.start(0);
    for (unsigned i = 0; i < SentAreas::capacity; ++i) REQUIRE(stream.push(*world.areas, moved((i + 1) * page, 1)) != nullptr);
    CHECK(stream.push(*world.areas, moved((SentAreas::capacity + 1) * page, 1)) == nullptr);
}
