// The screen as a VT100 would keep it: a grid of cells, a cursor, and a parser of control sequences.
// Plain data, part of the state area; what paints it is in display.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ant::console {

// Character in the low byte, VGA attribute (background << 4 | foreground) in the high one.
using Cell = std::uint16_t;

inline constexpr std::uint16_t max_columns = 160;
inline constexpr std::uint16_t max_rows = 64;
inline constexpr std::uint8_t plain_attribute = 0x07;

struct Screen {
    static constexpr unsigned max_parameters = 8;
    enum class Parser : std::uint8_t { text, escape, sequence, ignored_sequence, string };

    std::uint16_t columns, rows;
    std::uint16_t row, column;  // column == columns: the next character goes to the next row
    std::uint16_t saved_row, saved_column;
    std::uint8_t attribute;
    std::uint8_t reverse;
    Parser parser;
    std::uint8_t parameter_count;
    std::uint16_t parameters[max_parameters];
    Cell cells[max_columns * max_rows];

    [[nodiscard]] Cell& at(unsigned r, unsigned c) { return cells[r * columns + c]; }
    [[nodiscard]] const Cell& at(unsigned r, unsigned c) const { return cells[r * columns + c]; }

    // Sizes beyond the greatest are cut.
    void reset(unsigned new_columns, unsigned new_rows);
    // "\n" starts a new line.
    void write(std::string_view text);
    [[nodiscard]] bool consistent() const;
    // Of this structure, as far as it is in use.
    [[nodiscard]] std::size_t bytes() const { return offsetof(Screen, cells) + std::size_t{columns} * rows * sizeof(Cell); }

private:
    void character(char c);
    void control(char c);
    void escape(char c);
    void sequence(char c);
    void execute(char final);
    void print(char c);
    void new_line();
    void scroll();
    void erase(unsigned from, unsigned to);
    void erase_display(unsigned how);
    void erase_line(unsigned how);
    void move_to(unsigned new_row, unsigned new_column);
    void set_graphics();
    void set_graphics(unsigned value);
    [[nodiscard]] unsigned parameter(unsigned index, unsigned default_value) const;
    [[nodiscard]] std::uint8_t painted_attribute() const;
    [[nodiscard]] unsigned visible_column() const { return column < columns ? column : columns - 1u; }
};

}  // namespace ant::console
