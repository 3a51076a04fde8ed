// Buddy allocation of runs of pages, on a pool of its own.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace ant;
using namespace ant::test;

namespace {

struct Pool {
    explicit Pool(std::size_t pages) : info(pages) {
        model::hardware().reset(pages);
        pool.init(info);
        pool.add(0, pages);
    }
    std::vector<PageInfo> info;
    PagePool pool;
};

}  // namespace

TEST_CASE("all pages can be had in one run, and come back as one", "[pool]") {
    Pool p(1024);
    for (unsigned i = 0; i < 3; ++i) {
        const Pfn all = p.pool.allocate(1024, PageKind::area);
        CHECK(all == 0);
        CHECK(p.pool.allocate(1, PageKind::area) == no_page);
        p.pool.release(all, 1024);
        CHECK(p.pool.free_pages() == 1024);
    }
}

TEST_CASE("a run of two megabytes is aligned to two megabytes", "[pool]") {
    Pool p(2048);
    CHECK(p.pool.allocate(3, PageKind::area) != no_page);
    CHECK(p.pool.allocate(512, PageKind::area) % 512 == 0);
}

TEST_CASE("impossible lengths find no run", "[pool]") {
    Pool p(100);
    CHECK(p.pool.allocate(0, PageKind::area) == no_page);
    CHECK(p.pool.allocate(101, PageKind::area) == no_page);
    CHECK(p.pool.allocate(std::size_t{1} << 40, PageKind::area) == no_page);
    CHECK(p.pool.free_pages() == 100);
}

TEST_CASE("pages known to be zero are not zeroed again, others are", "[pool]") {
    Pool p(64);
    while (p.pool.zero_ahead()) {
    }
    CHECK(p.pool.zeroed_pages() == 64);
    const Pfn a = p.pool.allocate(8, PageKind::area);
    CHECK(p.pool.zeroed_pages() == 56);
    auto* word = static_cast<u64*>(machine::page(a + 3)) + 2;
    *word = 1;
    CHECK(p.pool.zero_run(a, 8, 0, 1) == 8);  // nothing to do
    CHECK(*word == 1);
    p.pool.release(a, 8);
    const Pfn b = p.pool.allocate(64, PageKind::area);
    CHECK(p.pool.zero_run(b, 64, 0, 4) < 64);  // in steps
    CHECK(p.pool.zero_run(b, 64, 0, 64) == 64);
    CHECK(*word == 0);
}

TEST_CASE("a free page that was written to is found, and zeroed", "[pool]") {
    model::hardware().damaged_pages.clear();
    Pool p(64);
    while (p.pool.zero_ahead()) {
    }
    CHECK(p.pool.count_damaged() == 0);
    auto* begin = static_cast<u64*>(machine::page(5));
    auto* inside = static_cast<u64*>(machine::page(9)) + 100;
    begin[1] = *inside = 1;
    CHECK(p.pool.count_damaged() == 2);
    CHECK(p.pool.damaged_pages() == 0);
    const Pfn a = p.pool.allocate(64, PageKind::area);
    CHECK(p.pool.zero_run(a, 64, 0, 64) == 64);
    CHECK(begin[1] == 0);
    CHECK(p.pool.damaged_pages() == 1);
    CHECK(model::hardware().damaged_pages == std::vector<Pfn>{5});
    CHECK(p.pool.count_damaged() == 1);
}

TEST_CASE("random allocation never gives a page twice and loses none", "[pool]") {
    Pool p(1000);
    std::mt19937 random(7);
    std::vector<std::pair<Pfn, std::size_t>> runs;
    std::vector<bool> taken(1000);
    std::size_t used = 0;
    for (unsigned step = 0; step < 20'000; ++step) {
        if (random() % 2 == 0 || runs.empty()) {
            const std::size_t pages = 1 + random() % (random() % 10 == 0 ? 100 : 9);
            const Pfn first = p.pool.allocate(pages, PageKind::area);
            if (first == no_page) continue;
            for (std::size_t i = 0; i < pages; ++i) {
                if (taken[first + i]) FAIL("page " << first + i << " given twice");
                taken[first + i] = true;
            }
            runs.push_back({first, pages});
            used += pages;
        } else {
            std::swap(runs[random() % runs.size()], runs.back());
            const auto [first, pages] = runs.back();
            runs.pop_back();
            for (std::size_t i = 0; i < pages; ++i) taken[first + i] = false;
            p.pool.release(first, pages, random() % 4 == 0);
            used -= pages;
        }
        if (p.pool.free_pages() != 1000 - used) FAIL("count of free pages");
    }
}
