// Page tables that complain about each step a real one would silently get wrong.
#include "hardware.hpp"

#include <kernel/core/objects.hpp>

#include <algorithm>

namespace ant::machine {

using core::address_of;
using core::no_page;
using core::PageKind;
using core::pages_per_large;
using core::physical_of;
using core::pool;
using model::hardware;
using model::Rights;
using model::WindowTables;

namespace {

constexpr unsigned control_tables = core::max_controls / pages_per_large;

WindowTables& tables_of(u64 root) { return hardware().window(root); }

std::size_t window_pages() { return core::control_zone + core::max_controls; }
bool in_zone(std::size_t pfn) { return pfn >= core::control_zone && pfn < core::control_zone + core::max_controls; }

void set_leaf(u64 root, Pfn pfn, Rights rights) {
    WindowTables& t = tables_of(root);
    if (t.leaves[pfn] != Rights::none)
        hardware().complain("maps page " + std::to_string(pfn) + " which is mapped");
    else if (!in_zone(pfn))
        ++t.mapped;
    t.leaves[pfn] = rights;
}

bool clear_leaf(u64 root, Pfn pfn) {
    WindowTables& t = tables_of(root);
    const Rights old = t.leaves[pfn];
    if (old == Rights::none) return false;
    t.leaves[pfn] = Rights::none;
    if (!in_zone(pfn)) --t.mapped;
    if (hardware().loaded_window() == root) hardware().forget_translation(address_of(pfn), pfn, old == Rights::read_write);
    return true;
}

bool is_whole_region(Pfn at, Pfn end) { return at % pages_per_large == 0 && end - at >= pages_per_large; }
Pfn region_end(Pfn at) { return static_cast<Pfn>((at / pages_per_large + 1) * pages_per_large); }

}  // namespace

bool Window::create() {
    *this = {};
    const Pfn root = pool.allocate_zeroed(PageKind::table);
    if (root == no_page) return false;
    const Pfn directory = pool.allocate_zeroed(PageKind::table);
    const Pfn leaves = pool.allocate(control_tables, PageKind::table);
    if (directory == no_page || leaves == no_page) {
        pool.release(root, 1, true);
        if (directory != no_page) pool.release(directory, 1, true);
        if (leaves != no_page) pool.release(leaves, control_tables);
        return false;
    }
    for (unsigned i = 0; i < control_tables; ++i) pool[leaves + i].kind = PageKind::table;
    pool.zero_run(leaves, control_tables, 0, control_tables);
    root_ = physical_of(root);
    const std::size_t regions = (hardware().pages() + pages_per_large - 1) / pages_per_large;
    WindowTables& t = tables_of(root_);
    t.alive = true;
    t.directory = directory;
    t.control_tables = leaves;
    t.tables.assign(regions, no_page);
    t.large.assign(regions, false);
    t.leaves.assign(window_pages(), Rights::none);
    t.mapped = 0;
    return true;
}

bool Window::destroy(unsigned limit) {
    if (root_ == 0) return true;
    WindowTables& t = tables_of(root_);
    if (t.mapped != 0) hardware().complain("destroys tables that still map areas");
    t.mapped = 0;
    for (Pfn& table : t.tables) {
        if (table == no_page) continue;
        if (limit-- == 0) return false;
        pool.release(table, 1);
        table = no_page;
    }
    for (unsigned i = 0; i < control_tables; ++i) pool.release(t.control_tables + i, 1);
    pool.release(t.directory, 1, true);
    pool.release(static_cast<Pfn>(root_ >> core::page_shift), 1, true);
    t = {};
    root_ = 0;
    return true;
}

bool Window::prepare(Pfn first, std::size_t pages) {
    WindowTables& t = tables_of(root_);
    const Pfn end = first + static_cast<Pfn>(pages);
    for (Pfn at = first; at < end; at = region_end(at)) {
        const Pfn region = at / pages_per_large;
        if (is_whole_region(at, end) || (t.tables[region] != no_page && !t.large[region])) continue;
        const Pfn table = pool.allocate_zeroed(PageKind::table);
        if (table == no_page) return false;
        if (t.large[region]) hardware().complain("reserves a leaf table where a large page is mapped");
        t.tables[region] = table;
    }
    return true;
}

void Window::map(Pfn first, std::size_t pages, bool writable) {
    WindowTables& t = tables_of(root_);
    const Rights rights = writable ? Rights::read_write : Rights::read_only;
    const Pfn end = first + static_cast<Pfn>(pages);
    for (Pfn at = first; at < end;) {
        const Pfn region = at / pages_per_large;
        const bool whole = is_whole_region(at, end);
        if (whole) {
            if (t.tables[region] != no_page) pool.release(t.tables[region], 1, true);
            t.tables[region] = no_page;
            t.large[region] = true;
        } else if (t.tables[region] == no_page) {
            hardware().complain("maps page " + std::to_string(at) + " without a table reserved");
        }
        for (const Pfn stop = std::min(end, region_end(at)); at < stop; ++at) set_leaf(root_, at, rights);
    }
}

void Window::unmap(Pfn first, std::size_t pages) {
    WindowTables& t = tables_of(root_);
    const Pfn end = first + static_cast<Pfn>(pages);
    std::size_t cleared = 0;
    for (Pfn at = first; at < end; ++at) {
        if (t.large[at / pages_per_large] && at % pages_per_large == 0 && !is_whole_region(at, end))
            hardware().complain("unmaps a part of a large page");
        if (clear_leaf(root_, at)) ++cleared;
        if (at % pages_per_large == pages_per_large - 1) t.large[at / pages_per_large] = false;
    }
    // Areas under way are mapped nowhere; but none is mapped in part.
    if (cleared != 0 && cleared != pages) hardware().complain("unmaps an area that was mapped in part");
}

bool Window::move(Window& from, Window& to, Pfn first, std::size_t pages) {
    const Pfn region = first / pages_per_large;
    if (first % pages_per_large + pages > pages_per_large) return false;
    const bool large = tables_of(from.root_).large[region];
    const bool table = tables_of(to.root_).tables[region] != no_page;
    if (large ? table : !table) return false;
    if (tables_of(from.root_).leaves[first] == Rights::none) hardware().complain("moves an area that its giver has not mapped");
    from.unmap(first, pages);
    to.map(first, pages, true);
    return true;
}

void Window::map_control(u32 index, u64 leaf) {
    Pfn& page = hardware().control_pages.try_emplace(index, static_cast<Pfn>(leaf >> core::page_shift)).first->second;
    if (leaf != control_leaf(page) || pool[page].kind != PageKind::control)
        hardware().complain("maps another page as a control ICA");
    const Pfn pfn = core::control_zone + index;
    // A requester that waits has it mapped already when its own call comes to it.
    if (tables_of(root_).leaves[pfn] == Rights::none) set_leaf(root_, pfn, Rights::read_write);
}
u64 Window::control_leaf(Pfn page) { return physical_of(page); }
void Window::unmap_control(u32 index) { clear_leaf(root_, core::control_zone + index); }

std::size_t Window::mapped() const {
    const auto& leaves = tables_of(root_).leaves;
    return leaves.size() - static_cast<std::size_t>(std::ranges::count(leaves, Rights::none));
}

Leaf leaf_of(const Window& window, Pfn pfn, Pfn) {
    switch (tables_of(window.root()).leaves[pfn]) {
        case Rights::none:
            return Leaf::none;
        case Rights::read_only:
            return Leaf::read_only;
        case Rights::read_write:
            return Leaf::read_write;
    }
    return Leaf::foreign;
}

// Space ----------------------------------------------------------------------------------------------

bool Space::create() {
    const Pfn root = pool.allocate_zeroed(PageKind::table);
    if (root == no_page) return false;
    root_ = physical_of(root);
    hardware().space(root_) = {};
    hardware().space(root_).alive = true;
    return true;
}

bool Space::destroy(unsigned limit) {
    if (root_ == 0) return true;
    if (hardware().loaded == root_) hardware().complain("destroys the address space that is loaded");
    auto& t = hardware().space(root_);
    while (!t.pages.empty()) {
        if (limit-- == 0) return false;
        const model::PrivatePage page = t.pages.begin()->second;
        t.pages.erase(t.pages.begin());
        if (!page.device && pool[page.pfn].kind == PageKind::own) pool.release(page.pfn, 1);
    }
    for (const auto& [key, pfn] : t.tables) pool.release(pfn, 1, true);
    t = {};
    pool.release(static_cast<Pfn>(root_ >> core::page_shift), 1);
    root_ = 0;
    return true;
}

bool Space::map(u64 address, Pfn pfn, abi::Protection protection) {
    auto& t = hardware().space(root_);
    if (address < user_first || address >= user_end || (address & (core::page_size - 1)) != 0)
        hardware().complain("maps a private page outside the private half");
    for (unsigned level = 1; level < 4; ++level) {
        const u64 key = (address >> (12 + 9 * level)) << 2 | level;
        if (t.tables.contains(key)) continue;
        const Pfn table = pool.allocate_zeroed(PageKind::table);
        if (table == no_page) return false;
        t.tables[key] = table;
    }
    if (t.pages.contains(address)) hardware().complain("maps a private page twice");
    t.pages[address] = {pfn, protection, false};
    return true;
}

bool Space::map_device(u64 address, u64 physical) {
    if (!map(address, static_cast<Pfn>(physical >> core::page_shift), abi::Protection::read_write)) return false;
    hardware().space(root_).pages[address].device = true;
    return true;
}

Pfn Space::unmap(u64 address) {
    auto& t = hardware().space(root_);
    const auto found = t.pages.find(address);
    if (found == t.pages.end()) return no_page;
    const model::PrivatePage page = found->second;
    t.pages.erase(found);
    if (hardware().loaded == root_)
        hardware().forget_translation(address, page.pfn, page.protection == abi::Protection::read_write);
    return page.device ? no_page : page.pfn;
}

void Space::protect(u64 address, abi::Protection protection) {
    auto& t = hardware().space(root_);
    const auto found = t.pages.find(address);
    if (found == t.pages.end() || found->second.device || pool[found->second.pfn].kind != PageKind::own) return;
    if (hardware().loaded == root_)
        hardware().forget_translation(address, found->second.pfn, found->second.protection == abi::Protection::read_write);
    found->second.protection = protection;
}

bool Space::mapped(u64 address) const { return hardware().space(root_).pages.contains(address); }

u64 Space::translate(u64 address, bool write) const {
    auto& t = hardware().space(root_);
    if (address >= abi::ica_base) {
        const u64 pfn = (address - abi::ica_base) >> core::page_shift;
        if (t.window == 0 || pfn >= window_pages()) return 0;
        const Rights rights = tables_of(t.window).leaves[pfn];
        if (rights == Rights::none || (write && rights != Rights::read_write)) return 0;
        if (!in_zone(pfn)) return address - abi::ica_base;
        return physical_of(hardware().control_pages.at(static_cast<u32>(pfn - core::control_zone))) + address % core::page_size;
    }
    const auto found = t.pages.find(address & ~u64{core::page_size - 1});
    if (found == t.pages.end() || found->second.device || found->second.protection == abi::Protection::none) return 0;
    if (write && found->second.protection != abi::Protection::read_write) return 0;
    return physical_of(found->second.pfn) | (address & (core::page_size - 1));
}

u32 Space::tables() const { return static_cast<u32>(hardware().space(root_).tables.size()); }

void Space::each_page(const std::function<void(Pfn)>& f) const {
    for (const auto& [address, page] : hardware().space(root_).pages)
        if (!page.device) f(page.pfn);
}

void Space::set_window(const Window* window) {
    auto& t = hardware().space(root_);
    if (t.window != 0 && hardware().loaded == root_ && tables_of(t.window).alive)
        for (Pfn pfn = 0; pfn < window_pages(); ++pfn)
            if (const Rights r = tables_of(t.window).leaves[pfn]; r != Rights::none)
                hardware().forget_translation(address_of(pfn), pfn, r == Rights::read_write);
    t.window = window == nullptr ? 0 : window->root();
}

}  // namespace ant::machine
