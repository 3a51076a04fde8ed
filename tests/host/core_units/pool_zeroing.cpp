// What is known to be zero stays known through merging and splitting, and nothing else is taken for zero. A page
// released as zero is marked here with something else, which shows whether it is zeroed again.
#include "pool_fixture.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;

TEST_CASE("pages keep what is known of them when their blocks merge", "[pool]") {
    OwnPool p(64);
    p.pool.add(0, 64);
    REQUIRE(p.pool.allocate(64, PageKind::area) == 0);
    for (Pfn page = 0; page < 64; ++page) {
        machine::zero_page(page);
        p.word(page) = 7;
    }
    for (Pfn page = 0; page < 64; ++page) p.pool.release(page, 1, page % 3 == 0);
    CHECK(p.pool.zeroed_pages() == 22);
    REQUIRE(p.pool.allocate(64, PageKind::area) == 0);  // one block now
    CHECK(p.pool.zeroed_pages() == 0);
    CHECK(p.pool.zero_run(0, 64, 0, 64) == 64);
    for (Pfn page = 0; page < 64; ++page) {
        INFO("page " << page);
        CHECK(p.word(page) == (page % 3 == 0 ? 7 : 0));
    }
}

TEST_CASE("a page is taken for zero once only", "[pool]") {
    OwnPool p(1);
    p.pool.add(0, 1);
    REQUIRE(p.pool.allocate_zeroed(PageKind::own) == 0);
    p.pool.release(0, 1, true);
    p.word(0) = 7;
    REQUIRE(p.pool.allocate_zeroed(PageKind::own) == 0);
    CHECK(p.word(0) == 7);
    p.pool.release(0, 1);
    REQUIRE(p.pool.allocate_zeroed(PageKind::own) == 0);
    CHECK(p.word(0) == 0);
}

TEST_CASE("a run that was not zeroed before it came back is not taken for zero", "[pool]") {
    OwnPool p(16);
    p.pool.add(0, 16);
    while (p.pool.zero_ahead()) {
    }
    REQUIRE(p.pool.allocate(16, PageKind::area) == 0);  // the bits are still there, nothing was asked of them
    p.word(5) = 9;
    p.pool.release(0, 16);
    CHECK(p.pool.zeroed_pages() == 0);
    REQUIRE(p.pool.allocate(16, PageKind::area) == 0);
    p.pool.zero_run(0, 16, 0, 16);
    CHECK(p.word(5) == 0);
}

TEST_CASE("what a run leaves of its block keeps its bits", "[pool]") {
    OwnPool p(16);
    p.pool.add(0, 16);
    while (p.pool.zero_ahead()) {
    }
    CHECK(p.pool.zeroed_pages() == 16);
    REQUIRE(p.pool.allocate(5, PageKind::area) == 0);
    CHECK(p.pool.zeroed_pages() == 11);
    CHECK(p.pool.free_pages() == 11);
    CHECK(!p.pool.zero_ahead());
    p.pool.release(0, 5);
    CHECK(p.pool.zeroed_pages() == 11);
    CHECK(p.pool.zero_ahead());
}

TEST_CASE("zeroing goes in steps of at most the limit, and known pages cost nothing", "[pool]") {
    OwnPool p(32);
    p.pool.add(0, 32);
    REQUIRE(p.pool.allocate(32, PageKind::area) == 0);
    for (Pfn page = 0; page < 16; ++page) machine::zero_page(page);
    p.pool.release(0, 16, true);
    p.pool.release(16, 16);
    REQUIRE(p.pool.allocate(32, PageKind::area) == 0);
    CHECK(p.pool.zero_run(0, 32, 0, 0) == 0);
    CHECK(p.pool.zero_run(0, 32, 0, 4) == 20);
    CHECK(p.pool.zero_run(0, 32, 20, 4) == 24);
    CHECK(p.pool.zero_run(0, 32, 24, 100) == 32);
    CHECK(p.pool.zero_run(0, 32, 32, 100) == 32);
}

TEST_CASE("idle time zeroes all that is free and nothing that is used", "[pool]") {
    OwnPool p(1024);
    p.pool.add(0, 1024);
    const Pfn used = p.pool.allocate(300, PageKind::area);
    REQUIRE(used != no_page);
    for (Pfn page = 0; page < 1024; ++page) p.word(page) = 5;
    unsigned calls = 0;
    while (p.pool.zero_ahead()) REQUIRE(++calls < 10'000);
    CHECK(p.pool.zeroed_pages() == 724);
    for (Pfn page = 0; page < 1024; ++page)
        if (p.word(page) != (page >= used && page < used + 300 ? 5 : 0)) FAIL("page " << page);
}
