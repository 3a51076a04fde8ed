// Paints a Screen into the memory of a VGA text mode or of a linear framebuffer of 32 bits per pixel.
#pragma once

#include "screen.hpp"

#include <cstddef>
#include <cstdint>

namespace ant::console {

struct Framebuffer {
    std::uint64_t physical;  // 0: none
    std::uint32_t width, height, pitch, bits;

    [[nodiscard]] bool text() const { return bits == 16 && height == 25; }
    [[nodiscard]] bool pixels() const { return bits == 32; }
    [[nodiscard]] bool usable() const { return physical != 0 && width != 0 && height != 0 && (text() || pixels()); }
    [[nodiscard]] std::size_t bytes() const;
    [[nodiscard]] unsigned columns() const;
    [[nodiscard]] unsigned rows() const;
};

class Display {
public:
    // `memory` is the mapped framebuffer. Until then nothing is painted.
    void attach(const Framebuffer& framebuffer, void* memory);
    [[nodiscard]] bool attached() const { return memory_ != nullptr; }

    // Cells that differ from what is there. After forget() all of them.
    void paint(const Screen& screen);
    void forget() { known_ = false; }
    // Takes it that the screen is painted already, as it is after a hand-over.
    void assume(const Screen& screen);

private:
    [[nodiscard]] static Cell wanted(const Screen& screen, unsigned row, unsigned column);
    void paint_cell(unsigned row, unsigned column, Cell cell);
    void paint_glyph(unsigned row, unsigned column, Cell cell);

    Framebuffer framebuffer_{};
    std::byte* memory_ = nullptr;
    bool known_ = false;
    Cell shown_[max_columns * max_rows] = {};
};

}  // namespace ant::console
