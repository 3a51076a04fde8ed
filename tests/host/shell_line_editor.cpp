// The line editor against the console driver's own terminal emulation: what counts is what one would see.
#include <user/shell/line_editor.hpp>

#include <drivers/console/screen.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <string>

namespace {

using ant::console::Screen;
using ant::shell::History;
using ant::shell::LineEditor;
using Event = LineEditor::Event;

struct Desk {
    std::unique_ptr<History> history = std::make_unique<History>();
    std::unique_ptr<Screen> screen = std::make_unique<Screen>();
    std::unique_ptr<LineEditor> editor = std::make_unique<LineEditor>(*history);
    std::string echoed;

    explicit Desk(unsigned columns = 40, unsigned rows = 12) {
        screen->reset(columns, rows);
        prompt();
    }
    void prompt() {
        screen->write("ant> ");
        editor->begin(5, screen->columns);
        echoed.clear();
    }
    Event type(std::string_view keys) {
        Event event = Event::none;
        for (const char key : keys) {
            LineEditor::Echo echo;
            event = editor->feed(key, echo);
            echoed += echo.view();
            screen->write(echo.view());
        }
        return event;
    }
    void enter(std::string_view line) {
        type(line);
        REQUIRE(type("\n") == Event::line);
        prompt();
    }
    [[nodiscard]] std::string line() const { return std::string{editor->line()}; }
    // Everything from the prompt on, without the spaces behind.
    [[nodiscard]] std::string shown(unsigned from_row = 0) const {
        std::string text;
        for (unsigned r = from_row; r < screen->rows; ++r)
            for (unsigned c = 0; c < screen->columns; ++c) text += static_cast<char>(screen->at(r, c));
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    }
};

constexpr std::string_view up = "\x1b[A", down = "\x1b[B", right = "\x1b[C", left = "\x1b[D", home = "\x1b[H", end = "\x1b[F",
                           del = "\x1b[3~", backspace = "\x7f";
std::string control(char letter) { return std::string(1, static_cast<char>(letter & 0x1f)); }

}  // namespace

TEST_CASE("what is typed at the end is echoed as it is", "[editor]") {
    Desk desk;
    desk.type("help me");
    CHECK(desk.echoed == "help me");
    CHECK(desk.type("\r") == Event::line);
    CHECK(desk.echoed == "help me\n");
    CHECK(desk.line() == "help me");
}

TEST_CASE("return, line feed and both together end one line", "[editor]") {
    Desk desk;
    CHECK(desk.type("a\r") == Event::line);
    desk.prompt();
    CHECK(desk.type("\n") == Event::none);
    CHECK(desk.type("b\n") == Event::line);
    CHECK(desk.line() == "b");
}

TEST_CASE("the cursor moves and text is inserted and deleted where it stands", "[editor]") {
    Desk desk;
    desk.type("helo");
    desk.type(left);
    desk.type("l");
    CHECK(desk.shown() == "ant> hello");
    desk.type(home);
    desk.type(del);
    desk.type("H");
    desk.type(end);
    desk.type("!");
    CHECK(desk.line() == "Hello!");
    CHECK(desk.shown() == "ant> Hello!");
    desk.type(backspace);
    desk.type(left);
    desk.type(backspace);
    CHECK(desk.shown() == "ant> Helo");
    desk.type("\x1bOH>");
    CHECK(desk.line() == ">Helo");
    desk.type("\x1b[4~<\x1b[1~*\x1b[8~*");
    CHECK(desk.line() == "*>Helo<*");
}

TEST_CASE("control keys edit as in other shells", "[editor]") {
    Desk desk;
    desk.type("one two three");
    desk.type(control('W'));
    CHECK(desk.shown() == "ant> one two");
    desk.type(control('A') + control('F') + control('F') + control('F') + control('K'));
    CHECK(desk.line() == "one");
    desk.type(control('E') + " more" + control('U'));
    CHECK(desk.line().empty());
    CHECK(desk.shown() == "ant>");
    desk.type(control('U') + control('K') + control('W') + control('D') + std::string(backspace));
    CHECK(desk.line().empty());
}

