// Numbers of places that are in use. The lowest free one is taken first, so that those in use lie together.
#pragma once

#include <bit>
#include <cstdint>

namespace ant::inet_server {

template <unsigned count>
class IndexSet {
public:
    static constexpr unsigned none = ~0u;

    // none when all are in use.
    unsigned take() {
        for (unsigned word = first_; word < words; ++word) {
            if (~used_[word] == 0) continue;
            const unsigned index = word * bits + static_cast<unsigned>(std::countr_one(used_[word]));
            first_ = word;
            if (index >= count) return none;
            take(index);
            return index;
        }
        first_ = words;
        return none;
    }
    void take(unsigned index) {
        used_[index / bits] |= std::uint64_t{1} << index % bits;
        ++live_;
    }
    void give(unsigned index) {
        used_[index / bits] &= ~(std::uint64_t{1} << index % bits);
        if (index / bits < first_) first_ = index / bits;
        --live_;
    }
    [[nodiscard]] unsigned live() const { return live_; }

private:
    static constexpr unsigned bits = 64;
    static constexpr unsigned words = (count + bits - 1) / bits;
    std::uint64_t used_[words] = {};
    unsigned first_ = 0;  // no free one before this word
    unsigned live_ = 0;
};

}  // namespace ant::inet_server
