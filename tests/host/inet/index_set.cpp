#include "index_set.hpp"

#include <catch2/catch.hpp>

using namespace ant::inet_server;

TEST_CASE("the lowest number that is free comes first", "[inet]") {
    IndexSet<130> set;
    for (unsigned i = 0; i < 130; ++i) REQUIRE(set.take() == i);
    CHECK(set.take() == set.none);
    set.give(129);
    set.give(3);
    set.give(64);
    CHECK(set.live() == 127);
    CHECK(set.take() == 3);
    CHECK(set.take() == 64);
    CHECK(set.take() == 129);
    CHECK(set.take() == set.none);
}

TEST_CASE("numbers that somebody has already are left out", "[inet]") {
    IndexSet<8> set;
    set.take(0);
    set.take(2);
    CHECK(set.take() == 1);
    CHECK(set.take() == 3);
}
