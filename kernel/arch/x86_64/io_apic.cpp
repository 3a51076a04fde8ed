#include "io_apic.hpp"

#include "instructions.hpp"

namespace ant::arch::io_apic {

namespace {

// Intel 82093AA data sheet.
constexpr std::uint32_t version_register = 1;
constexpr std::uint32_t redirection_register = 0x10;
constexpr std::uint32_t active_low = 1 << 13;
constexpr std::uint32_t level = 1 << 15;
constexpr std::uint32_t masked = 1 << 16;

struct Chip {
    volatile std::uint32_t* window;  // select at 0, data at 0x10
    std::uint32_t first, inputs;
    std::uint32_t selected;

    // A line is masked and unmasked again and again: the register selected last still is.
    void select(std::uint32_t reg) {
        if (reg == selected) return;
        ++device_accesses;
        window[0] = selected = reg;
    }
    void write(std::uint32_t reg, std::uint32_t value) {
        select(reg);
        ++device_accesses;
        window[4] = value;
    }
    [[nodiscard]] std::uint32_t read(std::uint32_t reg) {
        select(reg);
        return window[4];
    }
};

struct Line {
    Chip* chip = nullptr;  // nullptr: not connected
    std::uint32_t input = 0;
    std::uint32_t low_word = 0;  // of the redirection entry
};

constinit Chip chips[max_io_apics] = {};
constinit unsigned chip_count = 0;
constinit Line lines[legacy_irqs] = {};

void add_chip(const IoApicInfo& info) {
    auto* window = static_cast<volatile std::uint32_t*>(map_device(info.address, 0x20));
    if (window == nullptr) return;
    Chip& chip = chips[chip_count++];
    chip = {.window = window, .first = info.first, .inputs = 0, .selected = ~0U};
    chip.inputs = (chip.read(version_register) >> 16 & 0xff) + 1;
    for (std::uint32_t input = 0; input < chip.inputs; ++input) chip.write(redirection_register + 2 * input, masked);
}

Chip* chip_of(std::uint32_t global) {
    for (unsigned i = 0; i < chip_count; ++i)
        if (global >= chips[i].first && global - chips[i].first < chips[i].inputs) return &chips[i];
    return nullptr;
}

void write_line(const Line& line) {
    if (line.chip == nullptr) return;
    line.chip->write(redirection_register + 2 * line.input, line.low_word);
}

}  // namespace

bool init(const AcpiInfo& info, std::uint8_t first_vector, std::uint32_t destination) {
    for (unsigned i = 0; i < info.io_apic_count; ++i) add_chip(info.io_apics[i]);
    for (unsigned irq = 0; irq < legacy_irqs; ++irq) {
        const InterruptRoute& route = info.routes[irq];
        Line& line = lines[irq];
        line.chip = chip_of(route.global);
        if (line.chip == nullptr) continue;
        line.input = route.global - line.chip->first;
        line.low_word = (first_vector + irq) | (route.active_low ? active_low : 0) | (route.level ? level : 0) | masked;
        line.chip->write(redirection_register + 2 * line.input + 1, destination << 24);
        write_line(line);
    }
    return chip_count > 0;
}

void mask(unsigned irq) {
    lines[irq].low_word |= masked;
    write_line(lines[irq]);
}

void unmask(unsigned irq) {
    lines[irq].low_word &= ~masked;
    write_line(lines[irq]);
}

void set_level_active_low(unsigned irq) {
    lines[irq].low_word |= level | active_low;
    write_line(lines[irq]);
}

}  // namespace ant::arch::io_apic
