// Entries of page tables that an error of the core would leave behind: the audit finds each, and says what it is.
#include "support/world.hpp"

#include <kernel/core/audit.hpp>

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;
using model::hardware;
using model::Rights;

namespace {

struct Tables {
    World w;
    Process &p = w.start("p"), &q = w.start("q");
    Pfn free_page = pool.allocate(1, PageKind::own);

    Tables() { pool.release(free_page, 1); }
    [[nodiscard]] static std::vector<Rights>& window(const Process& of) {
        return hardware().window(of.slot->window.root()).leaves;
    }
    [[nodiscard]] static model::PrivatePage& some_own_page(const Process& of) {
        for (auto& [address, page] : hardware().space(of.space.root()).pages)
            if (pool[page.pfn].kind == PageKind::own) return page;
        FAIL("no private page");
        std::abort();
    }
    [[nodiscard]] static Pfn page_of(u64 address) { return static_cast<Pfn>((address - abi::ica_base) >> page_shift); }
    void finds(const char* what) const {
        hardware().audit_log.clear();
        CHECK(audit() == 1);
        REQUIRE(hardware().audit_log.size() == 1);
        CHECK(hardware().audit_log[0].starts_with(what));
    }
    // Puts `entry` to `stray` for a moment.
    template <class T>
    void forge(T& entry, T stray, const char* what) const {
        CHECK(audit() == 0);
        const T before = std::exchange(entry, stray);
        finds(what);
        entry = before;
        CHECK(audit() == 0);
    }
};

constexpr const char *stray_in_window = "window maps pages", *stray_private = "private page that is not";

}  // namespace

TEST_CASE("a window that maps a page that is free", "[audit]") {
    Tables t;
    t.forge(t.window(t.p)[t.free_page], Rights::read_only, stray_in_window);
}

TEST_CASE("a window that maps a table, a private page, a page of a program", "[audit]") {
    Tables t;
    const auto stray = GENERATE(0, 1, 2);
    const Pfn pfn = stray == 0   ? static_cast<Pfn>(t.q.space.root() >> page_shift)
                    : stray == 1 ? t.some_own_page(t.q).pfn
                                 : t.p.image->first;
    t.forge(t.window(t.p)[pfn], Rights::read_write, stray_in_window);
}

TEST_CASE("a window that maps an area of another slot", "[audit]") {
    Tables t;
    const Pfn area = t.page_of(t.w.area(t.q));
    Rights& entry = t.window(t.p)[area];
    entry = Rights::read_only;
    hardware().audit_log.clear();
    CHECK(audit() == 2);  // at the area, and in the count
    CHECK(hardware().audit_log[0].starts_with("page mapped where it should not be"));
    CHECK(hardware().audit_log[1].starts_with(stray_in_window));
    entry = Rights::none;
    CHECK(audit() == 0);
}

TEST_CASE("a process that maps a page that is free, or another's", "[audit]") {
    Tables t;
    Pfn& entry = t.some_own_page(t.p).pfn;
    const Pfn before = entry;
    const auto stray = GENERATE(0, 1, 2);
    entry = stray == 0 ? t.free_page : stray == 1 ? t.page_of(t.w.area(t.p)) : static_cast<Pfn>(pool.size());
    hardware().audit_log.clear();
    CHECK(audit() == 2);  // and its own page is mapped nowhere now
    CHECK(hardware().audit_log[0].starts_with(stray_private));
    entry = before;
    CHECK(audit() == 0);
}

TEST_CASE("a private page that two processes map", "[audit]") {
    Tables t;
    auto& pages = hardware().space(t.p.space.root()).pages;
    constexpr u64 unused = 0x7000'0000;
    pages[unused] = {t.some_own_page(t.q).pfn, abi::Protection::read, false};
    t.finds("private pages that no process maps, or several");
    pages.erase(unused);
    CHECK(audit() == 0);
}

TEST_CASE("a control ICA whose page has become something else", "[audit]") {
    Tables t;
    const u64 control = t.w.control(t.p);
    const Pfn page = hardware().control_pages.at(static_cast<u32>((control - control_base) >> page_shift));
    t.forge(pool[page].kind, PageKind::core, "control ICA whose page is something else");
}
