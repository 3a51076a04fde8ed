#include "output.hpp"

#include "error_name.hpp"

#include <ant/process.hpp>

namespace ant::shell {
namespace {

// A console that has just died comes back within that time, or the text is lost.
constexpr unsigned attempts = 40;
constexpr std::uint64_t pause_us = 50'000;

}  // namespace

constinit Client console_client{"console"};
constinit Output out{console_client};

void Output::write(std::string_view text) {
    while (!text.empty()) {
        if (text_.full()) flush();
        const std::string_view piece = text.substr(0, text_.space());
        text_.append(piece);
        text.remove_prefix(piece.size());
    }
}

void Output::print(const char* format, ...) {
    char line[1024];
    std::va_list arguments;
    va_start(arguments, format);
    const std::size_t length = format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    write({line, std::min(length, sizeof line - 1)});
}

void Output::flush() {
    if (!text_.empty()) send(text_.view());
    text_.clear();
}

void Output::send(std::string_view text) {
    const auto fill = [&](console::Text& to) {
        to.bytes = static_cast<std::uint32_t>(text.size());
        std::copy_n(text.data(), text.size(), to.text);
    };
    for (unsigned attempt = 0; attempt < attempts; ++attempt) {
        const auto written = console_client.call_in_place(console::write, fill, 0, {}, no_limit);
        if (written) return;
        wait_us(pause_us);
    }
}

int fail(Error error) { return fail(error, error_text(error)); }

int fail(Error error, const char* why) {
    out.print("error=%s why=\"%s\"\n", error_name(error), why);
    return 1;
}

}  // namespace ant::shell
