#include <drivers/console/ring.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <random>
#include <string>
#include <string_view>

using ant::console::Ring;

TEST_CASE("a full ring takes nothing more", "[ring]") {
    Ring<8> ring{};
    for (const char c : {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) CHECK(ring.put(c));
    CHECK_FALSE(ring.put('i'));
    char out[8];
    CHECK(ring.peek(out, sizeof out) == 8);
    CHECK(std::string_view(out, 8) == "abcdefgh");
}

TEST_CASE("what lies behind the tail is there when the tail moves", "[ring]") {
    Ring<8> ring{};
    ring.head = ring.tail = 6;
    for (std::uint32_t i = 0; i < 4; ++i) ring.at(6 + i) = static_cast<char>('w' + i);
    CHECK(ring.empty());
    ring.tail += 4;
    for (const char c : {'w', 'x', 'y', 'z'}) {
        CHECK(ring.front() == c);
        ring.pop();
    }
    CHECK(ring.empty());
}

TEST_CASE("dropping more than there is leaves an empty ring", "[ring]") {
    Ring<8> ring{};
    for (const char c : {'a', 'b', 'c'}) CHECK(ring.put(c));
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
            ring.pop();
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
