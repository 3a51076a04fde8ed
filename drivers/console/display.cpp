#include "display.hpp"

#include "font.hpp"

namespace ant::console {
namespace {

// The sixteen colours of VGA text as 0x00rrggbb.
constexpr std::uint32_t palette[16] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

}  // namespace

std::size_t Framebuffer::bytes() const {
    return text() ? std::size_t{width} * height * sizeof(Cell) : std::size_t{pitch} * height;
}
unsigned Framebuffer::columns() const { return text() ? width : width / glyph_width; }
unsigned Framebuffer::rows() const { return text() ? height : height / glyph_height; }

void Display::attach(const Framebuffer& framebuffer, void* memory) {
    framebuffer_ = framebuffer;
    memory_ = static_cast<std::byte*>(memory);
    known_ = false;
}

// The cursor is a cell with its colours exchanged.
Cell Display::wanted(const Screen& screen, unsigned row, unsigned column) {
    const Cell cell = screen.at(row, column);
    const unsigned cursor_column = screen.column < screen.columns ? screen.column : screen.columns - 1u;
    if (row != screen.row || column != cursor_column) return cell;
    return static_cast<Cell>((cell & 0xff) | (cell & 0x0f00) << 4 | (cell & 0xf000) >> 4);
}

void Display::assume(const Screen& screen) {
    for (unsigned row = 0; row < screen.rows; ++row)
        for (unsigned column = 0; column < screen.columns; ++column)
            shown_[row * screen.columns + column] = wanted(screen, row, column);
    known_ = true;
}

void Display::paint(const Screen& screen) {
    if (memory_ == nullptr) return;
    for (unsigned row = 0; row < screen.rows; ++row) {
        for (unsigned column = 0; column < screen.columns; ++column) {
            Cell& shown = shown_[row * screen.columns + column];
            const Cell cell = wanted(screen, row, column);
            if (known_ && shown == cell) continue;
            shown = cell;
            paint_cell(row, column, cell);
        }
    }
    known_ = true;
}

void Display::paint_cell(unsigned row, unsigned column, Cell cell) {
    if (framebuffer_.pixels()) return paint_glyph(row, column, cell);
    auto* cells = reinterpret_cast<volatile Cell*>(memory_);
    cells[row * framebuffer_.width + column] = cell;
}

void Display::paint_glyph(unsigned row, unsigned column, Cell cell) {
    const std::uint32_t foreground = palette[cell >> 8 & 15];
    const std::uint32_t background = palette[cell >> 12 & 15];
    for (unsigned y = 0; y < glyph_height; ++y) {
        const std::uint8_t pixels = glyph_row(static_cast<char>(cell & 0xff), y);
        std::byte* line = memory_ + std::size_t{row * glyph_height + y} * framebuffer_.pitch;
        auto* to = reinterpret_cast<volatile std::uint32_t*>(line) + column * glyph_width;
        for (unsigned x = 0; x < glyph_width; ++x) to[x] = (pixels >> (glyph_width - 1 - x) & 1) != 0 ? foreground : background;
    }
}

}  // namespace ant::console
