// Edits one line: takes bytes as a terminal sends them, and says what the terminal has to show.
//
// What is typed at the end of the line is echoed as it is; only other edits move the cursor about.
#pragma once

#include "history.hpp"
#include "text.hpp"

#include <cstdint>
#include <string_view>

namespace ant::shell {

class LineEditor {
public:
    enum class Event : std::uint8_t {
        none,
        line,         // the line is complete: line()
        interrupted,  // Ctrl-C: the line is to be forgotten
        clear,        // Ctrl-L: the screen has been cleared, prompt and line() are to be shown again
    };
    // Enough for what one byte can cause.
    using Echo = FixedText<4096>;

    explicit LineEditor(History& history) : history_{history} {}

    // The cursor stands behind a prompt of that width, on a terminal of that many columns. `kept`: the line goes into the
    // history.
    void begin(unsigned prompt_width, unsigned columns, bool kept = true);
    Event feed(char byte, Echo& echo);
    // Shows the line behind a prompt that has just been written.
    void show_again(Echo& echo);
    [[nodiscard]] std::string_view line() const { return line_.view(); }

private:
    enum class Input : std::uint8_t { text, escape, sequence, keypad };

    Event control(char byte, Echo& echo);
    void escape(char byte, Echo& echo);
    void sequence(char byte, Echo& echo);
    void cursor_key(char byte, Echo& echo);
    void numbered_key(unsigned number, Echo& echo);
    Event complete(Echo& echo);
    void insert(char byte, Echo& echo);
    void backspace(Echo& echo);
    void erase(std::size_t from, std::size_t to, Echo& echo);
    void erase_word(Echo& echo);
    void move_to(std::size_t position, Echo& echo);
    void recall(unsigned age, Echo& echo);
    void replace_line(std::string_view text, Echo& echo);
    void redraw(Echo& echo);
    void place_cursor(Echo& echo);
    void to_start_of_input(Echo& echo);
    [[nodiscard]] unsigned row_of_end(std::size_t position) const;

    History& history_;
    FixedText<max_line> line_;
    FixedText<max_line> unfinished_;  // what was being typed when the history was entered
    std::size_t position_ = 0;
    unsigned age_ = 0;  // in the history; 0 = the line being typed
    unsigned prompt_width_ = 0;
    unsigned columns_ = 80;
    unsigned row_ = 0;     // of the terminal's cursor, counted from the prompt's
    unsigned number_ = 0;  // parameter of the control sequence that is being read
    Input input_ = Input::text;
    bool kept_ = true;
    bool after_return_ = false;  // "\r\n" is one end of line
};

}  // namespace ant::shell
