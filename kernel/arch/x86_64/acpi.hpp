// The few ACPI tables that the core needs: MADT, FADT, and \_S5 of the DSDT. Garbage is ignored.
#pragma once

#include "boot.hpp"
#include "power.hpp"  // IWYU pragma: export

#include <cstdint>

namespace ant::arch {

inline constexpr unsigned legacy_irqs = 16;

// Where a legacy interrupt line arrives, and how (MADT interrupt source override).
struct InterruptRoute {
    std::uint32_t global;  // global system interrupt
    bool active_low;
    bool level;
};

struct IoApicInfo {
    std::uint64_t address;  // physical; 0: none
    std::uint32_t first;    // its first global system interrupt
};

inline constexpr unsigned max_io_apics = 4;

struct AcpiInfo {
    bool has_madt;
    bool has_pic;  // 8259 pair; true when there is no MADT
    std::uint64_t local_apic;
    IoApicInfo io_apics[max_io_apics];
    unsigned io_apic_count;
    InterruptRoute routes[legacy_irqs];

    bool has_fadt;
    std::uint16_t pm1a_control, pm1b_control;  // ports; 0: none
    std::uint16_t sleep_type_a, sleep_type_b;  // of \_S5, if has_s5
    bool has_s5;
    std::uint16_t smi_command;
    std::uint8_t acpi_enable;
    bool has_reset;
    std::uint8_t reset_space;  // 0 memory, 1 port
    std::uint64_t reset_address;
    std::uint8_t reset_value;
    std::uint8_t century_register;  // of the battery-backed clock; 0: none
};

void read_acpi(const BootInfo& info);
const AcpiInfo& acpi();

}  // namespace ant::arch
