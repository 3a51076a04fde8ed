#include "page_pool.hpp"

#include "machine.hpp"

#include <bit>

namespace ant::core {

constinit PagePool pool;

void PagePool::init(std::span<PageInfo> info) {
    info_ = info;
    for (Pfn& head : heads_) head = no_page;
}

void PagePool::add(Pfn first, std::size_t pages) {
    total_ += pages;
    release(first, pages);
}

void PagePool::adopt(Pfn first, std::size_t pages, PageKind kind) {
    total_ += pages;
    for (std::size_t i = 0; i < pages; ++i) info_[first + i].kind = i == 0 ? kind : PageKind::body;
    info_[first].pages = static_cast<u32>(pages);
}

void PagePool::insert(Pfn head, unsigned order) {
    PageInfo& p = info_[head];
    p.kind = PageKind::free_head;
    p.order = static_cast<u8>(order);
    p.previous = no_page;
    p.next = heads_[order];
    if (p.next != no_page) info_[p.next].previous = head;
    heads_[order] = head;
}

void PagePool::unlink(Pfn head) {
    PageInfo& p = info_[head];
    (p.previous != no_page ? info_[p.previous].next : heads_[p.order]) = p.next;
    if (p.next != no_page) info_[p.next].previous = p.previous;
    p.next = p.previous = no_page;
    p.kind = PageKind::free_body;
}

void PagePool::release_block(Pfn head, unsigned order) {
    while (order + 1 < orders) {
        const Pfn buddy = head ^ (Pfn{1} << order);
        if (buddy + (Pfn{1} << order) > info_.size()) break;
        if (info_[buddy].kind != PageKind::free_head || info_[buddy].order != order) break;
        unlink(buddy);
        head &= ~(Pfn{1} << order);
        ++order;
    }
    insert(head, order);
}

void PagePool::release(Pfn first, std::size_t pages, bool zero) {
    if (!zero && zeroed_ == free_) cursor_ = first - 1;  // the only ones to be zeroed: not to be looked for
    for (std::size_t i = 0; i < pages; ++i) {
        PageInfo& p = info_[first + i];
        p = {};
        p.kind = PageKind::free_body;
        p.zeroed = zero;
    }
    free_ += pages;
    if (zero) zeroed_ += pages;
    while (pages != 0) {  // the largest aligned blocks that fit
        unsigned order = static_cast<unsigned>(std::countr_zero(first | (Pfn{1} << (orders - 1))));
        while ((std::size_t{1} << order) > pages) --order;
        release_block(first, order);
        first += Pfn{1} << order;
        pages -= std::size_t{1} << order;
    }
}

Pfn PagePool::allocate(std::size_t pages, PageKind kind) {
    if (pages == 0 || pages > (std::size_t{1} << (orders - 1))) return no_page;
    const unsigned wanted = static_cast<unsigned>(std::bit_width(pages - 1));
    unsigned order = wanted;
    while (order < orders && heads_[order] == no_page) ++order;
    if (order == orders) return no_page;
    const Pfn head = heads_[order];
    unlink(head);
    while (order > wanted) {  // give back upper halves
        --order;
        insert(head + (Pfn{1} << order), order);
    }
    for (std::size_t i = 0; i < pages; ++i) {
        PageInfo& p = info_[head + i];
        if (p.zeroed) --zeroed_;
        p.kind = i == 0 ? kind : PageKind::body;
    }
    info_[head].pages = static_cast<u32>(pages);
    free_ -= std::size_t{1} << wanted;
    if (const std::size_t rest = (std::size_t{1} << wanted) - pages; rest != 0) {  // and what exceeds the run
        Pfn tail = head + static_cast<Pfn>(pages);
        free_ += rest;
        for (std::size_t left = rest; left != 0;) {
            unsigned o = static_cast<unsigned>(std::countr_zero(tail));
            while ((std::size_t{1} << o) > left) --o;
            release_block(tail, o);
            tail += Pfn{1} << o;
            left -= std::size_t{1} << o;
        }
    }
    return head;
}

std::size_t PagePool::zero_run(Pfn first, std::size_t pages, std::size_t from, std::size_t limit) {
    for (; from < pages && limit != 0; ++from) {
        PageInfo& p = info_[first + from];
        if (p.zeroed) {
            p.zeroed = false;
            continue;
        }
        machine::zero_page(first + static_cast<Pfn>(from));
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
