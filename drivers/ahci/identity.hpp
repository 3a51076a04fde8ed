// The answer to IDENTIFY DEVICE (ATA/ATAPI Command Set, 7.12.7).
#pragma once

#include "drivers/disk/controller.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ahci {

class Identity {
public:
    explicit Identity(std::span<const std::uint16_t, 256> words) : word_{words} {}

    // An ATA disk with 48-bit addresses: every SATA disk.
    [[nodiscard]] bool valid() const {
        return (word_[0] & 0x8000) == 0 && checked(83) && (word_[83] & 1 << 10) != 0 && sectors() != 0;
    }
    // Of logical_bytes.
    [[nodiscard]] std::uint64_t sectors() const {
        return word_[100] | std::uint64_t{word_[101]} << 16 | std::uint64_t{word_[102]} << 32 | std::uint64_t{word_[103]} << 48;
    }
    [[nodiscard]] std::uint32_t logical_bytes() const {
        if (!checked(106) || (word_[106] & 1 << 12) == 0) return 512;
        return (word_[117] | std::uint32_t{word_[118]} << 16) * 2;
    }
    [[nodiscard]] std::uint32_t physical_bytes() const {
        if (!checked(106) || (word_[106] & 1 << 13) == 0) return logical_bytes();
        return logical_bytes() << (word_[106] & 0xf);
    }
    [[nodiscard]] bool write_cache() const { return (word_[85] & 1 << 5) != 0; }
    // Forced unit access, by a command of its own. What a drive says only of queued writes is not relied on.
    [[nodiscard]] bool through() const { return checked(84) && (word_[84] & 1 << 6) != 0; }
    [[nodiscard]] unsigned queue_depth() const {
        if (word_[76] == 0xffff || (word_[76] & 1 << 8) == 0) return 0;
        return (word_[75] & 0x1f) + 1;
    }
    void describe(disk::Drive& drive, unsigned port) const {
        namespace flag = ant::block::unit_flag;
        drive.max_sectors = max_sectors;
        drive.unit = {.model = {},
                      .serial = {},
                      .flags = (write_cache() ? flag::write_cache : 0) | (through() ? flag::through : 0),
                      .physical_bytes = physical_bytes(),
                      .port = port,
                      .sectors = sectors()};
        text(27, 20, drive.unit.model);
        text(10, 10, drive.unit.serial);
    }

private:
    static constexpr std::uint32_t max_sectors = 0xffff;  // of one command; 0 would be one more
    [[nodiscard]] bool checked(unsigned word) const { return (word_[word] & 0xc000) == 0x4000; }
    // Two characters per word, the first in the upper half, padded with spaces.
    void text(unsigned first, unsigned words, std::span<char> out) const {
        std::size_t end = 0;
        for (unsigned i = 0; i < words * 2 && i + 1 < out.size(); ++i) {
            const auto c = static_cast<char>(word_[first + i / 2] >> (i % 2 == 0 ? 8 : 0) & 0xff);
            out[i] = c >= ' ' && c <= '~' ? c : ' ';
            if (out[i] != ' ') end = i + 1;
        }
        for (std::size_t i = end; i < out.size(); ++i) out[i] = 0;
    }
    std::span<const std::uint16_t, 256> word_;
};

}  // namespace ahci
