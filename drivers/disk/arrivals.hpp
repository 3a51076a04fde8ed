// In which order requests came to the slot. The core delivers the calls of a failed process again, but the one in work
// first, which was the newest; so the order is kept where the next process finds it.
#pragma once

#include <array>
#include <cstdint>

namespace disk {

inline constexpr unsigned max_requests = 256;  // at once; further ones are refused

// In the live area, zero at first. An entry is written before the call is put aside, and forgotten after it has been
// answered: so a call that comes again and is not here is the newest.
class Arrivals {
public:
    // -> index of the request, max_requests if there is no room
    unsigned note(std::uint64_t call, bool redelivered) {
        unsigned index = redelivered ? find(call) : max_requests;
        if (index == max_requests) {
            index = take();
            if (index == max_requests) return index;
            entries_[index].number = ++last_;
            entries_[index].call = call;
        }
        claimed(index, true);
        return index;
    }
    [[nodiscard]] std::uint64_t number(unsigned index) const { return entries_[index].number; }
    void forget(unsigned index) {
        entries_[index].call = 0;
        claimed(index, false);
        free_ = index;
    }

    // In a process that takes over.
    void begin() {
        claimed_ = {};
        free_ = 0;
        // Whatever the failed process has written here, numbers go up.
        for (const Entry& entry : entries_)
            if (entry.call != 0 && entry.number > last_) last_ = entry.number;
    }
    // Calls that have been answered, and were not forgotten any more.
    void forget_unclaimed() {
        for (unsigned index = 0; index < max_requests; ++index)
            if ((claimed_[index / 64] >> index % 64 & 1) == 0) entries_[index].call = 0;
    }

private:
    struct Entry {
        std::uint64_t call, number;
    };

    void claimed(unsigned index, bool on) {
        const std::uint64_t bit = std::uint64_t{1} << index % 64;
        claimed_[index / 64] = on ? claimed_[index / 64] | bit : claimed_[index / 64] & ~bit;
    }
    [[nodiscard]] unsigned find(std::uint64_t call) const {
        for (unsigned index = 0; index < max_requests; ++index)
            if (entries_[index].call == call) return index;
        return max_requests;
    }
    // The one that was used last is free most of the time.
    [[nodiscard]] unsigned take() const {
        for (unsigned n = 0; n < max_requests; ++n)
            if (const unsigned index = (free_ + n) % max_requests; entries_[index].call == 0) return index;
        return max_requests;
    }

    std::uint64_t last_;
    std::array<Entry, max_requests> entries_;
    std::array<std::uint64_t, max_requests / 64> claimed_;
    unsigned free_;
};

}  // namespace disk
