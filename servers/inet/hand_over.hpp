// What one process of this slot leaves to the next. Connections end with a process; but nobody may wait for ever
// for an answer, no area may be lost, and the driver need not attach again.
#pragma once

#include <ant/interface/inet.hpp>
#include <ant/ica.hpp>

#include <cstdint>
#include <span>

namespace ant::inet_server {

struct HandOver {
    static constexpr std::uint32_t format = 1;
    static constexpr std::uint32_t expected_magic = 0x74656e69;  // "inet"
    static constexpr std::size_t area_bytes = 4 * abi::page_size;

    std::uint32_t magic = expected_magic;
    std::uint32_t driver_slot = 0;  // 0: none
    inet::Attach driver{};
    std::uint32_t calls = 0;  // control ICAs of calls that wait, at the beginning of `address`
    std::uint32_t areas = 0;  // behind them
    std::uint64_t address[];

    static std::uint32_t capacity() { return (area_bytes - sizeof(HandOver)) / sizeof(std::uint64_t); }
    bool add_call(std::uint64_t control) {
        if (calls + areas == capacity()) return false;
        address[calls++] = control;
        return true;
    }
    // After the last call.
    bool add_area(std::uint64_t area) {
        if (calls + areas == capacity()) return false;
        address[calls + areas++] = area;
        return true;
    }
    [[nodiscard]] bool plausible(std::size_t bytes) const {
        return bytes >= area_bytes && magic == expected_magic && calls <= capacity() && areas <= capacity() - calls;
    }
    [[nodiscard]] std::span<const std::uint64_t> waiting() const { return {address, calls}; }
    [[nodiscard]] std::span<const std::uint64_t> left_areas() const { return {address + calls, areas}; }
};

}  // namespace ant::inet_server
