// Terminal: the console as a program sees it, with the line discipline of a Unix terminal: lines (the default)
// or characters, echo, ^C.
#pragma once

#include <ant/console.hpp>

#include <asm/termbits.h>

#include <span>

#include "foreign.hpp"

namespace ant::foreign {

class Terminal {
public:
    Answer write(std::string_view text);
    Answer read(std::span<char> text, bool wait);
    // Is there something to read? Takes what has been typed; never waits.
    bool readable();
    [[nodiscard]] Answer size(struct winsize_linux& size) const;

    [[nodiscard]] struct termios attributes() const { return attributes_; }
    void set_attributes(const struct termios& attributes) { attributes_ = attributes; }
    [[nodiscard]] std::size_t pending() const { return pending_.size(); }

    Terminal();

private:
    void take_typed(bool wait);
    void take_character(char c);
    [[nodiscard]] bool lines() const { return (attributes_.c_lflag & ICANON) != 0; }

    struct termios attributes_ {};
    console::LineEditor editor_{};
    bool end_of_input_ = false;
    char typed_[256] = {};  // from the console, not yet looked at
    std::size_t typed_begin_ = 0, typed_end_ = 0;
    char line_[512] = {};
    std::string_view pending_{};  // of a complete line, not yet read
};

struct winsize_linux {
    unsigned short rows, columns, x_pixels, y_pixels;
};

Terminal& terminal();

}  // namespace ant::foreign
