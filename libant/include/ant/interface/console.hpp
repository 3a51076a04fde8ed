// Functions of the console driver ("console").
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::console {

inline constexpr unsigned max_text = 3072;

struct Text {
    std::uint32_t bytes;
    char text[max_text];
};
// Raw input: whatever has been typed, at least one byte; waits unless dont_wait (then would_block).
// Keys of the PS/2 keyboard arrive as a VT100 would send them.
struct Read {
    std::uint32_t bytes;  // at most
    std::uint32_t dont_wait;
};
struct Size {
    std::uint32_t columns, rows;
    std::uint32_t serial, screen;  // which are there
    std::uint32_t column;          // of the cursor; 0 = at the start of a line
};

// Ctrl-C: answered when it is typed next. While somebody waits for it, Ctrl-C is not part of the input.
struct Interrupt {
    std::uint32_t withdraw;  // 1: no longer; the requester's earlier calls are answered with cancelled, and so are all
                             // reads that still wait: the input is the requester's again
    std::uint32_t reserved;
};

enum class Op : std::uint16_t { write = 1, read, size, interrupt };
// A call that was in work when the driver failed is delivered again; what is written is written once all the same.
inline constexpr std::uint16_t attributes = abi::function_attribute::redeliver | abi::function_attribute::may_wait;
inline constexpr Function<Text> write{"write", static_cast<std::uint16_t>(Op::write), attributes};  // -> value = bytes
inline constexpr Function<Read, Text> read{"read", static_cast<std::uint16_t>(Op::read), attributes};
inline constexpr Function<Nothing, Size> size{"size", static_cast<std::uint16_t>(Op::size), attributes};
inline constexpr Function<Interrupt> interrupt{"interrupt", static_cast<std::uint16_t>(Op::interrupt), attributes};

}  // namespace ant::console
