// The lines typed before, oldest forgotten first.
#pragma once

#include "text.hpp"

#include <string_view>

namespace ant::shell {

inline constexpr std::size_t max_line = 1023;

class History {
public:
    static constexpr unsigned capacity = 128;

    // Empty lines and repetitions of the line before are not kept.
    void add(std::string_view line) {
        if (line.empty() || line.size() > max_line || (count_ != 0 && back(1) == line)) return;
        lines_[next_] = FixedText<max_line>{line};
        next_ = (next_ + 1) % capacity;
        if (count_ < capacity) ++count_;
    }
    [[nodiscard]] unsigned size() const { return count_; }
    // The line typed `age` lines ago: 1 is the newest, size() the oldest.
    [[nodiscard]] std::string_view back(unsigned age) const { return lines_[(next_ + capacity - age) % capacity].view(); }

private:
    FixedText<max_line> lines_[capacity];
    unsigned next_ = 0;
    unsigned count_ = 0;
};

}  // namespace ant::shell
