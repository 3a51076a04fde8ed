#include <ant/console.hpp>

#include <ant/process.hpp>

namespace ant::console {

namespace {

constinit Client server{"console"};

namespace key {
constexpr char interrupt = 3, end_of_input = 4, backspace = 8, kill_line = 21, erase = 127;
}

// Typed, but not yet asked for: a paste brings many lines at once.
constinit char typed[256] = {};
constinit std::size_t typed_begin = 0, typed_end = 0;

Result<char> next_character() {
    if (typed_begin == typed_end) {
        typed_end = ANT_TRY(get(typed));
        typed_begin = 0;
    }
    return typed[typed_begin++];
}

// Takes the last `count` characters off the screen.
void rub_out(std::size_t count) {
    for (; count != 0; --count) (void)put("\b \b");
}

}  // namespace

Result<> put(std::string_view text) {
    while (!text.empty()) {
        const auto bytes = static_cast<std::uint32_t>(text.size() < max_text ? text.size() : max_text);
        const auto fill = [&](Text& params) {
            params.bytes = bytes;
            __builtin_memcpy(params.text, text.data(), bytes);
        };
        ANT_TRY(server.call_in_place(write, fill, 0, {}, no_limit));
        text.remove_prefix(bytes);
    }
    return {};
}

void print(const char* format, ...) {
    char line[print_bytes];
    std::va_list arguments;
    va_start(arguments, format);
    const std::size_t length = format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    (void)put({line, length < sizeof line ? length : sizeof line - 1});
}

Result<std::size_t> get(std::span<char> text, bool wait) {
    const auto most = static_cast<std::uint32_t>(text.size() < max_text ? text.size() : max_text);
    const auto fill = [&](Read& params) { params = {most, wait ? 0U : 1U}; };
    const auto answer = ANT_TRY(server.call_in_place(read, fill, 0, {}, no_limit));
    const std::uint32_t bytes = answer.result->bytes;
    if (bytes > most) return Failure(Error::io_error);
    __builtin_memcpy(text.data(), answer.result->text, bytes);
    return std::size_t{bytes};
}

LineEditor::State LineEditor::finish(State state, std::string_view echo) {
    (void)put(echo);
    fresh_ = true;
    return state;
}

LineEditor::State LineEditor::feed(char c) {
    if (fresh_) length_ = 0;
    fresh_ = false;
    switch (c) {
        case '\r':
        case '\n':
            line_[length_++] = '\n';
            return finish(State::complete, "\n");
        case key::interrupt:
            return finish(State::interrupted, "^C\n");
        case key::end_of_input:
            return length_ == 0 ? finish(State::end_of_input, "") : State::editing;
        case key::kill_line:
            rub_out(length_);
            length_ = 0;
            return State::editing;
        case key::backspace:
        case key::erase:
            if (length_ != 0) {
                rub_out(1);
                --length_;
            }
            return State::editing;
        default:
            break;
    }
    // The last place is the newline's.
    if ((c < ' ' && c != '\t') || length_ + 1 >= capacity) return State::editing;
    (void)put({&c, 1});
    line_[length_++] = c;
    return State::editing;
}

Result<std::size_t> read_line(std::span<char> line) {
    LineEditor editor;
    for (;;) {
        switch (editor.feed(ANT_TRY(next_character()))) {
            case LineEditor::State::editing:
                break;
            case LineEditor::State::end_of_input:
                return std::size_t{0};
            case LineEditor::State::interrupted:
                return Failure(Error::cancelled);
            case LineEditor::State::complete: {
                const std::string_view text = editor.line();
                const std::size_t bytes = text.size() < line.size() ? text.size() : line.size();
                __builtin_memcpy(line.data(), text.data(), bytes);
                return bytes;
            }
        }
    }
}

}  // namespace ant::console
