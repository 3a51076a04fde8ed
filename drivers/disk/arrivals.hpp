// What the next process has to know of the requests of this one: in which order they came to the slot, for the core delivers
// the calls of a failed process again, but the one in work first, which was the newest; and, in a planned replacement, how far
// those have come whose commands go on in the chip.
#pragma once

#include <array>
#include <cstdint>

namespace disk {

inline constexpr unsigned max_requests = 256;  // at once; further ones are refused

struct Progress {
    std::uint32_t unit, done, under_way;  // of the request's bytes
    std::uint8_t attempts;
    bool flushes;
    bool handed_over;  // a command is under way: the request's index is its token
};

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
            entries_[index].progress.handed_over = false;
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

    void hand_over(unsigned index, const Progress& progress) { entries_[index].progress = progress; }
    // In the next process; once only, since it goes on from there.
    [[nodiscard]] Progress take_over(unsigned index) {
        const Progress progress = entries_[index].progress;
        entries_[index].progress.handed_over = false;
        return progress;
    }
    // No process takes over, or the next one begins anew.
    void keep() {
        for (Entry& entry : entries_) entry.progress.handed_over = false;
    }
    // A command is under way of a call that is not here.
    [[nodiscard]] bool any_handed_over() const {
        for (const Entry& entry : entries_)
            if (entry.call != 0 && entry.progress.handed_over) return true;
        return false;
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
        Progress progress;
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
