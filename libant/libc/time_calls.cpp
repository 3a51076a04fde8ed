#include "time_calls.hpp"

#include <ant/process.hpp>

#include <linux/time_types.h>

#include "linux_sockets.hpp"

namespace ant::foreign {

namespace {

using TimeSpec = struct __kernel_timespec;

constexpr std::uint64_t ns_per_s = 1'000'000'000;
constexpr long clocks = 12;  // CLOCK_REALTIME ... CLOCK_TAI
constexpr long real_time = 0, real_time_coarse = 5, real_time_alarm = 8, atomic_time = 11;
constexpr long absolute_time = 1;  // TIMER_ABSTIME

TimeSpec spec_of(std::uint64_t ns) { return {static_cast<long>(ns / ns_per_s), static_cast<long>(ns % ns_per_s)}; }

std::uint64_t read_clock(long clock) {
    const bool day = clock == real_time || clock == real_time_coarse || clock == real_time_alarm || clock == atomic_time;
    return day ? time_of_day_ns() : clock_ns();
}

}  // namespace

bool read_time(long argument, std::uint64_t& microseconds) {
    const auto& spec = *pointer<const TimeSpec>(argument);
    if (spec.tv_sec < 0 || spec.tv_nsec < 0 || spec.tv_nsec >= static_cast<long>(ns_per_s)) return false;
    constexpr std::uint64_t most = ~std::uint64_t{0} / 2'000'000;  // seconds; more is as good as for ever
    const auto seconds = static_cast<std::uint64_t>(spec.tv_sec);
    microseconds = (seconds < most ? seconds : most) * 1'000'000 + (static_cast<std::uint64_t>(spec.tv_nsec) + 999) / 1000;
    return true;
}

Answer call_clock_gettime(const Arguments& arguments) {
    if (arguments.a < 0 || arguments.a >= clocks) return -EINVAL;
    *pointer<TimeSpec>(arguments.b) = spec_of(read_clock(arguments.a));
    return 0;
}

Answer call_clock_getres(const Arguments& arguments) {
    if (arguments.a < 0 || arguments.a >= clocks) return -EINVAL;
    if (arguments.b != 0) *pointer<TimeSpec>(arguments.b) = {0, 1};
    return 0;
}

Answer call_gettimeofday(const Arguments& arguments) {
    const std::uint64_t us = time_of_day_ns() / 1000;
    if (arguments.a != 0)
        *pointer<TimeValue>(arguments.a) = {static_cast<long>(us / 1'000'000), static_cast<long>(us % 1'000'000)};
    return 0;
}

Answer call_time(const Arguments& arguments) {
    const auto seconds = static_cast<Answer>(time_of_day_ns() / ns_per_s);
    if (arguments.a != 0) *pointer<long>(arguments.a) = seconds;
    return seconds;
}

// Nothing interrupts a sleep, so that the remaining time is never asked for.
Answer call_nanosleep(const Arguments& arguments) {
    std::uint64_t us = 0;
    if (!read_time(arguments.a, us)) return -EINVAL;
    if (us != 0) wait_us(us);
    return 0;
}

Answer call_clock_nanosleep(const Arguments& arguments) {
    if (arguments.a < 0 || arguments.a >= clocks) return -EINVAL;
    std::uint64_t us = 0;
    if (!read_time(arguments.c, us)) return -EINVAL;
    if ((arguments.b & absolute_time) != 0) {
        const std::uint64_t now = read_clock(arguments.a) / 1000;
        us = us > now ? us - now : 0;
    }
    if (us != 0) wait_us(us);
    return 0;
}

}  // namespace ant::foreign
