// An IDE controller with bus mastering, two channels and up to two devices on each. Fails (std::runtime_error) on whatever
// ATA/ATAPI-7 and SFF-8038i forbid a host to do, and on DMA to where it must not go.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace ide::model {

struct Memory {
    std::uint64_t window;      // address of physical 0
    std::uint64_t begin, end;  // physical
    bool allowed(std::uint64_t at, std::uint64_t bytes) const { return at >= begin && at + bytes <= end; }
};

enum class Kind : std::uint8_t { none, disk, packet };

struct Device {
    Kind kind = Kind::none;
    bool lba48 = true, flush_ext = true, fua = false, write_cache = true;
    std::string model = "MODEL DISK", serial = "S1";
    std::uint64_t sectors = 0;
    std::map<std::uint64_t, std::array<std::uint8_t, 512>> medium, cache;  // by sector
    std::uint8_t mode = 0;                                                 // as SET FEATURES has set it
    // What goes wrong
    std::set<std::uint64_t> bad;                          // sectors
    unsigned crc_errors = 0;                              // of the next transfers
    unsigned lost_interrupts = 0, silent = 0, hangs = 0;  // silent: nor the status bit of the bus master
    bool dead = false;                                    // busy after a reset, for ever
    unsigned commands = 0;
};

class Chip {
public:
    static constexpr std::uint16_t command_port[2] = {0x1f0, 0x170}, control_port[2] = {0x3f6, 0x376}, master_base = 0xc000;
    explicit Chip(Memory memory, std::uint64_t& clock) : memory_{memory}, clock_{clock} {}

    Device& device(unsigned port) { return channels_[port / 2].device[port % 2]; }
    bool bus_master = false;
    std::uint64_t latency_us = 100, reset_us = 3000;
    unsigned accesses = 0, soft_resets = 0;
    std::uint64_t region_limit = ~std::uint64_t{0};

    // Time passes: commands end. -> an interrupt line went up
    bool run() {
        bool raised = false;
        for (unsigned c = 0; c < 2; ++c) raised |= run(channels_[c]);
        return raised;
    }
    void spurious(unsigned c) { channels_[c].line = true; }
    [[nodiscard]] bool line(unsigned c) const { return channels_[c].line; }
    [[nodiscard]] bool dma_active() const { return (channels_[0].master[0] & 1) != 0 || (channels_[1].master[0] & 1) != 0; }
    // The power goes: what was only in the caches is lost.
    void power_cut() {
        for (auto& channel : channels_)
            for (auto& device : channel.device) device.cache.clear();
    }

