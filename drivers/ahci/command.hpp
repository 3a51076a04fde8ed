// What a drive is told, and what it tells of itself: FISes of commands (Serial ATA), IDENTIFY DEVICE and the queued error
// log (ATA/ATAPI Command Set, 7.12 and 9.2).
#pragma once

#include "registers.hpp"

#include "drivers/disk/controller.hpp"

#include <cstdint>
#include <span>

namespace ahci {

namespace opcode {
inline constexpr std::uint8_t read_dma_ext = 0x25, write_dma_ext = 0x35, write_dma_fua_ext = 0x3d, flush_cache_ext = 0xea,
                              read_fpdma_queued = 0x60, write_fpdma_queued = 0x61, read_log_ext = 0x2f, identify_device = 0xec;
}  // namespace opcode
namespace device {
inline constexpr std::uint8_t lba = 1 << 6, fua = 1 << 7;
}
namespace error {
inline constexpr std::uint8_t of_medium = 1 << 6 | 1 << 4;  // not readable, not found
}

inline CommandFis command_fis(std::uint8_t command, std::uint64_t sector = 0) {
    CommandFis fis{};
    fis.type = fis::host_to_device;
    fis.flags = fis::is_command;
    fis.command = command;
    fis.device = device::lba;
    fis.lba_0 = static_cast<std::uint8_t>(sector);
    fis.lba_1 = static_cast<std::uint8_t>(sector >> 8);
    fis.lba_2 = static_cast<std::uint8_t>(sector >> 16);
    fis.lba_3 = static_cast<std::uint8_t>(sector >> 24);
    fis.lba_4 = static_cast<std::uint8_t>(sector >> 32);
    fis.lba_5 = static_cast<std::uint8_t>(sector >> 40);
    return fis;
}
inline CommandFis plain_fis(const disk::Command& command) {
    const std::uint8_t write = command.through ? opcode::write_dma_fua_ext : opcode::write_dma_ext;
    const std::uint8_t code = command.kind == disk::Kind::flush  ? opcode::flush_cache_ext
                              : command.kind == disk::Kind::read ? opcode::read_dma_ext
                                                                 : write;
    CommandFis fis = command_fis(code, command.sector);
    fis.count = static_cast<std::uint8_t>(command.sectors);
    fis.count_high = static_cast<std::uint8_t>(command.sectors >> 8);
    return fis;
}
inline CommandFis queued_fis(const disk::Command& command, unsigned tag) {
    CommandFis fis =
        command_fis(command.kind == disk::Kind::read ? opcode::read_fpdma_queued : opcode::write_fpdma_queued, command.sector);
    fis.features = static_cast<std::uint8_t>(command.sectors);
    fis.features_high = static_cast<std::uint8_t>(command.sectors >> 8);
    fis.count = static_cast<std::uint8_t>(tag << 3);
    if (command.through) fis.device |= device::fua;
    return fis;
}
inline CommandFis identify_fis() { return command_fis(opcode::identify_device); }

inline constexpr std::uint8_t queue_error_log = 0x10;
inline CommandFis log_fis(std::uint8_t log) {
    CommandFis fis = command_fis(opcode::read_log_ext, log);
    fis.count = 1;
    return fis;
}
// Slot of the command that has failed, or no_slot if the log names none.
inline constexpr unsigned no_slot = 32;
inline unsigned failed_slot(std::span<const std::uint16_t, 256> log) {
    std::uint8_t sum = 0;
    for (const std::uint16_t word : log) sum = static_cast<std::uint8_t>(sum + word + (word >> 8));
    const bool empty = (log[0] & 0xff) == 0 && log[1] == 0;  // slot 0, and no status: nothing was written
    const bool not_queued = (log[0] & 1 << 7) != 0;
    return sum != 0 || empty || not_queued ? no_slot : log[0] & 0x1f;
}

inline std::uint32_t error_in_log(std::span<const std::uint16_t, 256> log) { return log[1] >> 8; }

}  // namespace ahci
