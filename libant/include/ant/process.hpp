// What a process knows of itself: start-up information, time, log, end.
#pragma once

#include <ant/abi/syscall.hpp>

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ant {

// Valid from the first instruction of main() on.
const abi::StartupInfo& startup();

// Argument `index` of the command line, "" past its end. argument(0) is the program's name.
const char* argument(unsigned index);
// Value of NAME=value in the environment, or nullptr.
const char* environment(const char* name);

// Nanoseconds since the core was entered. Reads the time stamp counter; no system call.
std::uint64_t clock_ns();
inline std::uint64_t clock_us() { return clock_ns() / 1000; }
// Nanoseconds since 1970, by the machine's clock as it was at boot; since boot if that has none.
std::uint64_t time_of_day_ns();
inline std::uint64_t time_stamp() {
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | std::uint64_t{high} << 32;
}

// Gives up the CPU for at least that long.
void wait_us(std::uint64_t microseconds);

// A line for the core's log. printf-like, see format().
[[gnu::format(printf, 1, 2)]] void log(const char* format, ...);

// An internal contradiction: logs the line, which the fault record gets too, and ends the process with status panic_status.
using abi::panic_status;
[[noreturn]] [[gnu::format(printf, 1, 2)]] void panic(const char* format, ...);
[[noreturn]] void exit(std::uint32_t status);

// printf into a buffer, always terminated: %d %i %u %x %X %c %s %p %%, with flags 0 and -, width, precision,
// l ll z h. No floating point. Returns the length that the whole text would have.
[[gnu::format(printf, 3, 4)]] std::size_t format(char* out, std::size_t capacity, const char* text, ...);
std::size_t format_list(char* out, std::size_t capacity, const char* text, std::va_list arguments);

}  // namespace ant

// The program. Its result is the exit status.
int main();
