// Scan codes of set 1 (what the keyboard controller delivers) to the bytes that a VT100 would send. US layout.
#pragma once

#include <cstdint>
#include <string_view>

namespace ant::console {

// What keys are held, and where in a multi-byte code the keyboard is. Plain data: part of the state area.
struct Keyboard {
    std::uint8_t left_shift, right_shift, control, alt, caps_lock;
    std::uint8_t extended;   // 0xe0 came before
    std::uint8_t to_ignore;  // bytes of the Pause key still to come
    std::uint8_t reserved;
};

struct Keys {
    std::uint8_t count = 0;
    char bytes[7] = {};

    [[nodiscard]] std::string_view text() const { return {bytes, count}; }
};

// One byte from the keyboard; what it types, often nothing.
Keys decode(Keyboard& keyboard, std::uint8_t code);

}  // namespace ant::console
