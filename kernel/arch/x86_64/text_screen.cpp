#include "text_screen.hpp"

#include <cstdint>

namespace ant::arch::text_screen {

namespace {

constexpr unsigned max_columns = 132;
constexpr std::uint16_t light_grey = 0x07 << 8;

constinit volatile std::uint16_t* cells = nullptr;
constinit unsigned columns = 0;
constinit unsigned rows = 0;
constinit unsigned column = 0;
constinit unsigned row = 0;

void scroll() {
    for (unsigned i = 0; i < columns * (rows - 1); ++i) cells[i] = cells[i + columns];
    for (unsigned i = 0; i < columns; ++i) cells[columns * (rows - 1) + i] = light_grey | ' ';
}

void new_line() {
    column = 0;
    if (row + 1 < rows)
        ++row;
    else
        scroll();
}

}  // namespace

void init(const BootInfo& info) {
    if (info.framebuffer == 0 || info.framebuffer_bits != 16 || info.framebuffer_height != 25) return;
    if (info.framebuffer_width == 0 || info.framebuffer_width > max_columns) return;
    columns = info.framebuffer_width;
    rows = info.framebuffer_height;
    cells = static_cast<volatile std::uint16_t*>(map_device(info.framebuffer, std::size_t{columns} * rows * 2));
    row = rows - 1;  // below what the loader wrote
}

void write(std::string_view text) {
    if (cells == nullptr) return;
    for (const char character : text) {
        if (character == '\n' || column == columns) new_line();
        if (character == '\n' || character == '\r') continue;
        cells[row * columns + column++] = static_cast<std::uint16_t>(light_grey | static_cast<std::uint8_t>(character));
    }
}

}  // namespace ant::arch::text_screen
