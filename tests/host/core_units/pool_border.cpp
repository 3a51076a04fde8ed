// Memory that 32-bit devices reach, and memory above it.
#include "pool_fixture.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace ant;
using namespace ant::test;

TEST_CASE("areas lie below the border, everything else above it as long as there is room", "[pool]") {
    OwnPool p(256, 192);
    p.pool.add(0, 256);
    CHECK(p.pool.total_high() == 64);
    for (unsigned i = 0; i < 64; ++i) CHECK(p.pool.allocate(1, i % 2 == 0 ? PageKind::own : PageKind::table) >= 192);
    CHECK(p.pool.free_high() == 0);
    const Pfn low = p.pool.allocate(1, PageKind::own);
    CHECK(low < 192);
    p.pool.release(low, 1);
    CHECK(p.pool.allocate(128, PageKind::area) == 0);
    CHECK(p.pool.allocate(64, PageKind::area) == 128);
    p.pool.release(200, 10);
    CHECK(p.pool.free_high() == 10);
    CHECK(p.pool.allocate(1, PageKind::area) == no_page);
    CHECK(p.pool.allocate(1, PageKind::control) >= 192);
    CHECK(p.pool.allocate(1, PageKind::image) >= 192);
}

TEST_CASE("no run lies on both sides of the border, wherever it is", "[pool]") {
    for (const Pfn border : {1U, 63U, 64U, 100U, 255U}) {
        OwnPool p(256, border);
        p.pool.add(0, 256);
        CHECK(p.pool.total_high() == 256 - border);
        CHECK(p.pool.free_high() == 256 - border);
        std::vector<Pfn> runs;
        for (Pfn run; (run = p.pool.allocate(3, PageKind::own)) != no_page; runs.push_back(run))
            CHECK(p.pool.is_high(run) == p.pool.is_high(run + 2));
        for (const Pfn run : runs) p.pool.release(run, 3);
        CHECK(p.pool.free_pages() == 256);
        CHECK(p.pool.free_high() == 256 - border);
    }
}

TEST_CASE("all of it below the border, or above, is a pool as any other", "[pool]") {
    OwnPool low(64, 64);
    low.pool.add(0, 64);
    CHECK(low.pool.total_high() == 0);
    CHECK(low.whole());
    OwnPool high(64, 0);
    high.pool.add(0, 64);
    CHECK(high.pool.total_high() == 64);
    CHECK(high.pool.allocate(1, PageKind::area) == no_page);
    CHECK(high.pool.allocate(64, PageKind::own) == 0);
}

TEST_CASE("random allocation on both sides loses nothing", "[pool]") {
    OwnPool p(1000, 700);
    p.pool.add(0, 1000);
    std::mt19937 random(11);
    struct Run {
        Pfn first;
        std::size_t pages;
    };
    std::vector<Run> runs;
    std::vector<bool> taken(1000);
    for (unsigned step = 0; step < 20'000; ++step) {
        if (random() % 2 == 0 || runs.empty()) {
            const std::size_t pages = 1 + random() % (random() % 10 == 0 ? 100 : 9);
            const bool area = random() % 2 == 0;
            const Pfn first = p.pool.allocate(pages, area ? PageKind::area : PageKind::own);
            if (first == no_page) continue;
            if (area) REQUIRE_FALSE(p.pool.is_high(first + static_cast<Pfn>(pages) - 1));
            for (std::size_t i = 0; i < pages; ++i) {
                if (taken[first + i]) FAIL("page " << first + i << " given twice");
                taken[first + i] = true;
            }
            runs.push_back({first, pages});
        } else {
            std::swap(runs[random() % runs.size()], runs.back());
            const auto [first, pages] = runs.back();
            runs.pop_back();
            for (std::size_t i = 0; i < pages; ++i) taken[first + i] = false;
            p.pool.release(first, pages, random() % 4 == 0);
        }
        std::size_t free = 0, high = 0;
        for (std::size_t i = 0; i < 1000; ++i) {
            if (taken[i]) continue;
            ++free;
            if (i >= 700) ++high;
        }
        REQUIRE(p.pool.free_pages() == free);
        REQUIRE(p.pool.free_high() == high);
    }
}
