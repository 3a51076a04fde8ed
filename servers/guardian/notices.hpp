// Lines for the person at the console. The guardian waits for nobody, so a line that the console cannot take
// yet is offered again later.
#pragma once

#include <ant/client.hpp>

#include <array>
#include <cstdint>

namespace ant::guardian_server {

class Notices {
public:
    // To the core's log at once, to the console when it is there.
    [[gnu::format(printf, 2, 3)]] void add(const char* format, ...);
    // A line for the console alone, as it is.
    [[gnu::format(printf, 2, 3)]] void say(const char* format, ...);
    // Offers what is left. -> whether all is said, or given up
    bool flush();
    static constexpr std::uint64_t retry_us = 1000;

private:
    static constexpr unsigned max_lines = 8, max_attempts = 3000;
    struct Line {
        char text[176];
    };
    Client console_{"console"};
    std::array<Line, max_lines> lines_{};
    unsigned count_ = 0, attempts_ = 0;
};

}  // namespace ant::guardian_server
