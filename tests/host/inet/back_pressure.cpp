#include "back_pressure.hpp"

#include <catch2/catch.hpp>

using namespace ant::inet_server;

namespace {

constexpr std::uint64_t begin = 1'000'000'000, step = BackPressure::longest_ns / 4;

}  // namespace

TEST_CASE("frames wait while a socket is crowded, and go on when it is eased", "[inet]") {
    BackPressure pressure;
    const auto never = []() -> std::uint64_t {
        FAIL();
        return 0;
    };
    CHECK_FALSE(pressure.holds(begin, never));
    pressure.crowded(7);
    CHECK(pressure.holds(begin, never));
    pressure.eased(8);  // another one
    CHECK(pressure.holds(begin + step, never));
    pressure.eased(7);
    CHECK_FALSE(pressure.on());
    CHECK_FALSE(pressure.holds(begin + step, never));
}

TEST_CASE("frames that have waited for long go on, those behind them wait anew", "[inet]") {
    BackPressure pressure;
    const auto never = []() -> std::uint64_t {
        FAIL();
        return 0;
    };
    pressure.crowded(7);
    CHECK(pressure.holds(begin, never));
    CHECK(pressure.until() == begin + BackPressure::longest_ns);
    CHECK(pressure.holds(pressure.until() - 1, never));
    const std::uint64_t late = pressure.until();
    CHECK_FALSE(pressure.holds(late, never));
    CHECK(pressure.holds(late, never));
    CHECK(pressure.until() == late + BackPressure::longest_ns);
}

TEST_CASE("nothing waits for a reader that leaves the CPU idle", "[inet]") {
    BackPressure pressure;
    const unsigned percent = GENERATE(0u, 50u, 70u, 80u, 100u);
    const bool idle = percent < 75;
    unsigned held = 0, asked = 0, looks = 0;
    pressure.crowded(7);
    for (std::uint64_t now = begin; now < begin + 20 * BackPressure::rest_ns; now += step, ++asked)
        held += pressure.holds(now, [&] {
            ++looks;
            return begin + (now - begin) / 100 * percent;
        });
    CAPTURE(percent, held, asked);
    CHECK(looks <= 20 * BackPressure::rest_ns / BackPressure::look_ns);
    if (idle)
        CHECK(held <= 3 * BackPressure::look_ns / step);
    else
        CHECK(held >= asked * 3 / 5);
    // The next one that is crowded is given its chance.
    pressure.eased(7);
    pressure.crowded(8);
    CHECK(pressure.holds(begin + 40 * BackPressure::rest_ns, [] { return std::uint64_t{0}; }));
}

TEST_CASE("a process that has ended, and is missing in the sum, does not count as idle time", "[inet]") {
    BackPressure pressure;
    pressure.crowded(7);
    unsigned looks = 0;
    const auto less_each_time = [&] { return begin - ++looks; };
    bool rested = false;
    for (std::uint64_t now = begin; now < begin + 10 * BackPressure::look_ns; now += step)
        rested |= !pressure.holds(now, less_each_time) && !pressure.holds(now, less_each_time);
    CHECK_FALSE(rested);
    CHECK(looks > 2);
}
