#include "libant/libc/address_space.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using ant::foreign::AddressSpace;

TEST_CASE("what is given back can be taken again, whole", "[address_space]") {
    AddressSpace space{0x1000, 0x9000};
    const auto a = space.take(0x2000), b = space.take(0x2000), c = space.take(0x4000);
    CHECK(a == 0x1000);
    CHECK(space.take(1) == 0);
    space.give(a, 0x2000);
    space.give(c, 0x4000);
    CHECK(space.ranges() == 2);
    space.give(b, 0x2000);
    CHECK(space.ranges() == 1);
    CHECK(space.take(0x8000) == 0x1000);
}

TEST_CASE("a fixed address is taken only if all of it is free", "[address_space]") {
    AddressSpace space{0x1000, 0x9000};
    CHECK(space.take_at(0x3000, 0x1000));
    CHECK_FALSE(space.take_at(0x3000, 0x1000));
    CHECK_FALSE(space.take_at(0x2000, 0x2000));
    CHECK_FALSE(space.take_at(0x8000, 0x2000));
    CHECK(space.take_at(0x1000, 0x2000));
    CHECK(space.take_at(0x4000, 0x5000));
    CHECK(space.ranges() == 0);
}

TEST_CASE("giving back twice does not make addresses twice", "[address_space]") {
    AddressSpace space{0x1000, 0x9000};
    CHECK(space.take(0x8000) == 0x1000);
    space.give(0x2000, 0x3000);
    space.give(0x3000, 0x1000);
    space.give(0x4000, 0x2000);
    CHECK(space.take(0x4000) == 0x2000);
    CHECK(space.ranges() == 0);
}

TEST_CASE("random use agrees with a set of pages", "[address_space]") {
    constexpr std::uint64_t first = 16, end = 400;
    AddressSpace space{first, end};
    std::set<std::uint64_t> used;
    std::mt19937 random{42};
    for (int step = 0; step < 20'000; ++step) {
        const std::uint64_t bytes = random() % 9 + 1;
        if (random() % 2 == 0) {
            const std::uint64_t address = space.take(bytes);
            for (std::uint64_t i = 0; address != 0 && i < bytes; ++i) REQUIRE(used.insert(address + i).second);
        } else {
            const std::uint64_t address = first + random() % (end - first - bytes);
            space.give(address, bytes);
            for (std::uint64_t i = 0; i < bytes; ++i) used.erase(address + i);
        }
        const std::uint64_t probe = first + random() % (end - first);
        REQUIRE(space.is_free(probe, 1) == !used.contains(probe));
    }
}