    std::uint8_t in8(std::uint16_t port) {
        ++accesses;
        const Place at = place(port);
        Channel& c = channels_[at.channel];
        if (at.block == Block::master) return c.master[at.reg];
        if (at.block == Block::control) return status(c);
        switch (at.reg) {
            case 1:
                return c.error;
            case 2:
                return c.count[0];
            case 3:
            case 4:
            case 5:
                return shown_lba(c, at.reg - 3);
            case 6:
                return c.select;
            case 7:
                c.line = false;
                return status(c);
            default:
                throw std::runtime_error("8-bit access to the data register");
        }
    }
    std::uint16_t in16(std::uint16_t port) {
        ++accesses;
        const Place at = place(port);
        Channel& c = channels_[at.channel];
        require(at.block == Block::command && at.reg == 0, "16-bit access");
        require(!busy(c) && (c.status & 0x08) != 0, "data without a request for data");
        const std::uint16_t word = c.data[c.data_at++];
        if (c.data_at == 256) c.status &= ~0x08;
        return word;
    }
    void out8(std::uint16_t port, std::uint8_t value) {
        ++accesses;
        const Place at = place(port);
        Channel& c = channels_[at.channel];
        switch (at.block) {
            case Block::master:
                return write_master(c, at.reg, value);
            case Block::control:
                return write_control(c, value);
            case Block::command:
                break;
        }
        require(!busy(c) && (c.status & 0x08) == 0, "a register is written while the device is busy");
        switch (at.reg) {
            case 1:
                c.features = value;
                break;
            case 2:
                c.count = {value, c.count[0]};
                break;
            case 3:
            case 4:
            case 5:
                c.lba[at.reg - 3] = {value, c.lba[at.reg - 3][0]};
                break;
            case 6:
                if ((c.select ^ value) & 0x10) c.status = 0x50;
                c.select = value;
                break;
            case 7:
                execute(c, value);
                break;
            default:
                throw std::runtime_error("8-bit write to the data register");
        }
    }
    void out32(std::uint16_t port, std::uint32_t value) {
        ++accesses;
        const Place at = place(port);
        require(at.block == Block::master && at.reg == 4, "32-bit access");
        require(value % 4 == 0, "the table is not aligned");
        channels_[at.channel].table = value;
    }

private:
    enum class Block : std::uint8_t { command, control, master };
    struct Place {
        unsigned channel;
        Block block;
        unsigned reg;
    };
    struct Channel {
        Device device[2];
        std::array<std::uint8_t, 4> master{};  // command, -, status, -
        std::uint32_t table = 0;
        std::array<std::uint8_t, 2> count{};
        std::array<std::array<std::uint8_t, 2>, 3> lba{};
        std::uint8_t features = 0, select = 0, status = 0x50, error = 0, control = 0;
        bool line = false, signature = false, waits_for_dma = false;
        std::uint8_t command = 0;
        std::optional<std::uint64_t> ends;  // when the command or the reset does
        bool resetting = false, hung = false;
        std::array<std::uint16_t, 256> data{};
        unsigned data_at = 0;
    };

    static void require(bool right, const char* what) {
        if (!right) throw std::runtime_error(std::string{"IDE model: "} + what);
    }
    static Place place(std::uint16_t port) {
        for (unsigned c = 0; c < 2; ++c) {
            if (port >= command_port[c] && port < command_port[c] + 8)
                return {c, Block::command, port - unsigned{command_port[c]}};
            if (port == control_port[c]) return {c, Block::control, 0};
            const unsigned first = master_base + 8 * c;
            if (port >= first && port < first + 8) return {c, Block::master, port - first};
        }
        throw std::runtime_error("IDE model: no such port");
    }
    static Device& selected(Channel& c) { return c.device[c.select >> 4 & 1]; }
    static bool busy(Channel& c) { return c.resetting || c.ends || c.hung; }
    static std::uint8_t status(Channel& c) {
        const Device& d = selected(c);
        if (c.device[0].kind == Kind::none && c.device[1].kind == Kind::none) return 0xff;
        if (d.dead) return 0x80;
        if (busy(c)) return 0x80;
        if (d.kind == Kind::none) return 0;
        if (d.kind == Kind::packet && c.signature) return 0;
        return c.status;
    }
    static std::uint8_t shown_lba(Channel& c, unsigned index) {
        if (!c.signature) return c.lba[index][0];
        constexpr std::uint8_t disk[3] = {1, 0, 0}, packet[3] = {1, 0x14, 0xeb};
        return selected(c).kind == Kind::packet ? packet[index] : disk[index];
    }
    void write_control(Channel& c, std::uint8_t value) {
        if ((value & 4) != 0 && (c.control & 4) == 0) {
            c.resetting = true;
            c.hung = false;
            c.line = false;
            c.waits_for_dma = false;
            c.ends.reset();
            ++soft_resets;
        }
        if ((value & 4) == 0 && (c.control & 4) != 0) c.ends = clock_ + reset_us;
        c.control = value;
    }
    void write_master(Channel& c, unsigned reg, std::uint8_t value) {
        require(reg == 0 || reg == 2, "no such bus master register");
        if (reg == 2) {
            c.master[2] = static_cast<std::uint8_t>((c.master[2] & ~(value & 6) & ~0x60) | (value & 0x60));
            return;
        }
        const bool was_on = (c.master[0] & 1) != 0, on = (value & 1) != 0;
        if (on) require(!was_on || ((c.master[0] ^ value) & 8) == 0, "the direction changes during a transfer");
        c.master[0] = value & 9;
        if (on && !was_on) c.master[2] |= 1;
        if (!on) {
            c.master[2] &= ~1;
            if (c.waits_for_dma) {  // the transfer stops in the middle
                c.waits_for_dma = false;
                c.ends.reset();
                c.hung = true;
            }
        }
    }

