#include "notices.hpp"

#include <ant/interface/console.hpp>
#include <ant/process.hpp>

namespace ant::guardian_server {

void Notices::add(const char* format, ...) {
    char text[160];
    std::va_list arguments;
    va_start(arguments, format);
    format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    log("%s", text);
    say("guardian: %s", text);
}

void Notices::say(const char* format, ...) {
    if (count_ == max_lines) return;
    std::va_list arguments;
    va_start(arguments, format);
    format_list(lines_[count_].text, sizeof(Line::text), format, arguments);
    va_end(arguments);
    ++count_;
    attempts_ = 0;
}

bool Notices::flush() {
    while (count_ != 0) {
        console::Text text;
        text.bytes = static_cast<std::uint32_t>(ant::format(text.text, sizeof text.text, "%s\n", lines_[0].text));
        if (!console_.send(console::write, text)) {
            if (++attempts_ < max_attempts) return false;
            count_ = 0;
            return true;
        }
        for (unsigned i = 1; i < count_; ++i) lines_[i - 1] = lines_[i];
        --count_;
    }
    return true;
}

}  // namespace ant::guardian_server
