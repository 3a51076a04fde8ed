// Registers and in-memory structures of a SATA host bus adapter, after Serial ATA AHCI 1.3.1 (sections 3 and 4) and
// Serial ATA 3.x (FIS).
#pragma once

#include <concepts>
#include <cstdint>

namespace ahci {

// All registers have 32 bits; offsets in BAR 5.
using Reg = std::uint32_t;

// Where registers are accessed: the adapter, or a model of it.
template <class B>
concept RegisterBus = requires(B bus, Reg offset, std::uint32_t value) {
    { bus.read(offset) } -> std::same_as<std::uint32_t>;
    bus.write(offset, value);
};

inline constexpr unsigned max_ports = 32, max_slots = 32;
inline constexpr std::uint32_t gone = ~std::uint32_t{0};  // what an absent adapter reads as

// Generic host control ------------------------------------------------------------------------------------
namespace hba {
inline constexpr Reg capabilities = 0x00, control = 0x04, interrupt_status = 0x08, ports_implemented = 0x0c, version = 0x10,
                     capabilities_2 = 0x24, handoff = 0x28;
}
namespace capability {
inline constexpr std::uint32_t queueing = 1u << 30, staggered_spin_up = 1u << 27, command_list_override = 1u << 24;
constexpr unsigned slots(std::uint32_t cap) { return (cap >> 8 & 0x1f) + 1; }
}  // namespace capability
namespace capability_2 {
inline constexpr std::uint32_t handoff = 1 << 0;
}
namespace control {
inline constexpr std::uint32_t reset = 1 << 0, interrupt_enable = 1 << 1, ahci_enable = 1u << 31;
}
namespace handoff {
inline constexpr std::uint32_t bios_owned = 1 << 0, os_owned = 1 << 1, os_change = 1 << 3, bios_busy = 1 << 4;
}

// One port ------------------------------------------------------------------------------------------------
namespace port {
inline constexpr Reg first = 0x100, size = 0x80;
inline constexpr Reg command_list = 0x00, command_list_high = 0x04, received = 0x08, received_high = 0x0c,
                     interrupt_status = 0x10, interrupt_enable = 0x14, command = 0x18, task_file = 0x20, signature = 0x24,
                     sata_status = 0x28, sata_control = 0x2c, sata_error = 0x30, sata_active = 0x34, issue = 0x38;
}  // namespace port

// PxIS, PxIE
namespace interrupt {
inline constexpr std::uint32_t device_to_host = 1 << 0, pio_setup = 1 << 1, dma_setup = 1 << 2, set_device_bits = 1 << 3,
                               unknown_fis = 1 << 4, connect_change = 1 << 6, phy_change = 1 << 22, overflow = 1 << 24,
                               interface_fatal = 1 << 27, host_data = 1 << 28, host_fatal = 1 << 29, task_file = 1 << 30;
// AHCI 6.1.2: the adapter stops working on the command list.
inline constexpr std::uint32_t fatal = task_file | host_fatal | host_data | interface_fatal;
inline constexpr std::uint32_t link = connect_change | phy_change;
inline constexpr std::uint32_t enabled = device_to_host | pio_setup | set_device_bits | unknown_fis | overflow | link | fatal;
}  // namespace interrupt

// PxCMD
namespace command {
inline constexpr std::uint32_t start = 1 << 0, spin_up = 1 << 1, power_on = 1 << 2, list_override = 1 << 3, receive_fis = 1 << 4,
                               receive_running = 1 << 14, list_running = 1 << 15;
inline constexpr std::uint32_t atapi = 1 << 24, aggressive_power = 1 << 26, interface_mask = 0xfu << 28,
                               interface_active = 1u << 28;
}  // namespace command

// PxSSTS, PxSCTL
namespace link {
constexpr std::uint32_t detected(std::uint32_t status) { return status & 0xf; }
constexpr std::uint32_t speed(std::uint32_t status) { return status >> 4 & 0xf; }
inline constexpr std::uint32_t present = 1, up = 3;           // of `detected`: a device; a device and a link
inline constexpr std::uint32_t reset = 1, detect_mask = 0xf;  // PxSCTL.DET
inline constexpr std::uint32_t no_power_saving = 3 << 8;      // PxSCTL.IPM: neither partial nor slumber
}  // namespace link

// PxSIG
namespace signature {
inline constexpr std::uint32_t ata = 0x0000'0101, none = ~std::uint32_t{0};
}

// PxTFD
namespace task_file {
inline constexpr std::uint32_t error = 1 << 0, data_request = 1 << 3, device_fault = 1 << 5, busy = 1 << 7;
inline constexpr std::uint32_t bad = error | device_fault;
constexpr std::uint32_t error_register(std::uint32_t tfd) { return tfd >> 8 & 0xff; }
}  // namespace task_file

// Memory --------------------------------------------------------------------------------------------------
struct CommandHeader {
    std::uint32_t flags;  // and the number of regions << 16
    std::uint32_t transferred;
    std::uint32_t table, table_high;
    std::uint32_t reserved[4];
};
static_assert(sizeof(CommandHeader) == 32);
namespace header {
inline constexpr std::uint32_t write = 1 << 6, fis_words = 5;
inline constexpr unsigned regions_shift = 16;
}  // namespace header

// "Physical region descriptor": address even, bytes even, at most 4 MiB.
struct Region {
    std::uint32_t address, address_high;
    std::uint32_t reserved;
    std::uint32_t last_byte;  // bytes - 1
};
static_assert(sizeof(Region) == 16);
inline constexpr std::uint32_t max_region_bytes = 4 * 1024 * 1024;

// "Register - host to device".
struct CommandFis {
    std::uint8_t type, flags, command, features;
    std::uint8_t lba_0, lba_1, lba_2, device;
    std::uint8_t lba_3, lba_4, lba_5, features_high;
    std::uint8_t count, count_high, icc, control;
    std::uint8_t auxiliary[4];
};
static_assert(sizeof(CommandFis) == 20);
namespace fis {
inline constexpr std::uint8_t host_to_device = 0x27, is_command = 0x80;
}

inline constexpr unsigned max_regions = 32;
struct CommandTable {
    CommandFis fis;
    std::uint8_t fis_rest[44];
    std::uint8_t packet[64];
    Region region[max_regions];
};
static_assert(sizeof(CommandTable) == 0x80 + max_regions * sizeof(Region) && sizeof(CommandTable) % 128 == 0);

struct ReceivedFis {
    std::uint8_t dma_setup[0x20], pio_setup[0x20];
    std::uint8_t registers[0x18];
    std::uint8_t set_device_bits[8];  // [2] status, [3] error
    std::uint8_t unknown[0x40];
    std::uint8_t reserved[0x60];
};
static_assert(sizeof(ReceivedFis) == 256);

}  // namespace ahci
