#include "page_pool.hpp"

#include "machine.hpp"

#include <algorithm>
#include <bit>

namespace ant::core {

constinit PagePool pool;

namespace {

constexpr Pfn whole_pages = Pfn{1} << PagePool::whole_order;

constexpr bool for_devices(PageKind kind) { return kind == PageKind::area; }

}  // namespace

void PagePool::init(std::span<PageInfo> info, Pfn border) {
    info_ = info;
    border_ = border;
    for (auto& side : lists_)
        for (Lists& lists : side) {
            std::ranges::fill(lists.heads, no_page);
            lists.filled = 0;
        }
}

void PagePool::add(Pfn first, std::size_t pages) {
    total_ += pages;
    if (const Pfn end = first + static_cast<Pfn>(pages); is_high(end - 1)) total_high_ += end - std::max(first, border_);
    release(first, pages);
}

void PagePool::adopt(Pfn first, std::size_t pages, PageKind kind) {
    total_ += pages;
    for (std::size_t i = 0; i < pages; ++i) info_[first + i].kind = i == 0 ? kind : PageKind::body;
    info_[first].pages = static_cast<u32>(pages);
}

PagePool::Lists& PagePool::lists_of(Pfn head, unsigned order) {
    const bool small = order < whole_order && info_[head & ~(whole_pages - 1)].for_small;
    return lists_[is_high(head)][small];
}

void PagePool::insert(Pfn head, unsigned order) {
    PageInfo& p = info_[head];
    Lists& lists = lists_of(head, order);
    p.kind = PageKind::free_head;
    p.order = static_cast<u8>(order);
    p.previous = no_page;
    p.next = lists.heads[order];
    if (p.next != no_page) info_[p.next].previous = head;
    lists.heads[order] = head;
    lists.filled |= 1U << order;
}

void PagePool::unlink(Pfn head) {
    PageInfo& p = info_[head];
    Lists& lists = lists_of(head, p.order);
    (p.previous != no_page ? info_[p.previous].next : lists.heads[p.order]) = p.next;
    if (p.next != no_page) info_[p.next].previous = p.previous;
    if (lists.heads[p.order] == no_page) lists.filled &= ~(1U << p.order);
    p.next = p.previous = no_page;
    p.kind = PageKind::free_body;
}

void PagePool::release_block(Pfn head, unsigned order) {
    while (order + 1 < orders) {
        const Pfn buddy = head ^ (Pfn{1} << order);
        if (buddy + (Pfn{1} << order) > info_.size() || is_high(buddy) != is_high(head)) break;
        if (info_[buddy].kind != PageKind::free_head || info_[buddy].order != order) break;
        unlink(buddy);
        head &= ~(Pfn{1} << order);
        ++order;
    }
    insert(head, order);
}

// The largest aligned blocks that fit.
void PagePool::release_blocks(Pfn first, std::size_t pages) {
    free_ += pages;
    while (pages != 0) {
        unsigned order = static_cast<unsigned>(std::countr_zero(first | (Pfn{1} << (orders - 1))));
        while ((std::size_t{1} << order) > pages || is_high(first) != is_high(first + (Pfn{1} << order) - 1)) --order;
        if (is_high(first)) free_high_ += std::size_t{1} << order;
        release_block(first, order);
        first += Pfn{1} << order;
        pages -= std::size_t{1} << order;
    }
}

void PagePool::release(Pfn first, std::size_t pages, bool zero) {
    if (!zero && zeroed_ == free_) cursor_ = first - 1;  // the only ones to be zeroed: not to be looked for
    for (std::size_t i = 0; i < pages; ++i) {
        PageInfo& p = info_[first + i];
        p = {.kind = PageKind::free_body, .zeroed = zero, .for_small = p.for_small};
    }
    if (zero) zeroed_ += pages;
    release_blocks(first, pages);
}

// The smallest free block of the orders in [from, to).
Pfn PagePool::first_block(bool high, bool small, unsigned from, unsigned to) const {
    const Lists& lists = lists_[high][small];
    const unsigned order = static_cast<unsigned>(std::countr_zero(lists.filled >> from)) + from;
    return order < to ? lists.heads[order] : no_page;
}

Pfn PagePool::take_block(bool high, unsigned wanted, bool small) {
    Pfn head = first_block(high, small, wanted, whole_order);
    if (head == no_page) head = first_block(high, false, std::max(wanted, whole_order), orders);
    if (head == no_page) head = first_block(high, !small, wanted, whole_order);
    if (head == no_page) return no_page;
    unsigned order = info_[head].order;
    unlink(head);
    if (order >= whole_order)
        for (Pfn i = 0; i < Pfn{1} << wanted; i += whole_pages) info_[head + i].for_small = small;
    while (order > wanted) {  // give back upper halves
        --order;
        insert(head + (Pfn{1} << order), order);
    }
    free_ -= std::size_t{1} << wanted;
    if (high) free_high_ -= std::size_t{1} << wanted;
    return head;
}

Pfn PagePool::allocate(std::size_t pages, PageKind kind) {
    if (pages == 0 || pages > (std::size_t{1} << (orders - 1))) return no_page;
    const unsigned wanted = static_cast<unsigned>(std::bit_width(pages - 1));
    const bool small = pages <= small_pages;
    Pfn head = for_devices(kind) || free_high_ == 0 ? no_page : take_block(true, wanted, small);
    if (head == no_page) head = take_block(false, wanted, small);
    if (head == no_page) return no_page;
    for (std::size_t i = 0; i < pages; ++i) {
        PageInfo& p = info_[head + i];
        if (p.zeroed) --zeroed_;
        p.kind = i == 0 ? kind : PageKind::body;
    }
    info_[head].pages = static_cast<u32>(pages);
    release_blocks(head + static_cast<Pfn>(pages), (std::size_t{1} << wanted) - pages);  // what exceeds the run
    return head;
}

namespace {

// What a card writes begins at the beginning of a page, or close to it.
bool begins_written(Pfn pfn) {
    const auto* word = static_cast<const u64*>(machine::page(pfn));
    return (word[0] | word[1]) != 0;
}

bool is_zero(Pfn pfn) {
    const auto* word = static_cast<const u64*>(machine::page(pfn));
    return std::all_of(word, word + page_size / sizeof *word, [](u64 w) { return w == 0; });
}

}  // namespace

std::size_t PagePool::count_damaged() const {
    std::size_t damaged = damaged_;
    for (Pfn pfn = 0; pfn < info_.size(); ++pfn) {
        const PageInfo& p = info_[pfn];
        const bool is_free = p.kind == PageKind::free_head || p.kind == PageKind::free_body;
        if (is_free && p.zeroed && !is_zero(pfn)) ++damaged;
    }
    return damaged;
}

std::size_t PagePool::zero_run(Pfn first, std::size_t pages, std::size_t from, std::size_t limit) {
    for (; from < pages && limit != 0; ++from) {
        PageInfo& p = info_[first + from];
        const Pfn pfn = first + static_cast<Pfn>(from);
        if (p.zeroed) {
            p.zeroed = false;
            if (!begins_written(pfn)) [[likely]]
                continue;
            ++damaged_;
            machine::log_damage(pfn);
        }
        machine::zero_page(pfn);
        --limit;
    }
    return from;
}

Pfn PagePool::allocate_zeroed(PageKind kind) {
    const Pfn pfn = allocate(1, kind);
    if (pfn != no_page) zero_run(pfn, 1, 0, 1);
    return pfn;
}

bool PagePool::zero_ahead() {
    if (zeroed_ == free_) return false;
    for (std::size_t steps = 0; steps < 256; ++steps) {  // a bounded look per call
        if (++cursor_ >= info_.size()) cursor_ = 0;
        PageInfo& p = info_[cursor_];
        if ((p.kind == PageKind::free_head || p.kind == PageKind::free_body) && !p.zeroed) {
            machine::zero_page(cursor_);
            p.zeroed = true;
            ++zeroed_;
            return true;
        }
    }
    return true;
}

}  // namespace ant::core
