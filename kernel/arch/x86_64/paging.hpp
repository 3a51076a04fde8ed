// Page tables: the private half of an address space, and a slot's subtree of the ICA window.
#pragma once

#include "boot.hpp"

#include "../../core/types.hpp"

namespace ant::arch {

using core::Pfn;
using core::u32;
using core::u64;

namespace entry {
inline constexpr u64 present = 1, writable = 2, user = 4, write_through = 8, cache_disable = 16;
inline constexpr u64 accessed = 32, dirty = 64, large = 128;
inline constexpr u64 device = u64{1} << 9;  // software: not RAM, never freed
inline constexpr u64 no_execute = u64{1} << 63;
inline constexpr u64 address_mask = 0x000f'ffff'ffff'f000;
// Of an entry that leads to a table. As it counts as accessed, the CPU never changes it.
inline constexpr u64 table = present | writable | user | accessed;
}  // namespace entry

inline u64* table_at(u64 physical) { return reinterpret_cast<u64*>(direct_base + (physical & entry::address_mask)); }

// Leaf flags of the ICA window, with no_execute where the CPU has it. Set once at boot.
extern u64 leaf_read_write, leaf_read_only;

// The subtree below one top-level entry. Tables, once reserved, stay until the slot ends: so receiving an area
// never allocates, and moving it touches leaf entries only.
class Window {
public:
    [[nodiscard]] bool create();
    // Frees at most `limit` tables; true when all are gone. The leaf entries must be empty by then.
    [[nodiscard]] bool destroy(unsigned limit);

    // Reserves the tables for a run. The only step of a move that can fail.
    [[nodiscard]] bool prepare(Pfn first, std::size_t pages);
    void map(Pfn first, std::size_t pages, bool writable);
    void unmap(Pfn first, std::size_t pages);

    // All three in one; false, and nothing changed, when the tables are not there yet.
    [[nodiscard]] static bool move(Window& from, Window& to, Pfn first, std::size_t pages) {
        if (pages != 1 || first >> 18 != 0) [[unlikely]]
            return pages == core::pages_per_large && (first & 511) == 0 && first >> 18 == 0 ? move_large(from, to, first)
                                                                                            : move_run(from, to, first, pages);
        const u64 away = from.first_directory_[first >> 9], there = to.first_directory_[first >> 9];
        if (!is_table(away) || !is_table(there)) [[unlikely]]
            return false;
        const u64 leaf = direct_base - entry::table + (first & 511) * sizeof(u64);
        *reinterpret_cast<u64*>(away + leaf) = 0;
        *reinterpret_cast<u64*>(there + leaf) = core::physical_of(first) | leaf_read_write;
        return true;
    }

    // Control ICAs: their leaf tables exist from birth.
    [[nodiscard]] static u64 control_leaf(Pfn page) { return core::physical_of(page) | leaf_read_write; }
    void map_control(u32 index, u64 leaf) { control_leaves_[index] = leaf; }
    void unmap_control(u32 index) { control_leaves_[index] = 0; }

    [[nodiscard]] u64 root() const { return root_; }
    // For the audit: the leaf entry that translates the page, 0 if none. A large one is returned as such.
    [[nodiscard]] u64 leaf(Pfn pfn) const;
    // And how many pages it translates.
    [[nodiscard]] std::size_t mapped() const;

private:
    [[nodiscard]] static bool is_table(u64 directory_entry) { return static_cast<core::u8>(directory_entry) == entry::table; }
    [[nodiscard]] static bool move_large(Window& from, Window& to, Pfn first) {
        u64& there = to.first_directory_[first >> 9];
        if (there != 0) return false;
        from.first_directory_[first >> 9] = 0;
        there = core::physical_of(first) | leaf_read_write | entry::large;
        return true;
    }
    // Keeps all registers, which spares the way of a single page to save any.
    [[nodiscard, gnu::no_caller_saved_registers]] static bool move_run(Window& from, Window& to, Pfn first, std::size_t pages);
    // The leaf entries of a run that lies in one leaf table, if that is there: the usual case, straight to it.
    [[nodiscard]] u64* leaves_of(Pfn first, std::size_t pages) const {
        if ((first & 511) + pages > 512 || pages == 512 || first >> 18 != 0) [[unlikely]]
            return nullptr;
        const u64 d = first_directory_[first >> 9];
        if (!is_table(d)) [[unlikely]]
            return nullptr;
        return table_at(d) + (first & 511);
    }
    // The same for a run that is one large page.
    [[nodiscard]] u64* large_entry_of(Pfn first, std::size_t pages) const {
        if (pages != core::pages_per_large || (first & 511) != 0 || first >> 18 != 0) return nullptr;
        return &first_directory_[first >> 9];
    }
    // Of a run whose leaf entries do not lie so.
    [[nodiscard, gnu::noinline]] bool prepare_further(Pfn first, std::size_t pages);
    [[gnu::noinline]] void map_further(Pfn first, std::size_t pages, u64 flags);
    [[gnu::noinline]] void unmap_further(Pfn first, std::size_t pages);
    [[nodiscard]] u64* directory(Pfn pfn, bool reserve);  // entry of the page directory
    u64 root_ = 0;                                        // physical address of the page-directory-pointer table
    u64* first_directory_ = nullptr;                      // of the first GiB: there from birth
    u64* control_leaves_ = nullptr;
    u32 destroy_cursor_ = 0;
};

// A process's own page tables. The core's half is shared by all.
class Space {
public:
    [[nodiscard]] bool create();
    // Frees at most `limit` pages and tables per call; true when all is gone.
    [[nodiscard]] bool destroy(unsigned limit);

    // Private addresses lie in [user_first, user_end).
    static constexpr u64 user_first = 0x10000;
    static constexpr u64 user_end = 0x0000'3fff'ffff'f000;

    // Maps one page; false without memory for tables. The address must be free.
    [[nodiscard]] bool map(u64 address, Pfn pfn, abi::Protection protection);
    [[nodiscard]] bool map_device(u64 address, u64 physical);
    // -> the page that was there; no_page if none, or if it is a device.
    Pfn unmap(u64 address);
    // Private pages only: what is shared, or a device, stays as it is.
    void protect(u64 address, abi::Protection protection);
    [[nodiscard]] bool mapped(u64 address) const;
    // Physical address for the core's own access on behalf of the process; 0 when the process may not.
    // Looks into the ICA window too.
    [[nodiscard]] u64 translate(u64 address, bool write) const;

    void set_window(const Window* window);  // one top-level entry

    // For the audit: calls f(page) for each private page that is RAM.
    template <class F>
    void each_page(F f) const {
        each_page(table_at(root_), (user_end >> 39) + 1, 4, f);
    }

    [[nodiscard]] u64 root() const { return root_; }
    [[nodiscard]] u32 tables() const { return tables_; }

private:
    template <class F>
    static void each_page(const u64* table, u64 count, unsigned level, F& f) {
        for (const u64* e = table; e != table + count; ++e)
            if (*e != 0 && level != 1)
                each_page(table_at(*e), 512, level - 1, f);
            else if (*e != 0 && (*e & entry::device) == 0)
                f(static_cast<Pfn>((*e & entry::address_mask) >> core::page_shift));
    }
    [[nodiscard]] u64* leaf(u64 address, bool reserve);
    u64 root_ = 0;
    u32 tables_ = 0;  // below the root
};

void init_paging(Pfn control_zone, bool no_execute);

}  // namespace ant::arch