    void execute(Channel& c, std::uint8_t command) {
        Device& d = selected(c);
        if (d.kind == Kind::none) return;
        require(d.kind == Kind::disk, "a command for a packet device");
        ++d.commands;
        c.signature = false;
        c.command = command;
        c.error = 0;
        c.status = 0x50;
        if (command != 0xec && command != 0xef && d.hangs != 0) {
            --d.hangs;
            c.hung = true;
            return;
        }
        c.waits_for_dma = command == 0xc8 || command == 0x25 || command == 0xca || command == 0x35 || command == 0x3d;
        c.ends = clock_ + (command == 0xec ? 10 : latency_us);
    }
    bool run(Channel& c) {
        if (!c.ends || clock_ < *c.ends) return false;
        if (c.waits_for_dma && (c.master[0] & 1) == 0) return false;  // until the bus master is started
        c.ends.reset();
        if (c.resetting) {
            c.resetting = false;
            c.signature = true;
            c.select = 0;
            c.status = 0x50;
            return false;
        }
        c.waits_for_dma = false;
        finish(c);
        return interrupt(c);
    }
    bool interrupt(Channel& c) {
        Device& d = selected(c);
        if ((c.control & 2) != 0) return false;
        c.line = true;
        if (d.silent != 0 && d.silent-- != 0) {
            c.line = false;
            return false;
        }
        c.master[2] |= 4;
        if (d.lost_interrupts != 0 && d.lost_interrupts-- != 0) return false;
        return true;
    }
    void fail(Channel& c, std::uint8_t error) {
        c.status = 0x51;
        c.error = error;
        c.master[2] &= ~1;
    }
    void finish(Channel& c) {
        Device& d = selected(c);
        switch (c.command) {
            case 0xec:
                identify(d, c.data);
                c.data_at = 0;
                c.status = 0x58;
                return;
            case 0xef:
                require(c.features == 3, "an unknown feature");
                d.mode = c.count[0];
                return;
            case 0xea:
                if (!d.flush_ext) return fail(c, 4);
                [[fallthrough]];
            case 0xe7:
                for (auto& [sector, bytes] : d.cache) d.medium[sector] = bytes;
                d.cache.clear();
                return;
            case 0xc8:
            case 0xca:
                return transfer(c, c.command == 0xca, false, false);
            case 0x25:
            case 0x35:
                return d.lba48 ? transfer(c, c.command == 0x35, true, false) : fail(c, 4);
            case 0x3d:
                return d.fua ? transfer(c, true, true, true) : fail(c, 4);
            default:
                fail(c, 4);
        }
    }
    void transfer(Channel& c, bool write, bool ext, bool through) {
        Device& d = selected(c);
        require(d.mode != 0, "DMA without a transfer mode");
        require((c.select & 0x40) != 0, "no LBA");
        require(((c.master[0] & 8) != 0) == !write, "the bus master has the wrong direction");
        require(bus_master, "bus mastering is off");
        std::uint64_t sector = c.lba[0][0] | c.lba[1][0] << 8 | c.lba[2][0] << 16;
        std::uint64_t count = c.count[0];
        if (ext) {
            sector |= std::uint64_t{c.lba[0][1]} << 24 | std::uint64_t{c.lba[1][1]} << 32 | std::uint64_t{c.lba[2][1]} << 40;
            count |= std::uint64_t{c.count[1]} << 8;
            if (count == 0) count = 65536;
        } else {
            sector |= std::uint64_t{static_cast<std::uint8_t>(c.select & 15)} << 24;
            if (count == 0) count = 256;
        }
        const auto bytes = regions(c, count * 512);
        if (sector + count > d.sectors) return fail(c, 0x10);
        if (d.crc_errors != 0) {
            --d.crc_errors;
            return fail(c, 0x84);
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            if (d.bad.count(sector + i) != 0) return fail(c, 0x40);
            std::array<std::uint8_t, 512> data{};
            if (write) {
                for (unsigned k = 0; k < 512; ++k) data[k] = *at(bytes[(i * 512 + k) / 512], k);
                (d.write_cache && !through ? d.cache : d.medium)[sector + i] = data;
                if (through) d.cache.erase(sector + i);
            } else {
                if (const auto found = d.cache.find(sector + i); found != d.cache.end())
                    data = found->second;
                else if (const auto stored = d.medium.find(sector + i); stored != d.medium.end())
                    data = stored->second;
                for (unsigned k = 0; k < 512; ++k) *at(bytes[i], k) = data[k];
            }
        }
        c.master[2] &= ~1;
    }
    std::uint8_t* at(std::uint64_t physical, unsigned offset) const {
        return reinterpret_cast<std::uint8_t*>(memory_.window + physical + offset);
    }
    // Where each sector of the transfer lies.
    std::vector<std::uint64_t> regions(Channel& c, std::uint64_t bytes) {
        std::vector<std::uint64_t> sectors;
        std::uint64_t entry = c.table, left = 0, from = 0;
        bool last = false;
        for (std::uint64_t done = 0; done < bytes; done += 512) {
            if (left == 0) {
                require(!last, "the table ends before the transfer");
                require(memory_.allowed(entry, 8), "the table lies outside memory");
                require(entry / 65536 == c.table / 65536, "the table crosses 64 KiB");
                std::uint32_t words[2];
                std::memcpy(words, reinterpret_cast<const void*>(memory_.window + entry), sizeof words);
                from = words[0];
                left = (words[1] & 0xffff) == 0 ? 65536 : words[1] & 0xffff;
                last = (words[1] >> 31) != 0;
                require(from % 2 == 0 && left % 2 == 0, "an odd region");
                require(from / 65536 == (from + left - 1) / 65536, "a region crosses 64 KiB");
                require(memory_.allowed(from, left), "DMA outside memory");
                entry += 8;
            }
            require(left >= 512, "a sector lies in two regions");
            sectors.push_back(from);
            from += 512;
            left -= 512;
        }
        require(left == 0 && last, "the table is longer than the transfer");
        return sectors;
    }
    static void identify(const Device& d, std::array<std::uint16_t, 256>& words) {
        words = {};
        auto text = [&words](unsigned word, unsigned count, std::string s) {
            s.resize(count, ' ');
            for (unsigned i = 0; i < count; i += 2)
                words[word + i / 2] =
                    static_cast<std::uint16_t>(static_cast<unsigned char>(s[i]) << 8 | static_cast<unsigned char>(s[i + 1]));
        };
        text(10, 20, d.serial);
        text(27, 40, d.model);
        words[49] = 1 << 9 | 1 << 8;
        words[53] = 1 << 2;
        words[88] = 0x203f;
        const auto low = static_cast<std::uint32_t>(std::min<std::uint64_t>(d.sectors, 0x0fff'ffff));
        words[60] = static_cast<std::uint16_t>(low);
        words[61] = static_cast<std::uint16_t>(low >> 16);
        words[82] = 1 << 5;
        words[85] = d.write_cache ? 1 << 5 : 0;
        words[83] = static_cast<std::uint16_t>(1 << 14 | 1 << 12 | (d.flush_ext ? 1 << 13 : 0) | (d.lba48 ? 1 << 10 : 0));
        words[84] = static_cast<std::uint16_t>(1 << 14 | (d.fua ? 1 << 6 : 0));
        for (unsigned i = 0; d.lba48 && i < 4; ++i) words[100 + i] = static_cast<std::uint16_t>(d.sectors >> 16 * i);
    }

    Memory memory_;
    std::uint64_t& clock_;
    std::array<Channel, 2> channels_;
};

}  // namespace ide::model
