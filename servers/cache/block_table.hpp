// All blocks: found by disk and number, taken for new contents from those that were not asked for longest.
#pragma once

#include "block.hpp"

#include <span>

namespace ant::cache_server {

// Clean blocks are in one of two lists: what was read or written is `inactive` first, and becomes `active` when it is
// asked for again. A stream, which asks for each block once, pushes out only what is inactive.
class BlockTable {
public:
    // As many buckets as blocks, or more: a power of two.
    void start(std::span<Block> blocks, std::span<Block*> buckets);

    [[nodiscard]] Block* find(Key key) const {
        Block* b = bucket(key);
        while (b != nullptr && b->key != key) b = b->in_bucket;
        return b;
    }
    // A block to be filled: entered under the key, in no list. nullptr: all are dirty or busy, or there is no memory.
    Block* take(Key key, BlockState state);
    // Takes over block `index` with its page.
    Block& restore(unsigned index, Key key, std::uint64_t page);
    // A clean one that is in the table still, as a process before has left it.
    void adopt(Block& block);

    // A block that was asked for. `again`: by another than the one before.
    void touch(Block& block);
    // From now on it may be taken for something else.
    void release(Block& block);
    // It is in use again: out of the list of its kind.
    void hold(Block& block) { list_of(block).remove(block); }
    // Forgets its contents. Held, or never released.
    void discard(Block& block);
    // Forgets all clean blocks of a disk.
    void discard_clean(unsigned disk);

    [[nodiscard]] unsigned index_of(const Block& block) const { return static_cast<unsigned>(&block - blocks_.data()); }
    [[nodiscard]] unsigned limit() const { return static_cast<unsigned>(blocks_.size()); }
    // With contents.
    [[nodiscard]] unsigned live() const { return live_; }

private:
    static constexpr unsigned first_pause = 64, last_pause = 1 << 20;

    [[nodiscard]] Block*& bucket(Key key) const { return buckets_[(key * 0x9e37'79b9'7f4a'7c15 >> 32) & (buckets_.size() - 1)]; }
    [[nodiscard]] List<Block>& list_of(const Block& block) { return block.active ? active_ : inactive_; }
    [[nodiscard]] Block* unused();
    [[nodiscard]] std::uint64_t new_page();
    [[nodiscard]] Block* evict();
    void enter(Block& block, Key key);
    void leave(Block& block);
    void discard_clean(List<Block>& list, unsigned disk);

    std::span<Block> blocks_;
    std::span<Block*> buckets_;
    unsigned fresh_ = 0;  // blocks from here on were never used
    unsigned live_ = 0;
    // Reservations that are refused are not tried each time: after so many takes.
    unsigned pause_ = 0, next_pause_ = first_pause;
    Block* last_touched_ = nullptr;
    List<Block> free_, inactive_, active_;
};

}  // namespace ant::cache_server
