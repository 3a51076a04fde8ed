// The core's log: a small printf into a ring of 16 KiB, echoed while nobody else owns the screen.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ant::arch {

// %s %d %i %u %x %X %p %c %%, with width, '0', '-', precision of %s, and h hh l ll z. Always ends with
// a NUL; returns the characters written without it (truncated to fit).
std::size_t format_list(std::span<char> out, const char* format, std::va_list arguments);
[[gnu::format(printf, 2, 3)]] std::size_t format_text(std::span<char> out, const char* format, ...);

// A formatted piece of at most 255 characters. The caller ends its lines.
[[gnu::format(printf, 1, 2)]] void log(const char* format, ...);
void log_write(std::string_view text);

// Copies what was logged from position `from` (counted since boot) on, skipping what is overwritten
// already. Returns the bytes copied and moves `from` behind them.
std::size_t log_read(std::uint64_t& from, std::span<char> out);
std::uint64_t log_end();

// Whether the log also goes to serial port and text screen. On at boot; off once a console driver has them.
void log_echo(bool on);

}  // namespace ant::arch
