#include "block_table.hpp"

#include "host.hpp"

#include <algorithm>

namespace ant::cache_server {

void BlockTable::start(std::span<Block> blocks, std::span<Block*> buckets) {
    blocks_ = blocks;
    buckets_ = buckets;
}

void BlockTable::enter(Block& block, Key key) {
    const std::uint64_t page = block.page;
    block = {};
    block.page = page;
    block.key = key;
    block.in_bucket = bucket(key);
    bucket(key) = &block;
    ++live_;
}

void BlockTable::leave(Block& block) {
    Block** link = &bucket(block.key);
    while (*link != &block) link = &(*link)->in_bucket;
    *link = block.in_bucket;
    block.state = BlockState::free;
    if (last_touched_ == &block) last_touched_ = nullptr;
    --live_;
}

std::uint64_t BlockTable::new_page() {
    if (pause_ != 0 && fresh_ != 0) {
        --pause_;
        return 0;
    }
    const std::uint64_t page = host::take_page();
    next_pause_ = page != 0 ? first_pause : std::min(2 * next_pause_, last_pause);
    if (page == 0) pause_ = next_pause_;
    return page;
}

// One that has no contents. Blocks that a process before had in use lie anywhere, with their pages.
Block* BlockTable::unused() {
    if (Block* block = free_.pop_front(); block != nullptr) return block;
    while (fresh_ < blocks_.size()) {
        Block& block = blocks_[fresh_];
        if (block.page == 0) {
            block.page = new_page();
            if (block.page == 0) return nullptr;
            ++fresh_;
            return &block;
        }
        ++fresh_;
    }
    return nullptr;
}

Block* BlockTable::evict() {
    if (active_.size() > 2 * inactive_.size()) {
        Block& block = *active_.back();
        active_.remove(block);
        block.active = block.used = false;
        inactive_.push_front(block);
    }
    Block* block = inactive_.back();
    if (block == nullptr) return nullptr;
    inactive_.remove(*block);
    leave(*block);
    return block;
}

Block* BlockTable::take(Key key, BlockState state) {
    Block* block = unused();
    if (block == nullptr) block = evict();
    if (block == nullptr) return nullptr;
    enter(*block, key);
    block->state = state;
    return block;
}

Block& BlockTable::restore(unsigned index, Key key, std::uint64_t page) {
    Block& block = blocks_[index];
    block.page = page;
    enter(block, key);
    return block;
}

void BlockTable::adopt(Block& block) {
    const Block left = block;
    enter(block, left.key);
    block.used = left.used;
    block.active = left.active;
    block.ahead = left.ahead;
    release(block);
}

void BlockTable::touch(Block& block) {
    if (&block == last_touched_) return;  // a reader of a few bytes each time
    last_touched_ = &block;
    const bool was_active = block.active;
    const bool now_active = block.used;
    block.used = true;
    if (!now_active) return;
    if (block.state != BlockState::clean) {
        block.active = true;
        return;
    }
    (was_active ? active_ : inactive_).remove(block);
    block.active = true;
    active_.push_front(block);
}

void BlockTable::release(Block& block) {
    block.state = BlockState::clean;
    if (block.once && !block.active)
        inactive_.push_back(block);
    else
        list_of(block).push_front(block);
}

void BlockTable::discard(Block& block) {
    leave(block);
    free_.push_front(block);
}

void BlockTable::discard_clean(List<Block>& list, unsigned disk) {
    for (Block* b = list.front(); b != nullptr;) {
        Block& block = *b;
        b = list.after(block);
        if (disk_of(block.key) != disk) continue;
        list.remove(block);
        discard(block);
    }
}

void BlockTable::discard_clean(unsigned disk) {
    discard_clean(inactive_, disk);
    discard_clean(active_, disk);
}

}  // namespace ant::cache_server
