#include "paging.hpp"

#include "../../core/page_pool.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace ant::arch {

using core::no_page;
using core::page_shift;
using core::page_size;
using core::PageKind;
using core::pages_per_large;
using core::physical_of;
using core::pool;

constinit u64 leaf_read_write = 0;
constinit u64 leaf_read_only = 0;

namespace {

constinit u64 no_execute_bit = 0;
constinit Pfn zone = no_page;
constexpr unsigned entries = 512;
constexpr unsigned control_tables = core::max_controls / entries;

// The top-level entry of the ICA window, and the ones of the private half below it.
constexpr unsigned window_slot = (abi::ica_base >> 39) & 511;
constexpr unsigned private_slots = (Space::user_end >> 39) + 1;
static_assert(private_slots <= window_slot);

Pfn pfn_of(u64 e) { return static_cast<Pfn>((e & entry::address_mask) >> page_shift); }

void fill(u64* leaf, std::size_t pages, u64 value) {
    for (u64* const last = leaf + (pages & ~std::size_t{15}); leaf != last; leaf += 16)
#pragma GCC unroll 16
        for (unsigned i = 0; i < 16; ++i, value += page_size) leaf[i] = value;
    for (u64* const last = leaf + (pages & 15); leaf != last; value += page_size) *leaf++ = value;
}
void clear(u64* leaf, std::size_t pages) {
    for (u64* const last = leaf + (pages & ~std::size_t{15}); leaf != last; leaf += 16)
#pragma GCC unroll 16
        for (unsigned i = 0; i < 16; ++i) leaf[i] = 0;
    for (u64* const last = leaf + (pages & 15); leaf != last;) *leaf++ = 0;
}

std::span<const u64, entries> table(u64 e) { return std::span<const u64, entries>{table_at(e), entries}; }

Pfn new_table() { return pool.allocate_zeroed(PageKind::table); }

u64 protection_bits(abi::Protection protection) {
    switch (protection) {
        case abi::Protection::none:
            return 0;
        case abi::Protection::read:
            return entry::present | entry::user | no_execute_bit;
        case abi::Protection::read_write:
            return entry::present | entry::user | entry::writable | no_execute_bit;
        case abi::Protection::read_execute:
            return entry::present | entry::user;
    }
    return 0;
}

}  // namespace

void init_paging(Pfn control_zone, bool no_execute) {
    zone = control_zone;
    no_execute_bit = no_execute ? entry::no_execute : 0;
    leaf_read_only = entry::present | entry::user | entry::accessed | entry::dirty | no_execute_bit;
    leaf_read_write = leaf_read_only | entry::writable;
}

// Window ---------------------------------------------------------------------------------------------

bool Window::create() {
    *this = {};
    const Pfn root = new_table();
    const Pfn first_gib = root == no_page ? no_page : new_table();
    if (first_gib == no_page) {
        if (root != no_page) pool.release(root, 1, true);
        return false;
    }
    root_ = physical_of(root);
    table_at(root_)[0] = physical_of(first_gib) | entry::table;
    first_directory_ = table_at(physical_of(first_gib));
    u64* control_directory = directory(zone, true);
    const Pfn leaves = pool.allocate(control_tables, PageKind::table);
    if (control_directory == nullptr || leaves == no_page) {
        if (leaves != no_page) pool.release(leaves, control_tables);
        while (!destroy(entries)) {
        }
        return false;
    }
    pool.zero_run(leaves, control_tables, 0, control_tables);
    // Each table stands alone from here on: destroy() frees them one by one.
    for (unsigned i = 0; i < control_tables; ++i) {
        pool[leaves + i].kind = PageKind::table;
        control_directory[i] = physical_of(leaves + i) | entry::table;
    }
    control_leaves_ = table_at(physical_of(leaves));
    return true;
}

u64* Window::directory(Pfn pfn, bool reserve) {
    const u64 gib = pfn >> 18;
    if (gib == 0) [[likely]]
        return first_directory_ + ((pfn >> 9) & 511);
    u64& top = table_at(root_)[gib & 511];
    if (top == 0) {
        if (!reserve) return nullptr;
        const Pfn table = new_table();
        if (table == no_page) return nullptr;
        top = physical_of(table) | entry::table;
    }
    return table_at(top) + ((pfn >> 9) & 511);
}

bool Window::move_run(Window& from, Window& to, Pfn first, std::size_t pages) {
    u64* const away = from.leaves_of(first, pages);
    u64* const there = to.leaves_of(first, pages);
    if (away == nullptr || there == nullptr) return false;
    clear(away, pages);
    fill(there, pages, physical_of(first) | leaf_read_write);
    return true;
}

