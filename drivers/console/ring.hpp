// A bounded queue of bytes that may lie in a state area: plain data, valid after every step.
#pragma once

#include <ant/records.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ant::console {

template <std::uint32_t Capacity>
struct Ring {
    static_assert((Capacity & (Capacity - 1)) == 0, "positions wrap around at 2^32");

    // Free-running. A byte is stored before `tail` announces it.
    std::uint32_t head;
    std::uint32_t tail;
    char bytes[Capacity];

    [[nodiscard]] std::uint32_t size() const { return tail - head; }
    [[nodiscard]] std::uint32_t space() const { return Capacity - size(); }
    [[nodiscard]] bool empty() const { return head == tail; }
    [[nodiscard]] bool consistent() const { return size() <= Capacity; }

    bool put(char byte) {
        if (space() == 0) return false;
        bytes[tail % Capacity] = byte;
        record::ordered();
        ++tail;
        return true;
    }
    // All or nothing.
    bool put(std::string_view text) {
        if (text.size() > space()) return false;
        store(text);
        record::ordered();
        tail += static_cast<std::uint32_t>(text.size());
        return true;
    }
    // Behind the tail, which does not announce it yet. There must be space.
    void store(std::string_view text) {
        for (std::uint32_t i = 0; i < text.size(); ++i) bytes[(tail + i) % Capacity] = text[i];
    }
    [[nodiscard]] char front() const { return bytes[head % Capacity]; }
    void drop(std::uint32_t count) { head += std::min(count, size()); }
    // Copies up to `capacity` bytes without taking them.
    std::uint32_t peek(char* out, std::uint32_t capacity) const {
        const std::uint32_t n = std::min(capacity, size());
        for (std::uint32_t i = 0; i < n; ++i) out[i] = bytes[(head + i) % Capacity];
        return n;
    }
};

}  // namespace ant::console
