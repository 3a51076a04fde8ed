#include <ant/process.hpp>

#include <ant/syscalls.hpp>

#include "clock_scale.hpp"
#include "start.hpp"

namespace ant {

namespace {

constinit const abi::StartupInfo* info = nullptr;
constinit ClockScale scale{};

constexpr std::size_t log_line_bytes = 512;

// The `index`-th of the strings that lie back to back at `strings`.
const char* string_at(const char* strings, unsigned index) {
    while (index-- != 0) strings += __builtin_strlen(strings) + 1;
    return strings;
}

struct Line {
    char text[log_line_bytes];
    std::size_t length;
    Line(const char* format, std::va_list arguments) : length{format_list(text, sizeof text, format, arguments)} {
        if (length >= sizeof text) length = sizeof text - 1;
        sys::log(text, length);
    }
};

}  // namespace

void set_startup(const abi::StartupInfo* startup_info) {
    info = startup_info;
    scale = ClockScale::of(startup_info->tsc_khz);
}

const abi::StartupInfo& startup() { return *info; }

const char* argument(unsigned index) {
    if (index >= info->argc) return "";
    return string_at(reinterpret_cast<const char*>(info->arguments), index);
}

const char* environment(const char* name) {
    const std::size_t length = __builtin_strlen(name);
    for (unsigned i = 0; i < info->envc; ++i) {
        const char* entry = string_at(reinterpret_cast<const char*>(info->arguments), info->argc + i);
        if (__builtin_strncmp(entry, name, length) == 0 && entry[length] == '=') return entry + length + 1;
    }
    return nullptr;
}

std::uint64_t clock_ns() { return scale.nanoseconds(time_stamp() - info->boot_tsc); }

std::uint64_t time_of_day_ns() { return info->boot_time_ns + clock_ns(); }

void wait_us(std::uint64_t microseconds) { sys::wait(microseconds); }

void log(const char* text, ...) {
    std::va_list arguments;
    va_start(arguments, text);
    const Line line{text, arguments};
    va_end(arguments);
}

void panic(const char* text, ...) {
    std::va_list arguments;
    va_start(arguments, text);
    const Line line{text, arguments};
    va_end(arguments);
    sys::process_exit(panic_status, line.text, line.length);
}

void exit(std::uint32_t status) { sys::process_exit(status); }

}  // namespace ant
