// The battery-backed clock (Motorola MC146818A and its descendants): read once, at boot.
#pragma once

#include <cstdint>

namespace ant::arch::rtc {

// Its registers as read.
struct Registers {
    std::uint8_t second, minute, hour, day, month, year;
    std::uint8_t century;  // 0: it has no such register, the years are 1970 to 2069
    std::uint8_t format;   // register B

    bool operator==(const Registers&) const = default;
};

// Seconds since 1970; 0 if this is no time of day.
std::uint64_t seconds(Registers registers);

// `century_register`: where the century lies (FADT, ACPI 5.2.9), 0 = nowhere. 0: there is no clock.
std::uint64_t read(std::uint8_t century_register);

}  // namespace ant::arch::rtc
