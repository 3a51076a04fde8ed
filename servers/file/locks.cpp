#include "locks.hpp"

#include <algorithm>

namespace ant::file_server {

namespace {

constexpr auto exclusive = static_cast<std::uint32_t>(file::LockType::exclusive);

// flock's and record locks do not see each other.
bool same_file(const LockRecord& a, const LockRecord& b) {
    return a.volume == b.volume && a.inode == b.inode && (a.handle != 0) == (b.handle != 0);
}
bool same_owner(const LockRecord& a, const LockRecord& b) { return a.handle != 0 ? a.handle == b.handle : a.slot == b.slot; }
bool overlap(const LockRecord& a, const LockRecord& b) { return a.start < b.end && b.start < a.end; }

}  // namespace

void Locks::use(Records<LockRecord> records) {
    records_ = records;
    for (unsigned i = 0; i < max_locks; ++i)
        if (records_.load(i, locks_[i]) != record::Found::good) locks_[i] = {};
}

void Locks::put(unsigned i, const LockRecord& lock) {
    if (lock.type == 0)
        records_.erase(i);
    else
        records_.commit(i, lock);
    locks_[i] = lock;
}

unsigned Locks::find_free() const {
    unsigned i = 0;
    while (i < max_locks && used(i)) ++i;
    return i;
}

const LockRecord* Locks::in_the_way(const LockRecord& wanted) const {
    for (const LockRecord& lock : locks_) {
        if (lock.type == 0 || !same_file(lock, wanted) || same_owner(lock, wanted) || !overlap(lock, wanted)) continue;
        if (lock.type == exclusive || wanted.type == exclusive) return &lock;
    }
    return nullptr;
}

// What is new comes first: whoever is stopped in between has too much of the owner's own locks, and does it again.
Result<> Locks::set(const LockRecord& wanted) {
    const auto concerns = [&](unsigned i, unsigned fresh) {
        return i != fresh && used(i) && same_file(locks_[i], wanted) && same_owner(locks_[i], wanted) &&
               overlap(locks_[i], wanted);
    };
    // At most one lock is split in two.
    if (std::count_if(locks_.begin(), locks_.end(), [](const LockRecord& lock) { return lock.type == 0; }) < 2)
        return Failure(Error::too_many);
    const unsigned fresh = wanted.type != 0 ? find_free() : max_locks;
    if (fresh != max_locks) put(fresh, wanted);
    for (unsigned i = 0; i < max_locks; ++i) {
        if (!concerns(i, fresh)) continue;
        LockRecord left = locks_[i], right = locks_[i];
        left.end = std::min(left.end, wanted.start);
        right.start = std::max(right.start, wanted.end);
        const bool has_left = left.start < left.end, has_right = right.start < right.end;
        if (has_left && has_right) put(find_free(), right);
        put(i, has_left ? left : has_right ? right : LockRecord{});
    }
    return {};
}

}  // namespace ant::file_server
