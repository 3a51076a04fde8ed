// Text in and out of the console, for applications.
#pragma once

#include <ant/client.hpp>
#include <ant/interface/console.hpp>

#include <span>
#include <string_view>

namespace ant::console {

// All of it, in as many calls as it takes. Bare newlines; the driver adds carriage returns.
Result<> put(std::string_view text);

// printf-like, see format(); lines up to print_bytes.
inline constexpr std::size_t print_bytes = 1024;
[[gnu::format(printf, 1, 2)]] void print(const char* format, ...);

// What has been typed, as it comes: at least one byte, or would_block.
Result<std::size_t> get(std::span<char> text, bool wait = true);

// Edits a line as characters come in: echo, backspace, ^U.
class LineEditor {
public:
    enum class State : std::uint8_t { editing, complete, end_of_input, interrupted };

    // After any state but `editing`, the next character begins a new line.
    State feed(char c);
    [[nodiscard]] std::string_view line() const { return {line_, length_}; }  // newline included

private:
    static constexpr std::size_t capacity = 512;
    State finish(State state, std::string_view echo);

    char line_[capacity] = {};
    std::size_t length_ = 0;
    bool fresh_ = true;
};

// An edited line, newline included. -> bytes, 0 = end of input (^D on an empty line).
// Error::cancelled after ^C.
Result<std::size_t> read_line(std::span<char> line);

}  // namespace ant::console
