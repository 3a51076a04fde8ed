#include "pic.hpp"

#include "instructions.hpp"

namespace ant::arch::pic {

namespace {

// Intel 8259A data sheet: A0 selects command or data.
constexpr std::uint16_t master_command = 0x20;
constexpr std::uint16_t master_data = 0x21;
constexpr std::uint16_t slave_command = 0xa0;
constexpr std::uint16_t slave_data = 0xa1;
constexpr std::uint16_t trigger_mode = 0x4d0;  // two bytes, a bit per line: 1 = level

constexpr std::uint8_t icw1_begin_with_icw4 = 0x11;
constexpr std::uint8_t icw4_8086 = 0x01;
constexpr std::uint8_t ocw3_read_in_service = 0x0b;
constexpr std::uint8_t ocw2_specific_end = 0x60;
constexpr unsigned cascade_line = 2;

constinit std::uint16_t masks = 0xffff;

void write_mask(unsigned line) {
    ++device_accesses;
    if (line < 8)
        out8(master_data, static_cast<std::uint8_t>(masks));
    else
        out8(slave_data, static_cast<std::uint8_t>(masks >> 8));
}

void end_master(unsigned line) { out8(master_command, static_cast<std::uint8_t>(ocw2_specific_end | line)); }

bool in_service(std::uint16_t command, unsigned bit) {
    ++device_accesses;
    out8(command, ocw3_read_in_service);
    return (in8(command) >> bit & 1) != 0;
}

}  // namespace

void init(std::uint8_t first_vector) {
    out8(master_command, icw1_begin_with_icw4);
    out8(slave_command, icw1_begin_with_icw4);
    out8(master_data, first_vector);
    out8(slave_data, static_cast<std::uint8_t>(first_vector + 8));
    out8(master_data, 1 << cascade_line);
    out8(slave_data, cascade_line);
    out8(master_data, icw4_8086);
    out8(slave_data, icw4_8086);
    masks = static_cast<std::uint16_t>(~(1U << cascade_line));
    write_mask(0);
    write_mask(8);
}

void mask(unsigned line) {
    masks = static_cast<std::uint16_t>(masks | 1U << line);
    write_mask(line);
}

void unmask(unsigned line) {
    masks = static_cast<std::uint16_t>(masks & ~(1U << line));
    write_mask(line);
}

void acknowledge(unsigned line) {
    ++device_accesses;
    if (line < 8) {
        end_master(line);
    } else {
        out8(slave_command, static_cast<std::uint8_t>(ocw2_specific_end | (line - 8)));
        end_master(cascade_line);
    }
}

// A line that fell again before the CPU asked shows up as the lowest priority, and is not in service. The
// master has then taken the slave's request for real.
bool spurious(unsigned line) {
    if (line == 7) return !in_service(master_command, 7);
    if (line != 15 || in_service(slave_command, 7)) return false;
    end_master(cascade_line);
    return true;
}

void set_level_triggered(unsigned line) {
    const auto port = static_cast<std::uint16_t>(trigger_mode + line / 8);
    const std::uint8_t now = in8(port);
    const auto wanted = static_cast<std::uint8_t>(now | 1U << line % 8);
    if (now != wanted) out8(port, wanted);
}

}  // namespace ant::arch::pic
