// Registers of ATA devices (ATA/ATAPI-7) and of bus masters for them (SFF-8038i, "Programming Interface for Bus Master
// IDE Controller", revision 1.0).
#pragma once

#include <concepts>
#include <cstdint>

namespace ata {

// Where ports are accessed: the machine, or a model of it.
template <class B>
concept PortBus = requires(B bus, std::uint16_t port) {
    { bus.in8(port) } -> std::same_as<std::uint8_t>;
    { bus.in16(port) } -> std::same_as<std::uint16_t>;
    bus.out8(port, std::uint8_t{});
    bus.out32(port, std::uint32_t{});
};

// First ports of a channel: command block, control block (its one register), bus master.
struct Ports {
    std::uint16_t command, control, master;
};

namespace reg {  // in the command block
inline constexpr std::uint16_t data = 0, error = 1, features = 1, count = 2, lba_low = 3, lba_middle = 4, lba_high = 5,
                               device = 6, status = 7, command = 7;
}
namespace device_bits {
inline constexpr std::uint8_t always = 0xa0, lba = 0x40, second = 0x10;  // `always`: obsolete bits that old drives want set
}
namespace status {
inline constexpr std::uint8_t busy = 0x80, ready = 0x40, fault = 0x20, request = 0x08, error = 0x01;
inline constexpr std::uint8_t floating = 0x7f;  // nobody drives the bus; some hosts pull the uppermost bit up as well
}  // namespace status
namespace error {
inline constexpr std::uint8_t crc = 0x80, uncorrectable = 0x40, not_found = 0x10, aborted = 0x04;
}
namespace control {
inline constexpr std::uint8_t reset = 0x04, no_interrupt = 0x02;
}
namespace command {
inline constexpr std::uint8_t read_dma = 0xc8, read_dma_ext = 0x25, write_dma = 0xca, write_dma_ext = 0x35,
                              write_dma_through_ext = 0x3d, flush = 0xe7, flush_ext = 0xea, identify = 0xec, set_features = 0xef;
}
namespace feature {
inline constexpr std::uint8_t set_transfer_mode = 0x03;
}

namespace master {  // registers
inline constexpr std::uint16_t command = 0, status = 2, table = 4;
}
namespace master_command {
inline constexpr std::uint8_t start = 0x01, to_memory = 0x08;
}
namespace master_status {
inline constexpr std::uint8_t active = 0x01, error = 0x02, interrupt = 0x04, capable = 0x60, simplex = 0x80;
}

// Physical region descriptor. A region is even, and does not cross a 64 KiB boundary.
struct Region {
    std::uint32_t physical;
    std::uint32_t bytes;  // 16 bits, 0 = 64 KiB; the last one has `last`
    static constexpr std::uint32_t last = 0x8000'0000, boundary = 0x1'0000;
};
static_assert(sizeof(Region) == 8);

}  // namespace ata
