#include "pci.hpp"

#include "acpi.hpp"
#include "instructions.hpp"

#include <ant/abi/syscall.hpp>

#include <algorithm>
#include <span>

namespace ant::arch::pci {

namespace {

// PCI Local Bus Specification 3.0, sections 3.2.2.3 and 6.
constexpr std::uint16_t address_port = 0xcf8;
constexpr std::uint16_t data_port = 0xcfc;
constexpr std::uint32_t enable = 1U << 31;

constexpr unsigned reg_id = 0x00;
constexpr unsigned reg_command = 0x04;
constexpr unsigned reg_header_type = 0x0c;
constexpr unsigned reg_bar = 0x10;
constexpr unsigned reg_interrupt = 0x3c;
constexpr std::uint32_t command_decode = 3;  // ports and memory
constexpr std::uint32_t command_master = 4;
constexpr std::uint32_t command_no_interrupt = 1U << 10;  // since PCI 2.3; older devices ignore it
constexpr std::uint32_t status_mask = 0xffff'0000;        // written as ones, status bits clear

constexpr std::uint32_t bar_ports = 1;
constexpr std::uint32_t bar_type_mask = 6;
constexpr std::uint32_t bar_type_64 = 4;

// Sizes found so far, in a ring: more devices than this only cost another probe.
struct Known {
    std::uint32_t address = ~std::uint32_t{0};
    unsigned index = 0;
    std::uint64_t bytes = 0;
};
constinit Known known[64] = {};
constinit unsigned next_known = 0;

unsigned bar_register(unsigned index) { return reg_bar + 4 * index; }

unsigned bar_count(std::uint32_t address) {
    switch (read(address, reg_header_type) >> 16 & 0x7f) {
        case 0:
            return 6;
        case 1:
            return 2;  // bridge
        default:
            return 0;
    }
}

std::uint32_t probe_register(std::uint32_t address, unsigned reg) {
    const std::uint32_t old = read(address, reg);
    write(address, reg, ~std::uint32_t{0});
    const std::uint32_t mask = read(address, reg);
    write(address, reg, old);
    return mask;
}

// The address bits that can be set tell the size: the lowest one is it.
std::uint64_t size_of(std::uint64_t mask) { return mask & (~mask + 1); }

std::uint64_t probe(std::uint32_t address, unsigned index, const Bar& bar) {
    const std::uint32_t command = read(address, reg_command) & ~status_mask;
    write(address, reg_command, command & ~command_decode);
    std::uint64_t mask = probe_register(address, bar_register(index));
    if (bar.ports)
        mask &= 0xfffc;  // the upper half need not be implemented
    else if (bar.is_64)
        mask = (mask & ~std::uint64_t{15}) | std::uint64_t{probe_register(address, bar_register(index + 1))} << 32;
    else
        mask &= ~std::uint32_t{15};
    write(address, reg_command, command);
    return size_of(mask);
}

std::uint64_t size_of_bar(std::uint32_t address, unsigned index, const Bar& bar) {
    for (const Known& entry : known)
        if (entry.address == address && entry.index == index) return entry.bytes;
    const std::uint64_t bytes = probe(address, index, bar);
    known[next_known++ % std::size(known)] = {.address = address, .index = index, .bytes = bytes};
    return bytes;
}

void select(std::uint32_t address, unsigned reg) {
    ++device_accesses;
    out32(address_port, enable | (address & max_address) << 8 | (reg & 0xfc));
}

}  // namespace

std::uint32_t read(std::uint32_t address, unsigned reg) {
    select(address, reg);
    return in32(data_port);
}

void write(std::uint32_t address, unsigned reg, std::uint32_t value) {
    select(address, reg);
    out32(data_port, value);
}

bool present(std::uint32_t address) { return address <= max_address && (read(address, reg_id) & 0xffff) != 0xffff; }

Bar bar(std::uint32_t address, unsigned index) {
    if (!present(address)) return {};
    const unsigned count = bar_count(address);
    if (index >= count) return {};
    const std::uint32_t low = read(address, bar_register(index));
    Bar out{.physical = 0, .bytes = 0, .ports = (low & bar_ports) != 0, .is_64 = false};
    if (out.ports) {
        out.physical = low & 0xfffc;
    } else {
        out.is_64 = (low & bar_type_mask) == bar_type_64;
        if (out.is_64 && index + 1 >= count) return {};
        out.physical = low & ~std::uint32_t{15};
        if (out.is_64) out.physical |= std::uint64_t{read(address, bar_register(index + 1))} << 32;
    }
    out.bytes = size_of_bar(address, index, out);
    if (out.physical == 0) out.bytes = 0;  // the firmware gave it no place
    return out;
}

void quiesce(std::uint32_t address) {
    if (!present(address)) return;
    const std::uint32_t command = read(address, reg_command) & ~status_mask;
    write(address, reg_command, (command & ~command_master) | command_no_interrupt);
}

void allow_interrupt(std::uint32_t address) {
    if (!present(address)) return;
    const std::uint32_t command = read(address, reg_command) & ~status_mask;
    write(address, reg_command, command & ~command_no_interrupt);
}

std::uint8_t interrupt_line(std::uint32_t address) {
    if (!present(address)) return abi::no_irq;
    const std::uint32_t value = read(address, reg_interrupt);
    const bool has_pin = (value >> 8 & 0xff) != 0;
    const auto line = static_cast<std::uint8_t>(value);
    return has_pin && line != 0 && line < legacy_irqs ? line : abi::no_irq;
}

}  // namespace ant::arch::pci
