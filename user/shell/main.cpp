// The shell: slot "shell". Reads lines from the console and runs commands.
#include "commands.hpp"
#include "line_editor.hpp"
#include "session.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/process.hpp>

#include <optional>

ANT_MANIFEST(.version = 1, .name = "shell", .priority = 10,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .state_writes = ant::shell::session_format,
             .state_reads = 1U << ant::shell::session_format, .quota_pages = 4096, .quota_calls = 64, .restart = 1,
             .callees = "*");

namespace ant::shell {

namespace {

constexpr std::string_view prompt = "ant> ", text_prompt = "> ";
constexpr std::uint64_t console_pause_us = 100'000;
constexpr unsigned usual_columns = 80;

constinit std::optional<LineEditor> editor;  // from the beginning of the session
LineEditor::Echo echo;

// Input that has arrived and is not yet used.
console::Text input;
std::uint32_t input_used = 0;

char next_byte() {
    while (input_used == input.bytes) {
        out.flush();
        const auto answer = console_client.call(console::read, {.bytes = console::max_text, .dont_wait = 0}, {}, no_limit);
        if (!answer) {
            wait_us(console_pause_us);  // the console is gone; it may come back
            continue;
        }
        input = answer->result;
        input_used = 0;
        if (input.bytes > console::max_text) input.bytes = 0;
    }
    return input.text[input_used++];
}

console::Size console_size() {
    const auto answer = console_client.call(console::size);
    return answer ? answer->result : console::Size{usual_columns, 25, 1, 0, 0};
}

// The width of a terminal on a serial line is not known.
unsigned columns_of(const console::Size& size) { return size.serial != 0 ? usual_columns : size.columns; }

void show_prompt() {
    out.flush();
    const console::Size size = console_size();
    if (size.column != 0) out.write("\n");  // a program has left its last line open
    out.write(prompt);
    out.flush();
    if (session->prompt_ns == 0) {
        session->prompt_ns = clock_ns();
        log("prompt at %lu ns", session->prompt_ns);  // `bench boot` looks for this line
    }
    editor->begin(prompt.size(), columns_of(size));
}

// false: forget the line.
bool read_line(std::string_view behind) {
    for (;;) {
        echo.clear();
        const auto event = editor->feed(next_byte(), echo);
        out.write(echo.view());
        switch (event) {
            case LineEditor::Event::none:
                break;
            case LineEditor::Event::line:
                out.flush();
                return true;
            case LineEditor::Event::interrupted:
                return false;
            case LineEditor::Event::clear:
                out.write(behind);
                echo.clear();
                editor->show_again(echo);
                out.write(echo.view());
                break;
        }
    }
}

}  // namespace

bool ask_line(std::string_view& line) {
    out.write(text_prompt);
    editor->begin(text_prompt.size(), columns_of(console_size()), false);
    const bool complete = read_line(text_prompt);
    line = editor->line();
    return complete;
}

[[noreturn]] void serve() {
    editor.emplace(session->history);
    if (session->replacement != 0) session->status = finish_replacement();  // that of the shell before
    for (;;) {
        show_prompt();
        if (read_line(prompt)) run_line(editor->line());
    }
}

}  // namespace ant::shell

int main() {
    const auto begun = ant::shell::begin_session();
    if (!begun) return static_cast<int>(begun.error());
    ant::shell::serve();
}
