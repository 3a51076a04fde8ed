// What a drive says of itself: IDENTIFY DEVICE, ATA/ATAPI-7 section 6.17.
#pragma once

#include <drivers/disk/controller.hpp>

#include <array>
#include <cstdint>

namespace ata {

using IdentifyData = std::array<std::uint16_t, 256>;

// What the driver has to know beside disk::Drive.
struct Abilities {
    std::uint8_t lba48, flush_ext, flush, transfer_mode;  // transfer_mode: as SET FEATURES wants it
};

class Identify {
public:
    explicit Identify(const IdentifyData& words) : words_{words} {}

    // nullptr, or why it is of no use here.
    [[nodiscard]] const char* problem() const {
        if (!bit(49, 9)) return "no LBA";
        if (!bit(49, 8) || transfer_mode() == 0) return "no DMA";
        if (sectors() == 0) return "no sectors";
        if (sector_sizes_told() && bit(106, 12)) return "logical sectors of more than 512 bytes";
        return nullptr;
    }
    [[nodiscard]] disk::Drive drive(std::uint32_t port) const {
        disk::Drive drive{};
        drive.present = true;
        // 65,536 sectors fit into one command of 48 bits; more than the longest call is not needed.
        drive.max_sectors = lba48() ? ant::block::max_transfer_bytes / ant::block::sector_bytes : 256;
        text(27, 40, drive.unit.model);
        text(10, 20, drive.unit.serial);
        drive.unit.port = port;
        drive.unit.sectors = sectors();
        drive.unit.physical_bytes =
            sector_sizes_told() && bit(106, 13) ? ant::block::sector_bytes << (words_[106] & 15) : ant::block::sector_bytes;
        if (bit(82, 5) && bit(85, 5)) drive.unit.flags |= ant::block::unit_flag::write_cache;
        if (lba48() && told(84) && bit(84, 6)) drive.unit.flags |= ant::block::unit_flag::through;
        return drive;
    }
    [[nodiscard]] Abilities abilities() const {
        return {.lba48 = lba48(),
                .flush_ext = told(83) && bit(83, 13),
                .flush = told(83) && bit(83, 12),
                .transfer_mode = transfer_mode()};
    }

    // NCQ commands at once; 0: the drive knows none.
    [[nodiscard]] unsigned queue_depth() const { return words_[76] != 0xffff && bit(76, 8) ? (words_[75] & 0x1f) + 1u : 0; }

private:
    [[nodiscard]] bool bit(unsigned word, unsigned number) const { return (words_[word] >> number & 1) != 0; }
    // Words that are only valid with 01 in their upper bits.
    [[nodiscard]] bool told(unsigned word) const { return words_[word] >> 14 == 1; }
    [[nodiscard]] bool lba48() const { return told(83) && bit(83, 10); }
    [[nodiscard]] bool sector_sizes_told() const { return told(106); }
    [[nodiscard]] std::uint64_t sectors() const {
        std::uint64_t count = words_[60] | std::uint64_t{words_[61]} << 16;
        if (!lba48()) return count;
        count = 0;
        for (unsigned i = 4; i-- != 0;) count = count << 16 | words_[100 + i];
        return count;
    }
    // The mode that the firmware has chosen, since the controller's timing is set for it; without one the fastest that is
    // right for any cable.
    [[nodiscard]] std::uint8_t transfer_mode() const {
        constexpr std::uint8_t ultra = 0x40, multiword = 0x20;
        constexpr unsigned any_cable = 0x07;  // Ultra DMA 0 to 2
        const unsigned ultra_modes = bit(53, 2) ? words_[88] : 0;
        if (const unsigned mode = highest(ultra_modes >> 8); mode != 0) return static_cast<std::uint8_t>(ultra | (mode - 1));
        if (const unsigned mode = highest(words_[63] >> 8 & 7); mode != 0)
            return static_cast<std::uint8_t>(multiword | (mode - 1));
        if (const unsigned mode = highest(ultra_modes & any_cable); mode != 0)
            return static_cast<std::uint8_t>(ultra | (mode - 1));
        if (const unsigned mode = highest(words_[63] & 7); mode != 0) return static_cast<std::uint8_t>(multiword | (mode - 1));
        return 0;
    }
    // Number of the highest bit of eight, + 1; 0 if none is set.
    static unsigned highest(unsigned bits) {
        unsigned number = 0;
        for (bits &= 0xff; bits != 0; bits >>= 1) ++number;
        return number;
    }
    // Two characters per word, the first one in the upper half; padded with blanks on either side.
    template <std::size_t n>
    void text(unsigned word, unsigned count, char (&out)[n]) const {
        std::size_t length = 0;
        for (unsigned i = 0; i < count && length + 1 < n; ++i) {
            const auto c = static_cast<char>(words_[word + i / 2] >> (i % 2 == 0 ? 8 : 0));
            if (c == ' ' && length == 0) continue;
            out[length++] = c >= ' ' && c <= '~' ? c : ' ';
        }
        while (length != 0 && out[length - 1] == ' ') out[--length] = '\0';
    }

    const IdentifyData& words_;
};

}  // namespace ata
