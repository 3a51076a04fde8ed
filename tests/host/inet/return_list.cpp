#include "return_list.hpp"

#include <catch2/catch.hpp>

using namespace ant::inet_server;

TEST_CASE("pages go back to the driver once each, as many as there is room for", "[inet]") {
    ReturnList list;
    CHECK(list.count() == 0);
    CHECK(list.pop() == 0);
    for (unsigned i = 1; i <= ReturnList::capacity; ++i) REQUIRE(list.push(i * 4096));
    CHECK_FALSE(list.push(1));
    CHECK(list.count() == ReturnList::capacity);
    std::uint64_t sum = 0;
    while (const std::uint64_t page = list.pop()) sum += page;
    CHECK(sum == 4096ull * ReturnList::capacity * (ReturnList::capacity + 1) / 2);
}