TEST_CASE("Ctrl-C forgets the line, Ctrl-L asks for a clean screen", "[editor]") {
    Desk desk;
    CHECK(desk.type("text\x03") == Event::interrupted);
    desk.prompt();
    CHECK(desk.line().empty());
    desk.type("abc");
    desk.type(left);
    CHECK(desk.type(control('L')) == Event::clear);
    desk.screen->write("ant> ");
    LineEditor::Echo echo;
    desk.editor->show_again(echo);
    desk.screen->write(echo.view());
    CHECK(desk.shown() == "ant> abc");
    desk.type("X");
    CHECK(desk.shown() == "ant> abXc");
}

TEST_CASE("the history is walked up and down, the unfinished line comes back", "[editor]") {
    Desk desk;
    for (const auto* line : {"first", "second", "second", "", "third"}) desk.enter(line);
    CHECK(desk.history->size() == 3);
    desk.type("unfinished");
    desk.type(up);
    CHECK(desk.line() == "third");
    desk.type(up);
    desk.type(up);
    desk.type(up);
    CHECK(desk.line() == "first");
    desk.type(down);
    CHECK(desk.line() == "second");
    desk.type(control('N') + control('N') + control('N'));
    CHECK(desk.line() == "unfinished");
    desk.type(control('P'));
    CHECK(desk.type("!\n") == Event::line);
    CHECK(desk.line() == "third!");
    CHECK(desk.history->back(1) == "third!");
    CHECK(desk.history->back(2) == "third");
}

TEST_CASE("the history keeps more than a hundred lines and forgets the oldest", "[editor]") {
    History history;
    for (int i = 0; i < 200; ++i) history.add("line " + std::to_string(i));
    CHECK(history.size() == History::capacity);
    CHECK(history.size() >= 100);
    CHECK(history.back(1) == "line 199");
    CHECK(history.back(History::capacity) == "line " + std::to_string(200 - History::capacity));
}

TEST_CASE("a line longer than the screen is wide stays right while it is edited", "[editor]") {
    Desk desk{20, 12};
    const std::string text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ";
    desk.type(text);
    CHECK(desk.echoed == text);
    CHECK(desk.shown() == "ant> " + text);
    desk.type(home);
    desk.type("<");
    desk.type(end);
    desk.type(">");
    CHECK(desk.shown() == "ant> <" + text + ">");
    desk.type(control('A') + control('K'));
    CHECK(desk.shown() == "ant>");
}

TEST_CASE("the redrawn line never repeats the prompt", "[editor]") {
    Desk desk;
    desk.enter("earlier");
    desk.type(up);
    desk.type(left);
    desk.type("x");
    CHECK(desk.echoed.find("ant>") == std::string::npos);
}

TEST_CASE("a line that is full takes no more and stays as it is", "[editor]") {
    Desk desk{80, 20};
    desk.type(std::string(ant::shell::max_line, 'x'));
    desk.type("y");
    CHECK(desk.line() == std::string(ant::shell::max_line, 'x'));
    CHECK(desk.echoed.back() == '\a');
}

TEST_CASE("whatever keys are pressed, the screen shows the line and the cursor its position", "[editor]") {
    std::mt19937 random{3};
    const std::string keys[] = {"a",
                                "b ",
                                "xyz",
                                std::string(left),
                                std::string(right),
                                std::string(home),
                                std::string(end),
                                std::string(del),
                                std::string(backspace),
                                std::string(backspace),
                                control('W'),
                                control('K'),
                                control('A'),
                                control('E'),
                                std::string(up),
                                std::string(down),
                                "\x1b[5~",
                                "\x1b[1;5C",
                                "hello "};
    for (const unsigned columns : {10u, 17u, 40u}) {
        Desk desk{columns, 64};
        desk.enter("a line of the history");
        const unsigned start = desk.screen->row;
        for (int i = 0; i < 3000; ++i) {
            if (desk.line().size() > 150) desk.type(control('E') + control('U'));
            desk.type(keys[random() % std::size(keys)]);
            std::string expected = "ant> " + desk.line();
            expected.erase(expected.find_last_not_of(' ') + 1);
            REQUIRE(desk.shown(start) == expected);
        }
    }
}
