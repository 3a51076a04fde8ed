#include "libant/src/clock_scale.hpp"

#include <catch2/catch.hpp>

using ant::ClockScale;

TEST_CASE("one tick per nanosecond is exact", "[clock]") {
    const auto scale = ClockScale::of(1'000'000);
    CHECK(scale.nanoseconds(0) == 0);
    CHECK(scale.nanoseconds(123'456'789'012'345) == 123'456'789'012'345);
}

TEST_CASE("a year of a fast counter is right within a microsecond per second", "[clock]") {
    for (std::uint64_t khz : {1'193ULL, 999'999ULL, 2'800'123ULL, 5'200'000ULL}) {
        const auto scale = ClockScale::of(khz);
        const std::uint64_t seconds = 365 * 86'400;
        const std::uint64_t ns = scale.nanoseconds(seconds * khz * 1000);
        const std::uint64_t expected = seconds * 1'000'000'000;
        CHECK((ns > expected ? ns - expected : expected - ns) < seconds * 1000);
    }
}

TEST_CASE("an uncalibrated counter stands still instead of dividing by zero", "[clock]") {
    CHECK(ClockScale::of(0).nanoseconds(1'000'000) == 0);
}
