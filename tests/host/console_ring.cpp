#include <drivers/console/ring.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <random>
#include <string>

using ant::console::Ring;

TEST_CASE("a ring takes a text whole or not at all", "[ring]") {
    Ring<8> ring{};
    CHECK(ring.put("abcdef"));
    CHECK_FALSE(ring.put("xyz"));
    CHECK(ring.size() == 6);
    CHECK(ring.put("gh"));
    CHECK_FALSE(ring.put('i'));
    char out[8];
    CHECK(ring.peek(out, sizeof out) == 8);
    CHECK(std::string_view(out, 8) == "abcdefgh");
}

TEST_CASE("dropping more than there is leaves an empty ring", "[ring]") {
    Ring<8> ring{};
    CHECK(ring.put("abc"));
    ring.drop(100);
    CHECK(ring.empty());
    CHECK(ring.consistent());
}

TEST_CASE("a ring behaves as a queue, also where its positions wrap around", "[ring]") {
    Ring<16> ring{};
    ring.head = ring.tail = 0xffff'fff8;
    std::deque<char> model;
    std::mt19937 random{1};
    for (int i = 0; i < 100'000; ++i) {
        const char c = static_cast<char>(random());
        if (random() % 2 == 0) {
            const bool fits = model.size() < 16;
            REQUIRE(ring.put(c) == fits);
            if (fits) model.push_back(c);
        } else if (!model.empty()) {
            REQUIRE(ring.front() == model.front());
            ring.drop(1);
            model.pop_front();
        }
        REQUIRE(ring.size() == model.size());
    }
}

TEST_CASE("positions that cannot be are recognised", "[ring]") {
    Ring<16> ring{};
    ring.tail = 17;
    CHECK_FALSE(ring.consistent());
}
