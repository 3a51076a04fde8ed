// Runs of pages: lengths that are no power of two, exhaustion, merging, holes, runs in use from the start.
#include "pool_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace ant;
using namespace ant::test;

TEST_CASE("a run of any length takes that many pages, and what it leaves can be had", "[pool]") {
    OwnPool p(256);
    p.pool.add(0, 256);
    for (std::size_t length = 1; length <= 256; ++length) {
        const Pfn run = p.pool.allocate(length, PageKind::area);
        REQUIRE(run != no_page);
        REQUIRE(run + length <= 256);
        CHECK(p.pool[run].kind == PageKind::area);
        CHECK(p.pool[run].pages == length);
        for (std::size_t i = 1; i < length; ++i) REQUIRE(p.pool[static_cast<Pfn>(run + i)].kind == PageKind::body);
        CHECK(p.pool.free_pages() == 256 - length);
        std::set<Pfn> rest;
        for (Pfn page; (page = p.pool.allocate(1, PageKind::own)) != no_page; rest.insert(page))
            if (page >= run && page < run + length) FAIL("page " << page << " is in the run");
        CHECK(rest.size() == 256 - length);
        CHECK(p.pool.free_pages() == 0);
        for (const Pfn page : rest) p.pool.release(page, 1);
        p.pool.release(run, length);
        REQUIRE(p.whole());
    }
}

TEST_CASE("an empty pool gives nothing, and one page more when one came back", "[pool]") {
    OwnPool p(100);
    CHECK(p.pool.allocate(1, PageKind::area) == no_page);
    p.pool.add(0, 100);
    std::set<Pfn> pages;
    for (Pfn page; (page = p.pool.allocate(1, PageKind::own)) != no_page;) CHECK(pages.insert(page).second);
    CHECK(pages.size() == 100);
    CHECK(p.pool.allocate(3, PageKind::area) == no_page);
    CHECK(p.pool.allocate_zeroed(PageKind::own) == no_page);
    p.pool.release(37, 1);
    CHECK(p.pool.allocate(2, PageKind::area) == no_page);
    CHECK(p.pool.allocate(1, PageKind::area) == 37);
    CHECK(p.pool.allocate(1, PageKind::area) == no_page);
}

TEST_CASE("every second page free is room for single pages only", "[pool]") {
    OwnPool p(128);
    p.pool.add(0, 128);
    for (unsigned i = 0; i < 128; ++i) REQUIRE(p.pool.allocate(1, PageKind::own) != no_page);
    for (Pfn page = 0; page < 128; page += 2) p.pool.release(page, 1);
    CHECK(p.pool.free_pages() == 64);
    CHECK(p.pool.allocate(2, PageKind::area) == no_page);
    for (Pfn page = 1; page < 128; page += 2) p.pool.release(page, 1);
    CHECK(p.whole());
}