bool Window::prepare(Pfn first, std::size_t pages) { return leaves_of(first, pages) != nullptr || prepare_further(first, pages); }

void Window::map(Pfn first, std::size_t pages, bool writable) {
    const u64 flags = writable ? leaf_read_write : leaf_read_only;
    u64* const leaves = leaves_of(first, pages);
    if (leaves == nullptr)
        map_further(first, pages, flags);
    else if (pages == 1)
        *leaves = physical_of(first) | flags;
    else
        fill(leaves, pages, physical_of(first) | flags);
}

void Window::unmap(Pfn first, std::size_t pages) {
    u64* const leaves = leaves_of(first, pages);
    if (leaves == nullptr)
        unmap_further(first, pages);
    else if (pages == 1)
        *leaves = 0;
    else
        clear(leaves, pages);
}

bool Window::prepare_further(Pfn first, std::size_t pages) {
    if (large_entry_of(first, pages) != nullptr) return true;
    for (Pfn at = first, end = first + static_cast<Pfn>(pages); at < end; at = (at | 511) + 1) {
        u64* d = directory(at, true);
        if (d == nullptr) return false;
        const bool whole = (at & 511) == 0 && end - at >= pages_per_large;
        if (whole || (*d & (entry::present | entry::large)) == entry::present) continue;
        const Pfn table = new_table();
        if (table == no_page) return false;
        *d = physical_of(table) | entry::table;
    }
    return true;
}

void Window::map_further(Pfn first, std::size_t pages, u64 flags) {
    const Pfn end = first + static_cast<Pfn>(pages);
    for (Pfn at = first; at < end;) {
        u64* d = directory(at, false);
        if ((at & 511) == 0 && end - at >= pages_per_large) {
            // A leaf table may be left here from when smaller areas were in this region; it is empty, as one
            // area now has all of it.
            if (*d != 0) pool.release(pfn_of(*d), 1, true);
            *d = physical_of(at) | flags | entry::large;
            at += pages_per_large;
            continue;
        }
        const Pfn stop = end < (at | 511) + 1 ? end : (at | 511) + 1;
        fill(table_at(*d) + (at & 511), stop - at, physical_of(at) | flags);
        at = stop;
    }
}

void Window::unmap_further(Pfn first, std::size_t pages) {
    const Pfn end = first + static_cast<Pfn>(pages);
    for (Pfn at = first; at < end;) {
        u64* d = directory(at, false);
        if (d == nullptr || *d == 0) {
            at = (at | 511) + 1;
            continue;
        }
        if ((*d & entry::large) != 0) {
            *d = 0;
            at = (at | 511) + 1;
            continue;
        }
        const Pfn stop = end < (at | 511) + 1 ? end : (at | 511) + 1;
        clear(table_at(*d) + (at & 511), stop - at);
        at = stop;
    }
}

u64 Window::leaf(Pfn pfn) const {
    const u64 top = table_at(root_)[(pfn >> 18) & 511];
    if (top == 0) return 0;
    const u64 d = table_at(top)[(pfn >> 9) & 511];
    if (d == 0 || (d & entry::large) != 0) return d;
    return table_at(d)[pfn & 511];
}

std::size_t Window::mapped() const {
    std::size_t pages = 0;
    for (const u64 top : table(root_)) {
        if (top == 0) continue;
        for (const u64 d : table(top)) {
            if ((d & entry::large) != 0)
                pages += pages_per_large;
            else if (d != 0)
                pages += entries - static_cast<std::size_t>(std::ranges::count(table(d), u64{0}));
        }
    }
    return pages;
}

bool Window::destroy(unsigned limit) {
    if (root_ == 0) return true;
    u64* root = table_at(root_);
    // One directory per step of the cursor; its leaf tables count against the limit.
    for (; destroy_cursor_ < entries * entries; ++destroy_cursor_) {
        u64& top = root[destroy_cursor_ / entries];
        if (top == 0) {
            destroy_cursor_ |= entries - 1;
            continue;
        }
        u64& d = table_at(top)[destroy_cursor_ % entries];
        if (d != 0) {
            if (limit-- == 0) return false;
            if ((d & entry::large) == 0) pool.release(pfn_of(d), 1);
            d = 0;
        }
        if (destroy_cursor_ % entries == entries - 1) {
            pool.release(pfn_of(top), 1, true);
            top = 0;
        }
    }
    pool.release(static_cast<Pfn>(root_ >> page_shift), 1, true);
    *this = {};
    return true;
}

