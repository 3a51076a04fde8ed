// All of RAM: one descriptor per page, and buddy allocation of contiguous runs.
//
// Invariant: every page has exactly one kind, and a run of pages one head. Free pages carry a `zeroed` bit of
// their own, so that merging blocks loses no zeroing; zero_ahead() sets it when the CPU is idle.
//
// Many devices take addresses of 32 bits only. So areas, which are for DMA, lie below 4 GiB; what is not for devices is
// taken from above as long as there is some, so that all of RAM is used and the low part is kept for areas.
//
// Each 2 MiB of RAM that are not free as a whole serve either small runs or larger ones, as long as there is a choice: otherwise
// single pages that stay for long, such as those of the cache, would in the end leave no room anywhere for a large run.
#pragma once

#include "types.hpp"

#include <span>

namespace ant::core {

enum class PageKind : u8 {
    reserved,   // not RAM, or the core's own image and tables from before the pool
    free_head,  // first page of a free block
    free_body,
    area,     // first page of a data ICA
    body,     // further pages of an area or image
    control,  // of a control ICA: described by its Control
    table,    // page table
    own,      // private memory of a process
    image,    // first page of a program image
    core,     // the core's own records
};

struct alignas(32) PageInfo {
    Pfn next = no_page;  // free list, or the owner's list of areas
    Pfn previous = no_page;
    u32 pages = 0;  // length of the run (heads)
    u8 owner = 0;   // slot index of an area's owner; no_owner: an orphan, freed when its last loan ends
    PageKind kind = PageKind::reserved;
    u8 order = 0;         // free_head
    bool zeroed = false;  // free pages
    u32 call = 0;         // control index + 1 while the area is under way in a queued call
    u16 loans = 0;
    u8 borrower = 0;  // slot index; this and the next two are 0 while loans == 0
    bool lent_writable = false;
    bool loan_mapped = false;
    bool for_small = false;  // first page of 2 MiB that are not free as a whole: for small runs. Outlives the page's use
    u32 kept_by = 0;         // Slot::life of the process that keeps the area when it sweeps

    static constexpr u8 no_owner = 0xff;
    // Owner and kind, and everything that keeps an area from being moved, in one comparison each.
    [[nodiscard]] bool is_area_of(u32 slot) const {
        u16 pair;
        __builtin_memcpy(&pair, &owner, sizeof pair);
        return pair == static_cast<u16>(slot | static_cast<u32>(PageKind::area) << 8);
    }
    [[nodiscard]] bool held_up() const {
        u64 all;
        __builtin_memcpy(&all, &call, sizeof all);
        return all != 0;
    }
};
static_assert(offsetof(PageInfo, owner) + 1 == offsetof(PageInfo, kind));
static_assert(offsetof(PageInfo, call) + 4 == offsetof(PageInfo, loans) && offsetof(PageInfo, call) % 8 == 0);
static_assert(max_slots < PageInfo::no_owner);
static_assert(sizeof(PageInfo) == 32);

class PagePool {
public:
    static constexpr unsigned orders = 18;          // up to 512 MiB in one run
    static constexpr unsigned whole_order = 9;      // 2 MiB
    static constexpr std::size_t small_pages = 16;  // the longest of the small runs

    static constexpr Pfn four_gib = (u64{4} << 30) >> page_shift;

    // `info` has one entry per page up to the end of RAM, all reserved. Areas lie below `border`.
    void init(std::span<PageInfo> info, Pfn border = four_gib);
    // Hands pages over to the pool. They need not be zero.
    void add(Pfn first, std::size_t pages);

    // Pages that are in use from the start, as one run.
    void adopt(Pfn first, std::size_t pages, PageKind kind);

    // A contiguous run; contents are NOT zeroed unless the pages' bits say so: see zero_run. no_page when there is none.
    Pfn allocate(std::size_t pages, PageKind kind);
    // Any run of pages back. `zero` true: the caller knows that they are zero.
    void release(Pfn first, std::size_t pages, bool zero = false);

    // Zeroes what is not yet zero in a run just allocated, at most `limit` pages from `from` on. -> next page index
    std::size_t zero_run(Pfn first, std::size_t pages, std::size_t from, std::size_t limit);
    // Allocates one zeroed page.
    Pfn allocate_zeroed(PageKind kind);
    // Pages that were free, and zero, and were written to all the same: by a device, or by an error of the core. Those found when
    // they were needed again; with those found now by looking at all.
    [[nodiscard]] u32 damaged_pages() const { return damaged_; }
    [[nodiscard]] std::size_t count_damaged() const;
    // When idle: zeroes one free page ahead. False when there is nothing left to do.
    bool zero_ahead();

    [[nodiscard]] PageInfo& operator[](Pfn pfn) { return info_[pfn]; }
    [[nodiscard]] const PageInfo& operator[](Pfn pfn) const { return info_[pfn]; }
    [[nodiscard]] std::size_t size() const { return info_.size(); }
    [[nodiscard]] std::size_t free_pages() const { return free_; }
    [[nodiscard]] std::size_t zeroed_pages() const { return zeroed_; }
    [[nodiscard]] std::size_t total_pages() const { return total_; }
    [[nodiscard]] bool is_high(Pfn pfn) const { return pfn >= border_; }
    [[nodiscard]] std::size_t total_high() const { return total_high_; }
    [[nodiscard]] std::size_t free_high() const { return free_high_; }

private:
    struct Lists {
        Pfn heads[orders];
        u32 filled;  // a bit for each order of which there is a block
    };
    void insert(Pfn head, unsigned order);
    void unlink(Pfn head);
    void release_block(Pfn head, unsigned order);
    void release_blocks(Pfn first, std::size_t pages);
    Pfn take_block(bool high, unsigned wanted, bool small);
    Pfn first_block(bool high, bool small, unsigned from, unsigned to) const;
    Lists& lists_of(Pfn head, unsigned order);

    std::span<PageInfo> info_;
    Pfn border_ = four_gib;
    // [is_high][for_small]. No block lies on both sides of the border. Blocks of 2 MiB and more are in the lists [false].
    Lists lists_[2][2] = {};
    std::size_t free_ = 0, zeroed_ = 0, total_ = 0;
    std::size_t free_high_ = 0, total_high_ = 0;  // of these
    Pfn cursor_ = 0;
    u32 damaged_ = 0;
};

extern PagePool pool;

}  // namespace ant::core