TEST_CASE("runs merge whatever the order of their release", "[pool]") {
    OwnPool p(256);
    p.pool.add(0, 256);
    constexpr std::size_t lengths[] = {1, 3, 64, 17, 5, 100, 9};
    std::vector<unsigned> order{0, 1, 2, 3, 4, 5, 6};
    do {
        Pfn runs[std::size(lengths)];
        for (std::size_t i = 0; i < std::size(lengths); ++i) {
            runs[i] = p.pool.allocate(lengths[i], PageKind::area);
            REQUIRE(runs[i] != no_page);
        }
        for (const unsigned i : order) p.pool.release(runs[i], lengths[i]);
        if (!p.whole()) FAIL("not one block again");
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a run may come back in pieces", "[pool]") {
    OwnPool p(64);
    p.pool.add(0, 64);
    for (std::size_t first = 1; first < 64; ++first) {
        const Pfn run = p.pool.allocate(64, PageKind::area);
        REQUIRE(run == 0);
        p.pool.release(static_cast<Pfn>(first), 64 - first);
        CHECK(p.pool.free_pages() == 64 - first);
        CHECK(p.pool.allocate(64, PageKind::area) == no_page);
        p.pool.release(0, first);
        REQUIRE(p.whole());
    }
}

TEST_CASE("blocks do not merge across pages that are no RAM, nor past the end", "[pool]") {
    OwnPool p(99);
    p.pool.add(0, 31);   // page 31 is reserved
    p.pool.add(32, 67);  // up to the odd end
    CHECK(p.pool.total_pages() == 98);
    CHECK(p.pool.free_pages() == 98);
    CHECK(p.pool.allocate(64, PageKind::area) == no_page);
    std::set<Pfn> blocks{p.pool.allocate(32, PageKind::area), p.pool.allocate(32, PageKind::area)};
    CHECK(blocks == std::set<Pfn>{32, 64});
    CHECK(p.pool.allocate(32, PageKind::area) == no_page);
    for (const Pfn block : blocks) p.pool.release(block, 32);
    std::set<Pfn> pages;
    for (Pfn page; (page = p.pool.allocate(1, PageKind::own)) != no_page;) pages.insert(page);
    CHECK(pages.size() == 98);
    CHECK(pages.count(31) == 0);
    CHECK(*pages.rbegin() == 98);
    CHECK(p.info[31].kind == PageKind::reserved);
}

TEST_CASE("an adopted run is in use from the start, and can be released", "[pool]") {
    OwnPool p(64);
    p.pool.add(0, 40);
    p.pool.adopt(40, 24, PageKind::image);
    CHECK(p.pool.total_pages() == 64);
    CHECK(p.pool.free_pages() == 40);
    CHECK(p.pool[40].kind == PageKind::image);
    CHECK(p.pool[40].pages == 24);
    CHECK(p.pool[63].kind == PageKind::body);
    std::size_t given = 0;
    std::vector<Pfn> pages;
    for (Pfn page; (page = p.pool.allocate(1, PageKind::own)) != no_page; ++given) {
        CHECK(page < 40);
        pages.push_back(page);
    }
    CHECK(given == 40);
    p.pool.release(40, 24);
    CHECK(p.pool.free_pages() == 24);
    for (const Pfn page : pages) p.pool.release(page, 1);
    CHECK(p.whole());
}

TEST_CASE("pages that stay leave room for large runs", "[pool]") {
    constexpr std::size_t wholes = 16, pages = wholes * 512, program = 284;
    OwnPool p(pages);
    p.pool.add(0, pages);
    std::vector<Pfn> staying;
    for (unsigned round = 0; round < 200; ++round) {
        const Pfn run = p.pool.allocate(program, PageKind::image);
        REQUIRE(run != no_page);
        for (unsigned i = 0; i < 5; ++i) staying.push_back(p.pool.allocate(1, PageKind::area));
        p.pool.release(run, program);
    }
    const Pfn most = p.pool.allocate(512 * 8, PageKind::area);  // they lie in two of the 16
    REQUIRE(most != no_page);
    p.pool.release(most, 512 * 8);
    for (const Pfn page : staying) p.pool.release(page, 1);
    CHECK(p.whole());
}

TEST_CASE("small runs take what there is for large ones, and the other way round, when nothing else is left", "[pool]") {
    OwnPool p(1024);
    p.pool.add(0, 1024);
    const Pfn large = p.pool.allocate(300, PageKind::image), single = p.pool.allocate(1, PageKind::own);
    CHECK(large / 512 != single / 512);
    std::vector<Pfn> runs;
    for (Pfn run; (run = p.pool.allocate(32, PageKind::area)) != no_page;) runs.push_back(run);
    CHECK(runs.size() == 6 + 15);
    std::vector<Pfn> singles;
    for (Pfn page; (page = p.pool.allocate(1, PageKind::own)) != no_page;) singles.push_back(page);
    CHECK(singles.size() == 1024 - 300 - 1 - runs.size() * 32);
    for (const Pfn page : singles) p.pool.release(page, 1);
    for (const Pfn run : runs) p.pool.release(run, 32);
    p.pool.release(single, 1);
    p.pool.release(large, 300);
    CHECK(p.whole());
}
