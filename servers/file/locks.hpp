// Locks on files: POSIX record locks of a slot, and flock's of a handle. Each is a record.
#pragma once

#include "tables.hpp"

namespace ant::file_server {

class Locks {
public:
    void use(Records<LockRecord> records);

    // The first lock of somebody else that is in the way.
    [[nodiscard]] const LockRecord* in_the_way(const LockRecord& wanted) const;
    // The owner's locks in the range become this one; type none: they end there. Done twice it is the same.
    Result<> set(const LockRecord& wanted);
    template <class F>
    bool remove_if(F&& f) {
        bool any = false;
        for (unsigned i = 0; i < max_locks; ++i) {
            if (!used(i) || !f(locks_[i])) continue;
            put(i, {});
            any = true;
        }
        return any;
    }

private:
    [[nodiscard]] bool used(unsigned i) const { return locks_[i].type != 0; }
    void put(unsigned i, const LockRecord& lock);
    [[nodiscard]] unsigned find_free() const;

    Records<LockRecord> records_;
    std::array<LockRecord, max_locks> locks_{};
};

}  // namespace ant::file_server
