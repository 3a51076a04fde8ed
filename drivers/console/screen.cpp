#include "screen.hpp"

#include <algorithm>

namespace ant::console {
namespace {

constexpr char escape_character = '\x1b';
constexpr unsigned tab_stop = 8;

// ANSI counts red as 1 and blue as 4, VGA the other way round.
constexpr std::uint8_t vga_color(unsigned ansi) {
    return static_cast<std::uint8_t>((ansi & 2) | (ansi & 1) << 2 | (ansi & 4) >> 2);
}

constexpr bool continues_utf8(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

void Screen::reset(unsigned new_columns, unsigned new_rows) {
    *this = Screen{};
    columns = static_cast<std::uint16_t>(std::clamp<unsigned>(new_columns, 1, max_columns));
    rows = static_cast<std::uint16_t>(std::clamp<unsigned>(new_rows, 1, max_rows));
    attribute = plain_attribute;
    erase(0, columns * rows);
}

bool Screen::consistent() const {
    return columns >= 1 && columns <= max_columns && rows >= 1 && rows <= max_rows && row < rows && column <= columns &&
           saved_row < rows && saved_column < columns && parameter_count <= max_parameters;
}

void Screen::write(std::string_view text) {
    for (const char c : text) character(c);
}

void Screen::character(char c) {
    switch (parser) {
        case Parser::text:
            return static_cast<unsigned char>(c) < 0x20 || c == '\x7f' ? control(c) : print(c);
        case Parser::escape:
            return escape(c);
        case Parser::sequence:
        case Parser::ignored_sequence:
            return sequence(c);
        case Parser::string:
            if (c == '\a' || c == '\\') parser = Parser::text;
            return;
    }
}

void Screen::control(char c) {
    switch (c) {
        case escape_character:
            parser = Parser::escape;
            break;
        case '\n':
            column = 0;
            new_line();
            break;
        case '\r':
            column = 0;
            break;
        case '\b':
            if (column > 0) column = static_cast<std::uint16_t>(visible_column() - (column < columns ? 1 : 0));
            break;
        case '\t':
            column = static_cast<std::uint16_t>(std::min((visible_column() / tab_stop + 1) * tab_stop, columns - 1u));
            break;
        default:
            break;
    }
}

void Screen::escape(char c) {
    parser = Parser::text;
    switch (c) {
        case '[':
            parser = Parser::sequence;
            parameter_count = 0;
            std::fill(std::begin(parameters), std::end(parameters), std::uint16_t{0});
            break;
        case ']':
            parser = Parser::string;
            break;
        case '7':
            saved_row = row, saved_column = static_cast<std::uint16_t>(visible_column());
            break;
        case '8':
            move_to(saved_row, saved_column);
            break;
        case 'c':
            reset(columns, rows);
            break;
        default:
            break;
    }
}

// Parameters: digits separated by semicolons, up to a final byte. Private ones ("?25h") change nothing here.
void Screen::sequence(char c) {
    if (c >= '@' && c <= '~') {
        const bool ignored = parser == Parser::ignored_sequence;
        parser = Parser::text;
        if (!ignored) execute(c);
    } else if (c >= '0' && c <= '9') {
        if (parameter_count == 0) parameter_count = 1;
        std::uint16_t& value = parameters[parameter_count - 1];
        value = static_cast<std::uint16_t>(std::min(value * 10 + (c - '0'), 9999));
    } else if (c == ';') {
        if (parameter_count == 0) parameter_count = 1;
        if (parameter_count < max_parameters) ++parameter_count;
    } else if (c == escape_character) {
        parser = Parser::escape;
    } else {
        parser = Parser::ignored_sequence;
    }
}

unsigned Screen::parameter(unsigned index, unsigned default_value) const {
    return index < parameter_count && parameters[index] != 0 ? parameters[index] : default_value;
}

void Screen::execute(char final) {
    const unsigned count = parameter(0, 1);
    const unsigned here = visible_column();
    switch (final) {
        case 'A':
            move_to(row - std::min<unsigned>(count, row), here);
            break;
        case 'B':
            move_to(row + count, here);
            break;
        case 'C':
            move_to(row, here + count);
            break;
        case 'D':
            move_to(row, here - std::min(count, here));
            break;
        case 'G':
            move_to(row, count - 1);
            break;
        case 'H':
        case 'f':
            move_to(count - 1, parameter(1, 1) - 1);
            break;
        case 'J':
            erase_display(parameter(0, 0));
            break;
        case 'K':
            erase_line(parameter(0, 0));
            break;
        case 'm':
            set_graphics();
            break;
        case 's':
            saved_row = row, saved_column = static_cast<std::uint16_t>(here);
            break;
        case 'u':
            move_to(saved_row, saved_column);
            break;
        default:
            break;
    }
}

void Screen::move_to(unsigned new_row, unsigned new_column) {
    row = static_cast<std::uint16_t>(std::min(new_row, rows - 1u));
    column = static_cast<std::uint16_t>(std::min(new_column, columns - 1u));
}

void Screen::print(char c) {
    if (continues_utf8(c)) return;  // one mark per character, whatever its length
    if (column >= columns) {
        column = 0;
        new_line();
    }
    const auto code = static_cast<unsigned char>(c);
    at(row, column) = static_cast<Cell>((code < 0x80 ? code : '?') | painted_attribute() << 8);
    ++column;
}

void Screen::new_line() {
    if (row + 1u < rows) {
        ++row;
    } else {
        scroll();
    }
}

void Screen::scroll() {
    const unsigned kept = columns * (rows - 1u);
    std::copy_n(cells + columns, kept, cells);
    erase(kept, kept + columns);
}

std::uint8_t Screen::painted_attribute() const {
    return reverse != 0 ? static_cast<std::uint8_t>(attribute << 4 | (attribute >> 4 & 7)) : attribute;
}

void Screen::erase(unsigned from, unsigned to) { std::fill(cells + from, cells + to, static_cast<Cell>(' ' | attribute << 8)); }

void Screen::erase_display(unsigned how) {
    const unsigned here = row * columns + visible_column();
    const unsigned end = columns * rows;
    if (how == 0) erase(here, end);
    if (how == 1) erase(0, here + 1);
    if (how == 2) erase(0, end);
}

void Screen::erase_line(unsigned how) {
    const unsigned start = row * columns;
    const unsigned here = start + visible_column();
    if (how == 0) erase(here, start + columns);
    if (how == 1) erase(start, here + 1);
    if (how == 2) erase(start, start + columns);
}

void Screen::set_graphics() {
    if (parameter_count == 0) return set_graphics(0);
    for (unsigned i = 0; i < parameter_count; ++i) set_graphics(parameters[i]);
}

void Screen::set_graphics(unsigned value) {
    constexpr std::uint8_t foreground = 0x07, bright = 0x08, background = 0x70;
    const auto keep = [&](unsigned mask) { return static_cast<std::uint8_t>(attribute & mask); };
    if (value == 0) attribute = plain_attribute, reverse = 0;
    if (value == 1) attribute |= bright;
    if (value == 22) attribute = keep(~bright);
    if (value == 7) reverse = 1;
    if (value == 27) reverse = 0;
    if (value >= 30 && value <= 37) attribute = keep(~foreground) | vga_color(value - 30);
    if (value == 39) attribute = keep(~foreground) | plain_attribute;
    if (value >= 40 && value <= 47) attribute = static_cast<std::uint8_t>(keep(~background) | vga_color(value - 40) << 4);
    if (value == 49) attribute = keep(~background);
    if (value >= 90 && value <= 97) attribute = keep(~foreground) | bright | vga_color(value - 90);
}

}  // namespace ant::console
