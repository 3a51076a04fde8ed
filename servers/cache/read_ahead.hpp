// Readers that go from block to block, and how far to be ahead of each.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace ant::cache_server {

class ReadAhead {
public:
    static constexpr std::uint32_t first_window = 8, last_window = 64;  // blocks

    struct Range {
        std::uint64_t first = 0;
        std::uint32_t count = 0;
    };

    // Somebody reads [first, end) of a disk. `expected`: and says that the next blocks will follow.
    // -> what should be read now
    Range note(unsigned disk, std::uint64_t first, std::uint64_t end, bool expected) {
        Stream* oldest = &streams_[0];
        for (Stream& s : streams_) {
            if (s.follows(disk, first)) return end > s.next ? advance(s, end) : Range{};
            if (s.last_use < oldest->last_use) oldest = &s;
        }
        *oldest = {disk, 0, end, end, ++uses_};
        return expected ? advance(*oldest, end) : Range{};
    }

private:
    struct Stream {
        unsigned disk;
        std::uint32_t window;  // 0: has been seen once
        std::uint64_t next;    // block
        std::uint64_t ahead;   // read up to here
        std::uint64_t last_use;
        // Or goes on in the middle of its last block.
        [[nodiscard]] bool follows(unsigned of, std::uint64_t first) const {
            return last_use != 0 && of == disk && (first == next || first + 1 == next);
        }
    };

    // The window doubles each time when half of it has been used.
    Range advance(Stream& s, std::uint64_t end) {
        s.last_use = ++uses_;
        s.next = std::max(s.next, end);
        s.ahead = std::max(s.ahead, s.next);
        if (s.window != 0 && s.ahead - s.next > s.window / 2) return {};
        s.window = std::clamp(2 * s.window, first_window, last_window);
        const Range range{s.ahead, static_cast<std::uint32_t>(s.next + s.window - s.ahead)};
        s.ahead = s.next + s.window;
        return range;
    }

    std::array<Stream, 16> streams_{};
    std::uint64_t uses_ = 0;
};

}  // namespace ant::cache_server
