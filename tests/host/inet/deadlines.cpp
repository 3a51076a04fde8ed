#include "deadlines.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace ant::inet_server;

TEST_CASE("deadlines pass in order of time, whatever the order in which they came", "[inet]") {
    std::mt19937 random{7};
    std::vector<Deadline> all(200);
    Deadlines deadlines;
    for (Deadline& d : all) deadlines.add(d, random() % 1000);
    std::uint64_t last = 0;
    unsigned count = 0;
    while (const Deadline* d = deadlines.expired(1000)) {
        REQUIRE(d->at_ns >= last);
        last = d->at_ns;
        ++count;
    }
    CHECK(count == all.size());
    CHECK(deadlines.next() == ~std::uint64_t{0});
}

TEST_CASE("a deadline that has not come stays", "[inet]") {
    Deadlines deadlines;
    Deadline early, late;
    deadlines.add(late, 20);
    deadlines.add(early, 10);
    CHECK(deadlines.next() == 10);
    CHECK(deadlines.expired(9) == nullptr);
    CHECK(deadlines.expired(10) == &early);
    CHECK(deadlines.expired(10) == nullptr);
    Deadlines::remove(late);
    Deadlines::remove(late);  // no harm
    CHECK(deadlines.expired(1000) == nullptr);
}

TEST_CASE("equal deadlines pass in the order in which they came", "[inet]") {
    Deadlines deadlines;
    Deadline first, second;
    deadlines.add(first, 5);
    deadlines.add(second, 5);
    CHECK(deadlines.expired(5) == &first);
    CHECK(deadlines.expired(5) == &second);
}

TEST_CASE("a pool hands out each element once, and as new", "[inet]") {
    struct Element {
        int value = 3;
    };
    Pool<Element, 4> pool;
    std::vector<Element*> taken;
    while (Element* e = pool.take()) {
        e->value = 9;
        taken.push_back(e);
    }
    REQUIRE(taken.size() == 4);
    std::sort(taken.begin(), taken.end());
    CHECK(std::unique(taken.begin(), taken.end()) == taken.end());
    pool.give(taken[2]);
    CHECK(pool.live() == 3);
    Element* again = pool.take();
    CHECK(again == taken[2]);
    CHECK(again->value == 3);
}
