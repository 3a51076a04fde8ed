// Functions of the server "counter".
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace counter {

struct Amount {
    std::int64_t value;
};
struct Total {
    std::int64_t value;
    std::uint64_t additions;
};

inline constexpr ant::Function<Amount, Total> add{"add", 1};

}  // namespace counter
