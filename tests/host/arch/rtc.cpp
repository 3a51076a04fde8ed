// The conversion of the battery-backed clock's registers, against the C library's calendar.
#include <kernel/arch/x86_64/rtc.hpp>

#include <catch2/catch.hpp>

#include <ctime>

using ant::arch::rtc::Registers;
using ant::arch::rtc::seconds;

namespace {

constexpr std::uint8_t binary = 4, hours_24 = 2;

std::uint8_t coded(int value, std::uint8_t format) {
    return static_cast<std::uint8_t>((format & binary) != 0 ? value : value / 10 * 16 + value % 10);
}

Registers registers_at(std::time_t when, std::uint8_t format, bool century) {
    struct tm t {};
    gmtime_r(&when, &t);
    Registers r{};
    r.format = format;
    r.second = coded(t.tm_sec, format);
    r.minute = coded(t.tm_min, format);
    const int hour_12 = t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12;
    r.hour = coded((format & hours_24) != 0 ? t.tm_hour : hour_12, format);
    if ((format & hours_24) == 0 && t.tm_hour >= 12) r.hour |= 0x80;
    r.day = coded(t.tm_mday, format);
    r.month = coded(t.tm_mon + 1, format);
    r.year = coded(t.tm_year % 100, format);
    if (century) r.century = coded((t.tm_year + 1900) / 100, format);
    return r;
}

}  // namespace

TEST_CASE("every format gives the same second, through a century", "[rtc]") {
    constexpr std::time_t until_2070 = 3'155'760'000, until_2199 = 7'226'582'400, step = 86'400 * 11 + 3'599;
    for (std::uint8_t format : {0, +hours_24, +binary, binary | hours_24}) {
        for (std::time_t when = 1; when < until_2199; when += step) {
            CAPTURE(when, +format);
            REQUIRE(seconds(registers_at(when, format, true)) == static_cast<std::uint64_t>(when));
            if (when < until_2070) REQUIRE(seconds(registers_at(when, format, false)) == static_cast<std::uint64_t>(when));
        }
    }
}

TEST_CASE("noon, midnight and leap days", "[rtc]") {
    // 2028-02-29, register by register: 12 AM is 0 o'clock, 12 PM is 12 o'clock
    const Registers midnight{0x59, 0x30, 0x12, 0x29, 0x02, 0x28, 0x20, 0};
    CHECK(seconds(midnight) == 1'835'397'059);
    Registers noon = midnight;
    noon.hour = 0x92;
    CHECK(seconds(noon) == 1'835'397'059 + 12 * 3600);
}

TEST_CASE("what is no time of day is none", "[rtc]") {
    const Registers good{0x07, 0x06, 0x05, 0x04, 0x03, 0x27, 0x20, hours_24};
    REQUIRE(seconds(good) == 1'804'136'767);
    const auto changed = [&](auto change) {
        Registers r = good;
        change(r);
        return seconds(r);
    };
    CHECK(changed([](Registers& r) { r.second = 0x60; }) == 0);
    CHECK(changed([](Registers& r) { r.minute = 0x1a; }) == 0);
    CHECK(changed([](Registers& r) { r.hour = 0x24; }) == 0);
    CHECK(changed([](Registers& r) { r.day = 0; }) == 0);
    CHECK(changed([](Registers& r) { r.month = 0x13; }) == 0);
    CHECK(changed([](Registers& r) { r.day = 0x29, r.month = 2; }) == 0);
    CHECK(changed([](Registers& r) { r.year = 0xaa; }) == 0);
    CHECK(seconds({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) == 0);
}
