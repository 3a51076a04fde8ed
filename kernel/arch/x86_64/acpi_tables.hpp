// Layout of the ACPI tables (ACPI specification 6.5; section numbers beside each).
#pragma once

#include <cstddef>
#include <cstdint>

namespace ant::arch::acpi_table {

struct [[gnu::packed]] Header {  // 5.2.6
    char signature[4];
    std::uint32_t length;
    std::uint8_t revision;
    std::uint8_t checksum;
    char oem[6];
    char oem_table[8];
    std::uint32_t oem_revision, creator, creator_revision;
};
static_assert(sizeof(Header) == 36);

struct [[gnu::packed]] Rsdp {  // 5.2.5.3
    char signature[8];
    std::uint8_t checksum;
    char oem[6];
    std::uint8_t revision;
    std::uint32_t rsdt;
    std::uint32_t length;  // from here on since revision 2
    std::uint64_t xsdt;
    std::uint8_t extended_checksum;
    std::uint8_t reserved[3];
};
static_assert(sizeof(Rsdp) == 36);

struct [[gnu::packed]] Madt {  // 5.2.12
    Header header;
    std::uint32_t local_apic;
    std::uint32_t flags;  // bit 0: an 8259 pair is there
};
static_assert(sizeof(Madt) == 44);

struct [[gnu::packed]] MadtEntry {
    std::uint8_t type, length;
};
struct [[gnu::packed]] MadtIoApic {  // 5.2.12.3, type 1
    MadtEntry entry;
    std::uint8_t id, reserved;
    std::uint32_t address, first;
};
struct [[gnu::packed]] MadtOverride {  // 5.2.12.5, type 2
    MadtEntry entry;
    std::uint8_t bus, source;
    std::uint32_t global;
    std::uint16_t flags;  // bits 0-1 polarity (3: low), 2-3 trigger (3: level), 0: as the bus
};
struct [[gnu::packed]] MadtLocalApicAddress {  // 5.2.12.8, type 5
    MadtEntry entry;
    std::uint16_t reserved;
    std::uint64_t address;
};

struct [[gnu::packed]] GenericAddress {  // 5.2.3.2
    std::uint8_t space, bits, offset, access;
    std::uint64_t address;
};

struct [[gnu::packed]] Fadt {  // 5.2.9
    Header header;
    std::uint32_t facs, dsdt;                             // 36
    std::uint8_t reserved, profile;                       // 44
    std::uint16_t sci;                                    // 46
    std::uint32_t smi_command;                            // 48
    std::uint8_t acpi_enable, acpi_disable, s4, p_state;  // 52
    std::uint32_t pm1a_event, pm1b_event;                 // 56
    std::uint32_t pm1a_control, pm1b_control;             // 64
    std::uint8_t unused_72[36];                           // 72
    std::uint8_t century, unused_109[3];                  // 108: register of the battery-backed clock
    std::uint32_t flags;                                  // 112: bit 10: there is a reset register
    GenericAddress reset;                                 // 116
    std::uint8_t reset_value;                             // 128
    std::uint8_t unused_129[11];
    std::uint64_t x_dsdt;  // 140
};
static_assert(offsetof(Fadt, pm1a_control) == 64 && offsetof(Fadt, century) == 108 && offsetof(Fadt, flags) == 112);
static_assert(offsetof(Fadt, reset) == 116 && offsetof(Fadt, reset_value) == 128 && offsetof(Fadt, x_dsdt) == 140);

}  // namespace ant::arch::acpi_table
