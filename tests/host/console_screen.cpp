#include <drivers/console/screen.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <string>

namespace {

using ant::console::Screen;

struct Terminal {
    std::unique_ptr<Screen> screen = std::make_unique<Screen>();

    explicit Terminal(unsigned columns = 10, unsigned rows = 4) { screen->reset(columns, rows); }
    Terminal& write(std::string_view text) {
        screen->write(text);
        return *this;
    }
    // Without trailing spaces.
    [[nodiscard]] std::string line(unsigned row) const {
        std::string text;
        for (unsigned c = 0; c < screen->columns; ++c) text += static_cast<char>(screen->at(row, c));
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    }
};

}  // namespace

TEST_CASE("lines follow each other and scroll off the top", "[screen]") {
    Terminal t;
    t.write("one\ntwo\nthree\nfour\nfive");
    CHECK(t.line(0) == "two");
    CHECK(t.line(3) == "five");
    CHECK(t.screen->row == 3);
    CHECK(t.screen->column == 4);
}

TEST_CASE("a full line wraps only when another character comes", "[screen]") {
    Terminal t;
    t.write("0123456789");
    CHECK(t.screen->row == 0);
    t.write("x");
    CHECK(t.line(0) == "0123456789");
    CHECK(t.line(1) == "x");
    Terminal exact;
    exact.write("0123456789\nnext");
    CHECK(exact.line(1) == "next");
}

TEST_CASE("backspace, return and tab move the cursor", "[screen]") {
    Terminal t;
    t.write("abc\b\bX\r1");
    CHECK(t.line(0) == "1Xc");
    CHECK(Terminal{}.write("a\tb").line(0) == "a       b");
    CHECK(Terminal{}.write("\b\bok").line(0) == "ok");
}

TEST_CASE("control sequences position and erase", "[screen]") {
    CHECK(Terminal{}.write("hello\x1b[3D\x1b[K").line(0) == "he");
    CHECK(Terminal{}.write("hello\x1b[2G*").line(0) == "h*llo");
    Terminal t;
    t.write("a\nb\nc\x1b[2;1HB\x1b[J");
    CHECK(t.line(0) == "a");
    CHECK(t.line(1) == "B");
    CHECK(t.line(2).empty());
    t.write("\x1b[2J\x1b[Htop");
    CHECK(t.line(0) == "top");
    CHECK(t.line(1).empty());
}

TEST_CASE("positions beyond the edges stop at the edges", "[screen]") {
    Terminal t;
    t.write("\x1b[999;999Hx\x1b[99A\x1b[99D^");
    CHECK(t.line(3) == "         x");
    CHECK(t.line(0) == "^");
}

TEST_CASE("colours are translated to attributes", "[screen]") {
    Terminal t;
    t.write("\x1b[1;31;44mx\x1b[0my\x1b[7mz");
    CHECK(t.screen->at(0, 0) == (0x1c << 8 | 'x'));
    CHECK(t.screen->at(0, 1) == (0x07 << 8 | 'y'));
    CHECK(t.screen->at(0, 2) == (0x70 << 8 | 'z'));
}

TEST_CASE("unknown sequences and other alphabets leave no rubbish", "[screen]") {
    CHECK(Terminal{}.write("\x1b[?25l\x1b[>c\x1b]0;title\a\x1b(Bok").line(0).ends_with("ok"));
    CHECK(Terminal{}.write("a\xc3\xa4z").line(0) == "a?z");
}

TEST_CASE("no input brings the screen into an inconsistent state", "[screen]") {
    std::mt19937 random{7};
    const std::string_view alphabet{"\x1b\x1b[[[;0123456789ABCDGHJKmsu78c\n\r\b\t xyz\xff\x80?"};
    Terminal t{5, 3};
    for (int i = 0; i < 200'000; ++i) {
        t.write(alphabet.substr(random() % alphabet.size(), 1));
        REQUIRE(t.screen->consistent());
    }
}
