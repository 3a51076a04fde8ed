// A font for linear framebuffers: printable ASCII, drawn on a grid of 5 x 8 and widened to cells of 8 x 16.
#pragma once

#include <cstdint>

namespace ant::console {

inline constexpr unsigned glyph_width = 8;
inline constexpr unsigned glyph_height = 16;

// Row `y` (0..15) of the picture of `character`; the most significant bit is the leftmost pixel.
std::uint8_t glyph_row(char character, unsigned y);

}  // namespace ant::console
