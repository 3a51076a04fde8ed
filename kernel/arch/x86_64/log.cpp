#include "log.hpp"

#include "serial.hpp"
#include "text_screen.hpp"

#include <algorithm>
#include <cstring>

namespace ant::arch {

namespace {

constexpr std::size_t ring_bytes = 16 * 1024;
constexpr std::size_t line_bytes = 256;

constinit char ring[ring_bytes] = {};
constinit std::uint64_t written = 0;  // since boot; the ring holds the last of it
constinit bool echo = true;

struct Conversion {
    bool left = false;
    bool zeros = false;
    unsigned width = 0;
    unsigned precision = ~0U;
    unsigned longs = 0;  // 0 int, 1 or more: 64 bits
    char kind = 0;
};

class Formatter {
public:
    explicit Formatter(std::span<char> out) : out_{out} {}

    void put(char character) {
        if (length_ + 1 < out_.size()) out_[length_++] = character;
    }
    void put_field(std::string_view text, const Conversion& how, std::string_view prefix = {});
    void put_number(std::uint64_t value, bool negative, const Conversion& how);

    std::size_t finish() {
        if (!out_.empty()) out_[length_] = 0;
        return length_;
    }

private:
    void repeat(char character, std::size_t count) {
        for (; count > 0; --count) put(character);
    }

    std::span<char> out_;
    std::size_t length_ = 0;
};

// `prefix` (a sign) stands before padding zeros and behind padding blanks.
void Formatter::put_field(std::string_view text, const Conversion& how, std::string_view prefix) {
    const std::size_t used = text.size() + prefix.size();
    const std::size_t padding = how.width > used ? how.width - used : 0;
    if (!how.left && !how.zeros) repeat(' ', padding);
    for (const char character : prefix) put(character);
    if (!how.left && how.zeros) repeat('0', padding);
    for (const char character : text) put(character);
    if (how.left) repeat(' ', padding);
}

void Formatter::put_number(std::uint64_t value, bool negative, const Conversion& how) {
    const bool hexadecimal = how.kind == 'x' || how.kind == 'X' || how.kind == 'p';
    const char* digits = how.kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    const unsigned base = hexadecimal ? 16 : 10;
    char text[20];
    char* first = text + sizeof text;
    do {
        *--first = digits[value % base];
        value /= base;
    } while (value > 0);
    put_field({first, static_cast<std::size_t>(text + sizeof text - first)}, how, negative ? "-" : how.kind == 'p' ? "0x" : "");
}

const char* parse_number(const char* at, unsigned& number) {
    number = 0;
    for (; *at >= '0' && *at <= '9'; ++at) number = std::min(number * 10 + static_cast<unsigned>(*at - '0'), 255U);
    return at;
}

const char* parse(const char* at, Conversion& how) {
    for (;; ++at) {
        if (*at == '-')
            how.left = true;
        else if (*at == '0')
            how.zeros = true;
        else if (*at != '#')
            break;
    }
    at = parse_number(at, how.width);
    if (*at == '.') at = parse_number(at + 1, how.precision);
    for (; *at == 'l' || *at == 'z' || *at == 'h'; ++at)
        if (*at != 'h') ++how.longs;
    how.kind = *at;
    return how.kind == 0 ? at : at + 1;
}

struct Arguments {
    std::va_list list;
};

void convert(Formatter& out, const Conversion& how, Arguments& arguments) {
    switch (how.kind) {
        case 'd':
        case 'i': {
            const std::int64_t value = how.longs > 0 ? va_arg(arguments.list, std::int64_t) : va_arg(arguments.list, int);
            const auto bits = static_cast<std::uint64_t>(value);
            out.put_number(value < 0 ? -bits : bits, value < 0, how);
            break;
        }
        case 'u':
        case 'x':
        case 'X':
            out.put_number(how.longs > 0 ? va_arg(arguments.list, std::uint64_t) : va_arg(arguments.list, unsigned), false, how);
            break;
        case 'p':
            out.put_number(va_arg(arguments.list, std::uint64_t), false, how);
            break;
        case 'c': {
            const char character = static_cast<char>(va_arg(arguments.list, int));
            out.put_field({&character, 1}, how);
            break;
        }
        case 's': {
            const char* text = va_arg(arguments.list, const char*);
            if (text == nullptr) text = "(null)";
            std::size_t length = 0;
            while (length < how.precision && text[length] != 0) ++length;
            out.put_field({text, length}, how);
            break;
        }
        default:
            out.put(how.kind == 0 ? '%' : how.kind);
            break;
    }
}

}  // namespace

std::size_t format_list(std::span<char> out, const char* format, std::va_list arguments) {
    Formatter formatter{out};
    Arguments rest;
    va_copy(rest.list, arguments);
    while (*format != 0) {
        if (*format != '%') {
            formatter.put(*format++);
            continue;
        }
        Conversion how;
        format = parse(format + 1, how);
        convert(formatter, how, rest);
    }
    va_end(rest.list);
    return formatter.finish();
}

std::size_t format_text(std::span<char> out, const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    const std::size_t length = format_list(out, format, arguments);
    va_end(arguments);
    return length;
}

void log(const char* format, ...) {
    char line[line_bytes];
    std::va_list arguments;
    va_start(arguments, format);
    const std::size_t length = format_list(line, format, arguments);
    va_end(arguments);
    log_write({line, length});
}

void log_write(std::string_view text) {
    for (const char character : text) ring[written++ % ring_bytes] = character;
    if (!echo) return;
    serial::write(text);
    text_screen::write(text);
}

std::size_t log_read(std::uint64_t& from, std::span<char> out) {
    if (from > written) from = written;
    if (written - from > ring_bytes) from = written - ring_bytes;
    const std::size_t count = std::min<std::uint64_t>(out.size(), written - from);
    for (std::size_t i = 0; i < count; ++i) out[i] = ring[from++ % ring_bytes];
    return count;
}

std::uint64_t log_end() { return written; }

void log_echo(bool on) { echo = on; }

}  // namespace ant::arch
