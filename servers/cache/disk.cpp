#include "disk.hpp"

namespace ant::cache_server {

namespace {

void merge(List<Block>& into, List<Block>& other) {
    List<Block> merged;
    while (!into.empty() && !other.empty()) {
        List<Block>& lower = other.front()->key < into.front()->key ? other : into;
        merged.push_back(*lower.pop_front());
    }
    merged.append(into.empty() ? other : into);
    into.append(merged);
}

bool in_order(List<Block>& list) {
    for (Block *b = list.front(), *next; b != nullptr; b = next) {
        next = list.after(*b);
        if (next != nullptr && next->key < b->key) return false;
    }
    return true;
}

}  // namespace

// Merge sort from below: level n holds 2^n blocks in order, or none.
void sort(List<Block>& list) {
    if (in_order(list)) return;  // somebody has written one after the other
    List<Block> levels[32];
    while (Block* block = list.pop_front()) {
        List<Block> carry;
        carry.push_back(*block);
        unsigned level = 0;
        for (; !levels[level].empty(); ++level) merge(carry, levels[level]);
        levels[level].append(carry);
    }
    for (List<Block>& level : levels) merge(list, level);
}

void Disk::begin_batch() {
    wanted = false;
    batch.append(fresh);
    sort(batch);
}

}  // namespace ant::cache_server