// Space ----------------------------------------------------------------------------------------------

bool Space::create() {
    const Pfn root = new_table();
    if (root == no_page) return false;
    root_ = physical_of(root);
    std::memcpy(table_at(root_) + entries / 2, table_at(kernel_pml4()) + entries / 2, entries / 2 * sizeof(u64));
    return true;
}

u64* Space::leaf(u64 address, bool reserve) {
    u64* table = table_at(root_);
    for (unsigned shift = 39; shift > page_shift; shift -= 9) {
        u64& e = table[(address >> shift) & 511];
        if (e == 0) {
            if (!reserve) return nullptr;
            const Pfn next = new_table();
            if (next == no_page) return nullptr;
            e = physical_of(next) | entry::table;
            ++tables_;
        }
        table = table_at(e);
    }
    return table + ((address >> page_shift) & 511);
}

bool Space::map(u64 address, Pfn pfn, abi::Protection protection) {
    u64* e = leaf(address, true);
    if (e == nullptr) return false;
    *e = physical_of(pfn) | protection_bits(protection);
    return true;
}

bool Space::map_device(u64 address, u64 physical) {
    u64* e = leaf(address, true);
    if (e == nullptr) return false;
    *e = physical | protection_bits(abi::Protection::read_write) | entry::cache_disable | entry::write_through | entry::device;
    return true;
}

Pfn Space::unmap(u64 address) {
    u64* e = leaf(address, false);
    if (e == nullptr || *e == 0) return no_page;
    const u64 old = *e;
    *e = 0;
    return (old & entry::device) != 0 ? no_page : pfn_of(old);
}

void Space::protect(u64 address, abi::Protection protection) {
    u64* e = leaf(address, false);
    if (e == nullptr || *e == 0 || (*e & entry::device) != 0 || pool[pfn_of(*e)].kind != PageKind::own) return;
    *e = (*e & entry::address_mask) | protection_bits(protection);
}

bool Space::mapped(u64 address) const {
    const u64* e = const_cast<Space*>(this)->leaf(address, false);
    return e != nullptr && *e != 0;
}

u64 Space::translate(u64 address, bool write) const {
    if (address >> 47 != 0) return 0;
    const u64 wanted = entry::present | entry::user | (write ? entry::writable : 0);
    u64 table = root_;
    for (unsigned shift = 39;; shift -= 9) {
        const u64 e = table_at(table)[(address >> shift) & 511];
        if ((e & wanted) != wanted || (e & entry::device) != 0) return 0;
        if (shift == page_shift) return (e & entry::address_mask) | (address & (core::page_size - 1));
        if ((e & entry::large) != 0) {
            const u64 offset = (u64{1} << shift) - 1;
            return (e & entry::address_mask & ~offset) | (address & offset);
        }
        table = e;
    }
}

void Space::set_window(const Window* window) {
    table_at(root_)[window_slot] = window == nullptr ? 0 : window->root() | entry::table;
}

namespace {

// Most entries of most tables are empty: looked at by eights.
bool any_of_eight(const u64* e) { return (e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) != 0; }

// Frees what the entries of a table lead to: depth first, emptying entries as it goes, so that it can stop anywhere and start
// over at the top. False when `limit` is reached.
[[gnu::noinline]] bool empty_table(u64* table, unsigned count, unsigned level, unsigned& limit) {
    for (unsigned i = 0; i < count; i += 8) {
        if (!any_of_eight(table + i)) continue;
        for (u64* e = table + i; e != table + i + 8; ++e) {
            if (*e == 0) continue;
            const Pfn pfn = pfn_of(*e);
            if (level > 1) {
                if (!empty_table(table_at(*e), entries, level - 1, limit)) return false;
                pool.release(pfn, 1, true);
            } else if ((*e & entry::device) == 0 && pool[pfn].kind == PageKind::own) {
                pool.release(pfn, 1);
            }
            *e = 0;
            if (limit-- == 0) return false;
        }
    }
    return true;
}

}  // namespace

bool Space::destroy(unsigned limit) {
    if (root_ == 0) return true;
    static_assert(private_slots % 8 == 0);
    if (!empty_table(table_at(root_), private_slots, 4, limit)) return false;
    pool.release(static_cast<Pfn>(root_ >> page_shift), 1);
    root_ = 0;
    return true;
}

}  // namespace ant::arch
