#include "serial.hpp"

#include "instructions.hpp"

#include <cstdint>

namespace ant::arch::serial {

namespace {

// 16550 registers.
constexpr std::uint16_t base = 0x3f8;
constexpr std::uint16_t data = base + 0;
constexpr std::uint16_t interrupt_enable = base + 1;
constexpr std::uint16_t fifo_control = base + 2;
constexpr std::uint16_t line_control = base + 3;
constexpr std::uint16_t modem_control = base + 4;
constexpr std::uint16_t line_status = base + 5;
constexpr std::uint16_t scratch = base + 7;

constexpr std::uint8_t divisor_latch = 0x80;
constexpr std::uint8_t eight_bits_no_parity = 0x03;
constexpr std::uint8_t fifo_on_and_cleared = 0x07;
constexpr std::uint8_t ready_and_request = 0x03;
constexpr std::uint8_t transmitter_empty = 0x20;
constexpr std::uint8_t divisor_115200 = 1;

constexpr unsigned patience = 100'000;  // polls; one takes about a microsecond on hardware

constinit bool found = false;
constinit bool stuck = false;  // nobody takes the characters: do not wait for each of them

bool answers() {
    for (const std::uint8_t pattern : {0x5a, 0xa5}) {
        out8(scratch, pattern);
        if (in8(scratch) != pattern) return false;
    }
    return true;
}

void put(std::uint8_t character) {
    for (unsigned polls = stuck ? 1 : patience; polls > 0; --polls) {
        if ((in8(line_status) & transmitter_empty) == 0) continue;
        out8(data, character);
        stuck = false;
        return;
    }
    stuck = true;
}

}  // namespace

bool init() {
    found = answers();
    if (!found) return false;
    out8(interrupt_enable, 0);
    out8(line_control, divisor_latch);
    out8(data, divisor_115200);
    out8(interrupt_enable, 0);
    out8(line_control, eight_bits_no_parity);
    out8(fifo_control, fifo_on_and_cleared);
    out8(modem_control, ready_and_request);
    return true;
}

bool present() { return found; }

void write(std::string_view text) {
    if (!found) return;
    ++device_accesses;
    for (const char character : text) {
        if (character == '\n') put('\r');
        put(static_cast<std::uint8_t>(character));
    }
}

}  // namespace ant::arch::serial
