// A page pool of its own, whose pages are the model's memory.
#pragma once

#include "support/world.hpp"

#include <vector>

namespace ant::test {

struct OwnPool {
    explicit OwnPool(std::size_t pages, Pfn border = PagePool::four_gib) : info(pages) {
        model::hardware().reset(pages);
        pool.init(info, border);
    }
    // Not one at the beginning: a page that is not zero there is taken for damaged.
    u64& word(Pfn pfn) { return static_cast<u64*>(machine::page(pfn))[8]; }
    // Whether all of it is one free block, with nothing lost.
    bool whole() {
        const Pfn all = pool.allocate(info.size(), PageKind::area);
        if (all == no_page) return false;
        pool.release(all, info.size());
        return pool.free_pages() == info.size();
    }
    std::vector<PageInfo> info;
    PagePool pool;
};

}  // namespace ant::test
