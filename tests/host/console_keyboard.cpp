#include <drivers/console/keyboard.hpp>

#include <catch2/catch.hpp>

#include <initializer_list>
#include <string>

namespace {

std::string typed(std::initializer_list<int> codes) {
    ant::console::Keyboard keyboard{};
    std::string text;
    for (const int code : codes) text += ant::console::decode(keyboard, static_cast<std::uint8_t>(code)).text();
    return text;
}

}  // namespace

TEST_CASE("letters and digits are typed on press only", "[keyboard]") {
    CHECK(typed({0x1e, 0x9e, 0x30, 0xb0, 0x02, 0x82}) == "ab1");
    CHECK(typed({0x1c, 0x9c}) == "\r");
    CHECK(typed({0x0e}) == "\x7f");
    CHECK(typed({0x39}) == " ");
}

TEST_CASE("shift and caps lock change letters, caps lock no digits", "[keyboard]") {
    CHECK(typed({0x2a, 0x1e, 0x02, 0xaa, 0x1e}) == "A!a");
    CHECK(typed({0x36, 0x28, 0xb6, 0x28}) == "\"'");
    CHECK(typed({0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0xaa, 0x3a, 0xba, 0x1e}) == "A1aa");
}

TEST_CASE("control makes control characters, alt prefixes them with escape", "[keyboard]") {
    CHECK(typed({0x1d, 0x2e, 0x9d, 0x2e}) ==
          "\x03"
          "c");
    CHECK(typed({0xe0, 0x1d, 0x26, 0xe0, 0x9d}) == "\x0c");
    CHECK(typed({0x38, 0x30, 0xb8}) ==
          "\x1b"
          "b");
}

TEST_CASE("cursor keys send what a VT100 sends, with and without the extended prefix", "[keyboard]") {
    CHECK(typed({0xe0, 0x48, 0xe0, 0xc8}) == "\x1b[A");
    CHECK(typed({0x48}) == "\x1b[A");
    CHECK(typed({0xe0, 0x53}) == "\x1b[3~");
    CHECK(typed({0xe0, 0x35, 0x35}) == "//");
    // Print Screen, and the shifts that keyboards make up around cursor keys
    CHECK(typed({0xe0, 0x2a, 0xe0, 0x4b, 0xe0, 0xcb, 0xe0, 0xaa, 0x1e}) == "\x1b[Da");
}

TEST_CASE("the pause key and unknown codes type nothing", "[keyboard]") {
    CHECK(typed({0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e}) == "a");
    CHECK(typed({0x00, 0x7f, 0xff, 0xe0, 0x00, 0x1e}) == "a");
    ant::console::Keyboard keyboard{};
    for (int code = 0; code < 3 * 256; ++code) (void)ant::console::decode(keyboard, static_cast<std::uint8_t>(code * 7));
}
