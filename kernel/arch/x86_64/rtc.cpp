#include "rtc.hpp"

#include "instructions.hpp"

namespace ant::arch::rtc {

namespace {

// MC146818A data sheet: address map, registers A, B and D. As the PC has it: register number to port 0x70, whose top bit
// would switch NMIs off, contents at port 0x71.
constexpr std::uint16_t index_port = 0x70, data_port = 0x71;
constexpr std::uint8_t register_a = 0x0a, register_b = 0x0b, register_d = 0x0d;
constexpr std::uint8_t update_in_progress = 1 << 7;
constexpr std::uint8_t binary = 1 << 2, hours_24 = 1 << 1;
constexpr std::uint8_t afternoon = 1 << 7;  // in the hours, if there are 12
constexpr std::uint8_t valid = 1 << 7;      // D: the battery was never empty
constexpr unsigned patience = 100'000;      // reads of register A; an update takes 2 ms at most

constexpr unsigned seconds_per_day = 86'400;
constexpr unsigned first_year = 1970;

constexpr bool is_leap(unsigned year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
constexpr unsigned days_of(unsigned month, unsigned year) {
    constexpr std::uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

std::uint8_t in(std::uint8_t number) {
    out8(index_port, number);
    return in8(data_port);
}

bool wait_for_update() {
    for (unsigned i = 0; i < patience; ++i)
        if ((in(register_a)&update_in_progress) == 0) return true;
    return false;
}

Registers read_registers(std::uint8_t century_register) {
    return {in(0),         in(2), in(4), in(7), in(8), in(9), century_register != 0 ? in(century_register) : std::uint8_t{0},
            in(register_b)};
}

}  // namespace

std::uint64_t seconds(Registers r) {
    const bool pm = (r.hour & afternoon) != 0;
    if ((r.format & hours_24) == 0) r.hour &= static_cast<std::uint8_t>(~afternoon);
    const auto number = [&](std::uint8_t byte) -> unsigned {
        return (r.format & binary) != 0 ? byte : (byte & 0xf) < 10 ? (byte >> 4) * 10U + (byte & 0xf) : 0xff;
    };
    const unsigned second = number(r.second), minute = number(r.minute), day = number(r.day), month = number(r.month);
    unsigned hour = number(r.hour), year = number(r.year);
    if ((r.format & hours_24) == 0) {
        if (hour == 0 || hour > 12) return 0;
        hour = hour % 12 + (pm ? 12 : 0);
    }
    if (year > 99) return 0;
    year += r.century != 0 ? number(r.century) * 100 : year < 70 ? 2000 : 1900;
    if (second > 59 || minute > 59 || hour > 23 || year < first_year || year > 9999) return 0;
    if (month == 0 || month > 12 || day == 0 || day > days_of(month, year)) return 0;
    std::uint64_t days = day - 1;
    for (unsigned y = first_year; y < year; ++y) days += is_leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; ++m) days += days_of(m, year);
    return days * seconds_per_day + hour * 3600 + minute * 60 + second;
}

// Twice the same, or an update came between the registers.
std::uint64_t read(std::uint8_t century_register) {
    if ((in(register_d)&valid) == 0) return 0;
    for (unsigned tries = 0; tries < 10; ++tries) {
        if (!wait_for_update()) return 0;
        const Registers first = read_registers(century_register);
        if (!wait_for_update()) return 0;
        if (read_registers(century_register) == first) return seconds(first);
    }
    return 0;
}

}  // namespace ant::arch::rtc
