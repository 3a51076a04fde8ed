#include <drivers/console/display.hpp>
#include <drivers/console/font.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

using ant::console::Display;
using ant::console::Framebuffer;
using ant::console::Screen;

TEST_CASE("VGA text receives the cells, and the cursor as a cell with exchanged colours", "[display]") {
    std::vector<std::uint16_t> memory(80 * 25);
    const Framebuffer framebuffer{0xb8000, 80, 25, 160, 16};
    REQUIRE(framebuffer.usable());
    CHECK(framebuffer.bytes() == 4000);
    auto screen = std::make_unique<Screen>();
    screen->reset(framebuffer.columns(), framebuffer.rows());
    auto display = std::make_unique<Display>();
    display->attach(framebuffer, memory.data());
    screen->write("ant> ");
    display->paint(*screen);
    CHECK(memory[0] == (0x0700 | 'a'));
    CHECK(memory[5] == (0x7000 | ' '));
    CHECK(memory[6] == (0x0700 | ' '));
}

TEST_CASE("only changed cells are painted again", "[display]") {
    std::vector<std::uint16_t> memory(80 * 25);
    auto screen = std::make_unique<Screen>();
    screen->reset(80, 25);
    auto display = std::make_unique<Display>();
    display->attach({0xb8000, 80, 25, 160, 16}, memory.data());
    display->assume(*screen);
    screen->write("x");
    display->paint(*screen);
    CHECK(memory[0] == (0x0700 | 'x'));
    CHECK(memory[40] == 0);
}

TEST_CASE("a linear framebuffer receives glyphs inside its bounds", "[display]") {
    constexpr unsigned width = 100, height = 50, pitch = 416;  // no multiple of the glyph's size
    std::vector<std::uint8_t> memory(pitch * height + 64, 0xee);
    const Framebuffer framebuffer{0x8000'0000, width, height, pitch, 32};
    REQUIRE(framebuffer.usable());
    auto screen = std::make_unique<Screen>();
    screen->reset(framebuffer.columns(), framebuffer.rows());
    CHECK(screen->columns == 12);
    CHECK(screen->rows == 3);
    auto display = std::make_unique<Display>();
    display->attach(framebuffer, memory.data());
    screen->write("L");
    display->paint(*screen);
    const auto pixel = [&](unsigned x, unsigned y) { return memory[y * pitch + 4 * x]; };
    CHECK(pixel(1, 1) == 0xaa);  // the stem of the L
    CHECK(pixel(4, 1) == 0x00);
    CHECK(pixel(4, 13) == 0xaa);  // its foot
    CHECK(pixel(97, 10) == 0xee);
    for (unsigned i = 0; i < 64; ++i) CHECK(memory[pitch * height + i] == 0xee);
}

TEST_CASE("every printable character has a drawing of its own", "[font]") {
    std::vector<std::vector<std::uint8_t>> pictures;
    for (char c = ' '; c <= '~'; ++c) {
        std::vector<std::uint8_t> picture;
        for (unsigned y = 0; y < ant::console::glyph_height; ++y) picture.push_back(ant::console::glyph_row(c, y));
        CHECK(std::find(pictures.begin(), pictures.end(), picture) == pictures.end());
        pictures.push_back(picture);
    }
    CHECK(ant::console::glyph_row('\x80', 1) != 0);
    CHECK(ant::console::glyph_row('A', 99) == 0);
}
