// The few further functions of the C library that servers and C sources in them (lwIP) need. A library of its
// own, searched last: programs on the C library get musl's.
#include <ant/process.hpp>

#include <climits>
#include <cstdarg>
#include <cstddef>

namespace {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Value of a digit in any base up to 36; 36 if it is none.
constexpr unsigned digit_value(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A') + 10;
    return 36;
}

struct Parsed {
    unsigned long value;
    bool negative, overflow;
};

Parsed parse(const char* text, char** end, unsigned base) {
    const char* p = text;
    Parsed parsed{};
    while (is_space(*p)) ++p;
    if (*p == '-' || *p == '+') parsed.negative = *p++ == '-';
    if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 0x20) == 'x' && digit_value(p[2]) < 16) {
        p += 2;
        base = 16;
    } else if (base == 0) {
        base = *p == '0' ? 8 : 10;
    }
    bool any = false;
    for (unsigned digit; (digit = digit_value(*p)) < base; ++p) {
        any = true;
        parsed.overflow |= __builtin_mul_overflow(parsed.value, base, &parsed.value);
        parsed.overflow |= __builtin_add_overflow(parsed.value, digit, &parsed.value);
    }
    if (end != nullptr) *end = const_cast<char*>(any ? p : text);
    return parsed;
}

}  // namespace

extern "C" {

unsigned long strtoul(const char* text, char** end, int base) {
    const Parsed parsed = parse(text, end, static_cast<unsigned>(base));
    if (parsed.overflow) return ULONG_MAX;
    return parsed.negative ? -parsed.value : parsed.value;
}

long strtol(const char* text, char** end, int base) {
    const Parsed parsed = parse(text, end, static_cast<unsigned>(base));
    const unsigned long limit = static_cast<unsigned long>(LONG_MAX) + (parsed.negative ? 1 : 0);
    if (parsed.overflow || parsed.value > limit) return parsed.negative ? LONG_MIN : LONG_MAX;
    return static_cast<long>(parsed.negative ? -parsed.value : parsed.value);
}

int atoi(const char* text) { return static_cast<int>(strtol(text, nullptr, 10)); }

int vsnprintf(char* out, std::size_t capacity, const char* text, std::va_list arguments) {
    return static_cast<int>(ant::format_list(out, capacity, text, arguments));
}

int snprintf(char* out, std::size_t capacity, const char* text, ...) {
    std::va_list arguments;
    va_start(arguments, text);
    const std::size_t length = ant::format_list(out, capacity, text, arguments);
    va_end(arguments);
    return static_cast<int>(length);
}

// Static objects live until the process ends: its memory goes back as a whole.
void* __dso_handle = nullptr;
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
int atexit(void (*)()) { return 0; }
[[noreturn]] void abort() { ant::panic("abort"); }

}  // extern "C"
