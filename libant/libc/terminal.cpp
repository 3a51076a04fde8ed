#include "terminal.hpp"

#include <ant/process.hpp>

namespace ant::foreign {

namespace {

// As a shell reports a program that ^C ended.
constexpr std::uint32_t interrupted_status = 128 + 2;

}  // namespace

Terminal::Terminal() {
    attributes_.c_iflag = ICRNL;
    attributes_.c_oflag = OPOST | ONLCR;
    attributes_.c_cflag = B38400 | CS8 | CREAD;
    attributes_.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK;
    attributes_.c_cc[VINTR] = 3;
    attributes_.c_cc[VERASE] = 127;
    attributes_.c_cc[VKILL] = 21;
    attributes_.c_cc[VEOF] = 4;
    attributes_.c_cc[VMIN] = 1;
}

Terminal& terminal() {
    static Terminal the_terminal;
    return the_terminal;
}

Answer Terminal::write(std::string_view text) {
    const auto written = console::put(text);
    return written ? static_cast<Answer>(text.size()) : failure(written.error());
}

void Terminal::take_typed(bool wait) {
    if (typed_begin_ != typed_end_) return;
    const auto got = console::get(typed_, wait);
    typed_begin_ = 0;
    typed_end_ = got ? *got : 0;
    if (!got && got.error() != Error::would_block) end_of_input_ = true;  // the console is gone
}

// Line mode: one character into the editor.
void Terminal::take_character(char c) {
    switch (editor_.feed(c)) {
        case console::LineEditor::State::editing:
            break;
        case console::LineEditor::State::end_of_input:
            end_of_input_ = true;
            break;
        case console::LineEditor::State::interrupted:
            exit(interrupted_status);
        case console::LineEditor::State::complete:
            __builtin_memcpy(line_, editor_.line().data(), editor_.line().size());
            pending_ = {line_, editor_.line().size()};
            break;
    }
}

bool Terminal::readable() {
    take_typed(false);
    if (!lines()) return typed_begin_ != typed_end_ || end_of_input_;
    while (pending_.empty() && !end_of_input_ && typed_begin_ != typed_end_) take_character(typed_[typed_begin_++]);
    return !pending_.empty() || end_of_input_;
}

Answer Terminal::read(std::span<char> text, bool wait) {
    if (text.empty()) return 0;
    while (!readable()) {
        if (!wait) return -EAGAIN;
        take_typed(true);
    }
    const std::string_view source = lines() ? pending_ : std::string_view{typed_ + typed_begin_, typed_end_ - typed_begin_};
    const std::size_t bytes = source.size() < text.size() ? source.size() : text.size();
    __builtin_memcpy(text.data(), source.data(), bytes);
    if (lines())
        pending_.remove_prefix(bytes);
    else
        typed_begin_ += bytes;
    if (bytes == 0) end_of_input_ = false;  // read once; the next read waits again
    return static_cast<Answer>(bytes);
}

Answer Terminal::size(winsize_linux& size) const {
    static constinit Client server{"console"};
    const auto answer = server.call(console::size);
    if (!answer) return failure(answer.error());
    size = {static_cast<unsigned short>(answer->result.rows), static_cast<unsigned short>(answer->result.columns), 0, 0};
    return 0;
}

}  // namespace ant::foreign
