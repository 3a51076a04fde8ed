#include "line_editor.hpp"

namespace ant::shell {
namespace {

constexpr char escape_character = '\x1b';
constexpr char delete_character = '\x7f';
constexpr char with_control(char letter) { return static_cast<char>(letter & 0x1f); }

template <class Echo>
void move(Echo& echo, unsigned count, char direction) {
    if (count == 0) return;
    char digits[8];
    unsigned n = 0;
    do digits[n++] = static_cast<char>('0' + count % 10);
    while ((count /= 10) != 0);
    echo.append("\x1b[");
    while (n != 0) echo.append(digits[--n]);
    echo.append(direction);
}

}  // namespace

void LineEditor::begin(unsigned prompt_width, unsigned columns, bool kept) {
    kept_ = kept;
    line_.clear();
    unfinished_.clear();
    position_ = 0;
    age_ = 0;
    row_ = 0;
    prompt_width_ = prompt_width;
    columns_ = columns < 2 ? 2 : columns;
    input_ = Input::text;
}

LineEditor::Event LineEditor::feed(char byte, Echo& echo) {
    const bool second_half_of_end = after_return_ && byte == '\n';
    after_return_ = false;
    if (second_half_of_end) return Event::none;
    switch (input_) {
        case Input::text:
            break;
        case Input::escape:
            escape(byte, echo);
            return Event::none;
        case Input::sequence:
            sequence(byte, echo);
            return Event::none;
        case Input::keypad:
            input_ = Input::text;
            cursor_key(byte, echo);
            return Event::none;
    }
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || byte == delete_character) return control(byte, echo);
    insert(byte, echo);
    return Event::none;
}

LineEditor::Event LineEditor::control(char byte, Echo& echo) {
    switch (byte) {
        case '\r':
            after_return_ = true;
            return complete(echo);
        case '\n':
            return complete(echo);
        case escape_character:
            input_ = Input::escape;
            break;
        case '\b':
        case delete_character:
            backspace(echo);
            break;
        case with_control('A'):
            move_to(0, echo);
            break;
        case with_control('B'):
            if (position_ > 0) move_to(position_ - 1, echo);
            break;
        case with_control('C'):
            move_to(line_.size(), echo);
            echo.append("^C\n");
            return Event::interrupted;
        case with_control('D'):
            if (position_ < line_.size()) erase(position_, position_ + 1, echo);
            break;
        case with_control('E'):
            move_to(line_.size(), echo);
            break;
        case with_control('F'):
            if (position_ < line_.size()) move_to(position_ + 1, echo);
            break;
        case with_control('K'):
            erase(position_, line_.size(), echo);
            break;
        case with_control('L'):
            echo.append("\x1b[H\x1b[2J");
            row_ = 0;
            return Event::clear;
        case with_control('N'):
            recall(age_ - 1, echo);
            break;
        case with_control('P'):
            recall(age_ + 1, echo);
            break;
        case with_control('U'):
            erase(0, position_, echo);
            break;
        case with_control('W'):
            erase_word(echo);
            break;
        case '\t':
            insert(' ', echo);
            break;
        default:
            break;
    }
    return Event::none;
}

void LineEditor::escape(char byte, Echo&) {
    number_ = 0;
    input_ = byte == '[' ? Input::sequence : byte == 'O' ? Input::keypad : Input::text;
}

void LineEditor::sequence(char byte, Echo& echo) {
    if (byte >= '0' && byte <= '9') {
        number_ = number_ < 1000 ? number_ * 10 + static_cast<unsigned>(byte - '0') : number_;
        return;
    }
    if (byte < '@' || byte > '~') return;  // further parameters do not matter here
    input_ = Input::text;
    if (byte == '~') return numbered_key(number_, echo);
    cursor_key(byte, echo);
}

