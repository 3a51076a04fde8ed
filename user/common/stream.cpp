#include "ant/stream.hpp"

#include <algorithm>

namespace ant {

std::size_t Stream::fill_partial_word(std::span<std::byte> out) {
    const std::uint64_t value = word(seed_, offset_ / 8);
    const std::size_t inside = offset_ % 8;
    const std::size_t n = std::min(out.size(), 8 - inside);
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(value >> (8 * (inside + i)));
    offset_ += n;
    return n;
}

void Stream::fill(std::span<std::byte> out) {
    if (offset_ % 8 != 0) out = out.subspan(fill_partial_word(out));
    const std::size_t words = out.size() / 8;
    std::byte* to = out.data();
    std::uint64_t z = seed_ + offset_ / 8 * increment;
    for (std::size_t i = 0; i < words; ++i, to += 8) {
        z += increment;
        const std::uint64_t value = mixed(z);
        __builtin_memcpy(to, &value, 8);
    }
    offset_ += words * 8;
    out = out.subspan(words * 8);
    if (!out.empty()) fill_partial_word(out);
}

}  // namespace ant
