// What the next process of the console driver inherits: the state area, which is always current, and the journal's
// record (journal.hpp), which says what of it is done.
#pragma once

#include "keyboard.hpp"
#include "ring.hpp"
#include "screen.hpp"

#include <cstdint>

namespace ant::console {

inline constexpr std::uint32_t state_format = 2;

// Calls that wait, oldest first, by the addresses of their control ICAs.
struct PendingCalls {
    static constexpr unsigned capacity = 32;
    std::uint32_t count;
    std::uint32_t reserved;
    std::uint64_t control[capacity];

    [[nodiscard]] bool full() const { return count == capacity; }
    void add(std::uint64_t call) { control[count++] = call; }
    std::uint64_t take(unsigned index) {
        const std::uint64_t call = control[index];
        std::copy(control + index + 1, control + count, control + index);
        --count;
        return call;
    }
};

struct State {
    std::uint32_t serial;  // the UART has been initialised
    std::uint32_t keyboard_there;
    std::uint32_t return_sent;  // of the "\r\n" that stands for "\n", the first half has gone out
    std::uint32_t reserved;
    Ring<16384> output;  // to the serial line, with "\n" as it was written
    Ring<4096> input;
    Keyboard keyboard;
    PendingCalls readers, writers, interrupts;  // after a failure they are delivered again
    Screen screen;
    Screen checkpoint[2];  // the screen as it was: see Journal

    [[nodiscard]] bool consistent() const {
        return output.consistent() && input.consistent() && readers.count <= PendingCalls::capacity &&
               writers.count <= PendingCalls::capacity && interrupts.count <= PendingCalls::capacity && screen.consistent();
    }
};

}  // namespace ant::console