void LineEditor::cursor_key(char byte, Echo& echo) {
    switch (byte) {
        case 'A':
            recall(age_ + 1, echo);
            break;
        case 'B':
            recall(age_ - 1, echo);
            break;
        case 'C':
            if (position_ < line_.size()) move_to(position_ + 1, echo);
            break;
        case 'D':
            if (position_ > 0) move_to(position_ - 1, echo);
            break;
        case 'F':
            move_to(line_.size(), echo);
            break;
        case 'H':
            move_to(0, echo);
            break;
        default:
            break;
    }
}

void LineEditor::numbered_key(unsigned number, Echo& echo) {
    if (number == 1 || number == 7) move_to(0, echo);
    if (number == 4 || number == 8) move_to(line_.size(), echo);
    if (number == 3 && position_ < line_.size()) erase(position_, position_ + 1, echo);
}

LineEditor::Event LineEditor::complete(Echo& echo) {
    move_to(line_.size(), echo);
    echo.append('\n');
    if (kept_) history_.add(line_.view());
    return Event::line;
}

// Row of the cursor after the character in front of `position` has been written: behind the last column it
// stays in its row until another character comes.
unsigned LineEditor::row_of_end(std::size_t position) const {
    const std::size_t offset = prompt_width_ + position;
    return offset == 0 ? 0 : static_cast<unsigned>((offset - 1) / columns_);
}

void LineEditor::insert(char byte, Echo& echo) {
    if (!line_.insert(position_, byte)) return echo.append('\a');
    ++position_;
    if (position_ != line_.size()) return redraw(echo);
    echo.append(byte);
    row_ = row_of_end(position_);
}

void LineEditor::backspace(Echo& echo) {
    if (position_ == 0) return;
    const bool at_end = position_ == line_.size();
    const std::size_t column = (prompt_width_ + position_) % columns_;
    if (!at_end || column < 2) return erase(position_ - 1, position_, echo);
    line_.truncate(--position_);
    echo.append("\b \b");
}

void LineEditor::erase(std::size_t from, std::size_t to, Echo& echo) {
    if (from == to) return;
    line_.erase(from, to);
    position_ = from;
    redraw(echo);
}

void LineEditor::erase_word(Echo& echo) {
    std::size_t start = position_;
    while (start > 0 && line_[start - 1] == ' ') --start;
    while (start > 0 && line_[start - 1] != ' ') --start;
    erase(start, position_, echo);
}

// An age beyond either end of the history (0 - 1 wraps around) changes nothing.
void LineEditor::recall(unsigned age, Echo& echo) {
    if (age > history_.size()) return;
    if (age_ == 0) unfinished_ = line_;
    age_ = age;
    replace_line(age == 0 ? unfinished_.view() : history_.back(age), echo);
}

void LineEditor::replace_line(std::string_view text, Echo& echo) {
    line_.clear();
    line_.append(text);
    position_ = line_.size();
    redraw(echo);
}

void LineEditor::show_again(Echo& echo) {
    echo.append(line_.view());
    row_ = row_of_end(line_.size());
    place_cursor(echo);
}

void LineEditor::move_to(std::size_t position, Echo& echo) {
    if (position == position_) return;
    position_ = position;
    place_cursor(echo);
}

void LineEditor::to_start_of_input(Echo& echo) {
    move(echo, row_, 'A');
    echo.append('\r');
    move(echo, prompt_width_, 'C');
    row_ = 0;
}

// The prompt itself is never written again: who waits for it must not take a redrawn line for a new one.
void LineEditor::redraw(Echo& echo) {
    to_start_of_input(echo);
    echo.append("\x1b[J");
    echo.append(line_.view());
    row_ = row_of_end(line_.size());
    if (position_ != line_.size()) place_cursor(echo);
}

void LineEditor::place_cursor(Echo& echo) {
    const std::size_t offset = prompt_width_ + position_;
    if (position_ == line_.size() && offset % columns_ == 0) return redraw(echo);  // there is no way to go behind the last column
    const auto row = static_cast<unsigned>(offset / columns_);
    if (row > row_) move(echo, row - row_, 'B');
    if (row < row_) move(echo, row_ - row, 'A');
    echo.append('\r');
    move(echo, static_cast<unsigned>(offset % columns_), 'C');
    row_ = row;
}

}  // namespace ant::shell
