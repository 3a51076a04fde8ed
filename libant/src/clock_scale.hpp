// ClockScale: time stamp ticks to nanoseconds with one multiplication.
#pragma once

#include <cstdint>

namespace ant {

struct ClockScale {
    static constexpr unsigned shift = 40;
    std::uint64_t multiplier = 0;  // nanoseconds per tick, with `shift` binary places

    static constexpr ClockScale of(std::uint64_t tsc_khz) {
        if (tsc_khz == 0) return {};
        return {((std::uint64_t{1'000'000} << shift) + tsc_khz / 2) / tsc_khz};
    }
    [[nodiscard]] constexpr std::uint64_t nanoseconds(std::uint64_t ticks) const {
        return static_cast<std::uint64_t>(static_cast<unsigned __int128>(ticks) * multiplier >> shift);
    }
};

}  // namespace ant
