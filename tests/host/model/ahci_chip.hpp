// A model of a SATA host bus adapter with its drives, for tests of the driver: registers and DMA as AHCI 1.3.1 has them, or,
// with `like_qemu`, as QEMU 7 has them. DMA outside the registered memory is a failure, and so is anything that the
// specification forbids software.
#pragma once

#include "drivers/ahci/command.hpp"
#include "drivers/ahci/port.hpp"
#include "drivers/ahci/registers.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ahci::model {

// Physical memory that the adapter may reach.
struct Memory {
    std::uint64_t window = 0;  // address of physical 0
    std::uint64_t first = 0, end = 0;

    [[nodiscard]] std::uint8_t* at(std::uint64_t physical, std::uint64_t bytes) const {
        if (physical < first || physical + bytes > end) throw std::runtime_error("DMA outside memory");
        return reinterpret_cast<std::uint8_t*>(window + physical);
    }
};

struct Drive {
    explicit Drive(std::uint64_t sectors, const std::string& name = "S1") : data(sectors * 512), serial{name} {}

    std::vector<std::uint8_t> data;
    std::string serial;
    std::uint32_t signature = signature::ata;
    unsigned depth = 32;  // 0: no NCQ
    bool has_log = true;
    bool has_fua = true;
    bool identifies = true;
    unsigned settle_reads = 0;  // how often it reads as busy after a reset
    std::set<std::uint64_t> bad_sectors;
    unsigned failures = 0;  // so many transfers fail, wherever
    unsigned flushes = 0, fua_writes = 0, queued_commands = 0, plain_commands = 0;
    std::uint64_t unflushed = 0;  // bytes that may be lost with the power

    [[nodiscard]] std::array<std::uint16_t, 256> identity() const {
        std::array<std::uint16_t, 256> word{};
        auto text = [&word](unsigned first, unsigned words, std::string value) {
            value.resize(words * 2, ' ');
            for (unsigned i = 0; i < words; ++i)
                word[first + i] = static_cast<std::uint16_t>(static_cast<unsigned char>(value[2 * i]) << 8 |
                                                             static_cast<unsigned char>(value[2 * i + 1]));
        };
        text(10, 10, serial);
        text(23, 4, "1.0");
        text(27, 20, "MODEL DRIVE");
        const std::uint64_t sectors = data.size() / 512;
        word[49] = 3 << 8;
        word[53] = 1 << 2;
        word[63] = 7;
        word[88] = 0x3f | 1 << 13;
        word[75] = depth != 0 ? static_cast<std::uint16_t>(depth - 1) : 0;
        word[76] = depth != 0 ? 1 << 8 : 0;
        word[82] = word[85] = 1 << 5;
        word[83] = word[86] = 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10;
        word[84] = word[87] = static_cast<std::uint16_t>(1 << 14 | (has_fua ? 1 << 6 : 0));
        for (unsigned i = 0; i < 4; ++i) word[100 + i] = static_cast<std::uint16_t>(sectors >> 16 * i);
        word[106] = 1 << 14;
        return word;
    }
};

class Chip {
public:
    explicit Chip(Memory memory, std::uint32_t ports = 0x3f) : memory_{memory}, implemented_{ports} {}

    // What happens outside -----------------------------------------------------------------------------------------
    bool bus_master = true;
    bool like_qemu = false;   // errors of queued commands raise no task-file error, and what is under way goes on when stopped
    bool hold = false;        // commands are done only by `work`
    unsigned stop_reads = 1;  // how often a port that stops still reads as running
    bool stuck = false;       // a port that is stopped goes on running until the adapter is reset
    bool stuck_in_reset = false;
    bool loses_interrupts = false;
    bool has_handoff = false;
    unsigned firmware_reads = 0;  // how often the firmware still owns the adapter
    bool queueing = true, staggered = false;
    unsigned resets = 0, port_resets = 0, interrupts = 0;

    std::optional<Drive>& drive(unsigned port) { return port_[port].drive; }
    Drive& plug(unsigned port, Drive drive) {
        Port& p = port_[port];
        p.drive = std::move(drive);
        p.sata_error |= serr_exchanged;
        p.status = 0x7f;
        ready_signature(p);
        raise(p, interrupt::connect_change);
        return *p.drive;
    }
    void unplug(unsigned port) {
        Port& p = port_[port];
        p.drive.reset();
        p.active.clear();
        p.status = 0x7f;
        p.sata_error |= serr_phy;
        raise(p, interrupt::phy_change);
    }
    // The link breaks, and is there again.
    void glitch(unsigned port) {
        port_[port].sata_error |= serr_phy;
        raise(port_[port], interrupt::phy_change);
    }
    void fail_link(unsigned port) {
        Port& p = port_[port];
        p.halted = true;
        raise(p, interrupt::interface_fatal);
    }
    [[nodiscard]] bool line() const {
        return (control_ & control::interrupt_enable) != 0 && interrupt_status() != 0 && !loses_interrupts;
    }
    [[nodiscard]] unsigned under_way(unsigned port) const { return static_cast<unsigned>(port_[port].active.size()); }
    [[nodiscard]] std::uint32_t enabled_interrupts(unsigned port) const { return port_[port].interrupt_enable; }
    // Does up to that many commands of a port, from the one at `from` on.
    void work(unsigned number, unsigned count = 1, unsigned from = 0) {
        Port& p = port_[number];
        while (count-- > 0 && from < p.active.size() && !p.halted) {
            const Active command = p.active[from];
            p.active.erase(p.active.begin() + from);
            execute(p, command);
        }
    }

    // Registers ----------------------------------------------------------------------------------------------------
    std::uint32_t read(Reg offset) {
        if (offset % 4 != 0 || offset >= port::first + max_ports * port::size) throw wrong("bad register access");
        if (offset >= port::first) return read_port(port_[(offset - port::first) / port::size], offset % port::size);
        switch (offset) {
            case hba::capabilities:
                return 1u << 31 | (queueing ? capability::queueing : 0) | (staggered ? capability::staggered_spin_up : 0) |
                       31u << 8 | 5;
            case hba::control:
                if ((control_ & control::reset) != 0 && !stuck_in_reset) control_ = control::ahci_enable;
                return control_;
            case hba::interrupt_status:
                return interrupt_status();
            case hba::ports_implemented:
                return implemented_;
            case hba::version:
                return 0x10301;
            case hba::capabilities_2:
                return has_handoff ? capability_2::handoff : 0;
            case hba::handoff:
                if (firmware_reads != 0) --firmware_reads;
                return handoff_ | (has_handoff && firmware_reads != 0 ? handoff::bios_owned : 0);
            default:
                return 0;
        }
    }
    void write(Reg offset, std::uint32_t value) {
        if (offset % 4 != 0) throw wrong("bad register access");
        if (offset >= port::first) {
            const unsigned number = (offset - port::first) / port::size;
            if ((implemented_ & 1u << number) == 0) throw wrong("a port that is not there");
            return write_port(port_[number], offset % port::size, value);
        }
        switch (offset) {
            case hba::control:
                if ((value & control::ahci_enable) == 0) throw wrong("AHCI disabled");
                if ((value & control::reset) != 0) return reset();
                control_ = value;
                break;
            case hba::interrupt_status:
                acknowledged_ &= ~value;
                break;
            case hba::handoff:
                handoff_ = value & handoff::os_owned;
                break;
            default:
                throw wrong("write to a register that is not the driver's");
        }
    }

private:
    static constexpr std::uint32_t serr_phy = 1 << 16, serr_exchanged = 1 << 26;
    struct Active {
        unsigned slot;
        bool queued;
    };
    struct Port {
        std::uint32_t list = 0, received = 0, interrupt_status = 0, interrupt_enable = 0, command = 0, error_register = 0;
        std::uint32_t status = 0x7f, signature = signature::none, sata_control = 0, sata_error = 0, sata_active = 0, issue = 0;
        std::uint32_t untold = 0;  // like QEMU: ended while no FIS was received; the next one tells of them, and no reset helps
        unsigned list_reads = 0, receive_reads = 0, settle_reads = 0;
        bool halted = false;
        bool reset_needed = false;  // the drive was left in the middle of something
        bool queue_error = false;   // until the log is read
        unsigned failed_slot = 0, failed_error = 0;
        std::optional<Drive> drive;
        std::deque<Active> active;
    };
    static std::runtime_error wrong(const std::string& what) { return std::runtime_error("driver error: " + what); }

    [[nodiscard]] std::uint32_t interrupt_status() const {
        std::uint32_t status = acknowledged_;
        for (unsigned i = 0; i < max_ports; ++i)
            if ((pending(port_[i]) & port_[i].interrupt_enable) != 0) status |= 1u << i;
        return status;
    }
    static std::uint32_t pending(const Port& p) {
        return p.interrupt_status | ((p.sata_error & serr_phy) != 0 ? interrupt::phy_change : 0) |
               ((p.sata_error & serr_exchanged) != 0 ? interrupt::connect_change : 0);
    }
    void raise(Port& p, std::uint32_t bits) {
        p.interrupt_status |= bits & ~interrupt::link;
        if ((pending(p) & p.interrupt_enable) == 0) return;
        acknowledged_ |= 1u << (&p - port_.data());
        ++interrupts;
    }
    void reset() {
        ++resets;
        control_ = control::reset | control::ahci_enable;
        acknowledged_ = 0;
        for (Port& p : port_) {
            std::optional<Drive> drive = std::move(p.drive);
            const std::uint32_t list = p.list, received = p.received;
            p = Port{};
            p.drive = std::move(drive);
            p.list = list;
            p.received = received;
            if (p.drive) ready_signature(p);
        }
    }
    void ready_signature(Port& p) {
        p.settle_reads = p.drive->settle_reads;
        p.signature = p.drive->signature;
        p.status = 0x50;
        p.error_register = 1;
        p.reset_needed = p.queue_error = p.halted = false;
    }

    std::uint32_t read_port(Port& p, Reg reg) {
        switch (reg) {
            case port::command_list:
                return p.list;
            case port::received:
                return p.received;
            case port::interrupt_status:
                return pending(p);
            case port::interrupt_enable:
                return p.interrupt_enable;
            case port::command:
                return read_command(p);
            case port::task_file:
                if (!p.drive) return 0x7f;
                if (p.settle_reads != 0) return --p.settle_reads, 0x80;
                if (p.reset_needed) return 0xd0;
                return p.status | p.error_register << 8;
            case port::signature:
                return p.settle_reads != 0 ? signature::none : p.signature;
            case port::sata_status:
                return p.drive && (p.sata_control & 0xf) != link::reset ? 0x123 : 0;
            case port::sata_control:
                return p.sata_control;
            case port::sata_error:
                return p.sata_error;
            case port::sata_active:
                return p.sata_active;
            case port::issue:
                return p.issue;
            default:
                return 0;
        }
    }
    std::uint32_t read_command(Port& p) {
        std::uint32_t value = p.command;
        if ((p.command & command::start) != 0 || stuck || p.list_reads != 0) value |= command::list_running;
        if ((p.command & command::receive_fis) != 0 || p.receive_reads != 0) value |= command::receive_running;
        if ((p.command & command::start) == 0 && p.list_reads != 0) --p.list_reads;
        if ((p.command & command::receive_fis) == 0 && p.receive_reads != 0) --p.receive_reads;
        return value;
    }
    [[nodiscard]] bool list_runs(const Port& p) const { return (p.command & command::start) != 0 || p.list_reads != 0 || stuck; }

    void write_port(Port& p, Reg reg, std::uint32_t value) {
        switch (reg) {
            case port::command_list:
                if (list_runs(p)) throw wrong("command list moved while it runs");
                p.list = value;
                break;
            case port::received:
                if ((p.command & command::receive_fis) != 0 || p.receive_reads != 0) throw wrong("FIS area moved while in use");
                p.received = value;
                break;
            case port::command_list_high:
            case port::received_high:
                if (value != 0) throw wrong("address above 4 GiB");
                break;
            case port::interrupt_status:
                p.interrupt_status &= ~value;
                break;
            case port::interrupt_enable:
                p.interrupt_enable = value;
                if ((pending(p) & value) != 0) raise(p, 0);
                break;
            case port::command:
                write_command(p, value);
                break;
            case port::sata_control:
                write_sata_control(p, value);
                break;
            case port::sata_error:
                p.sata_error &= ~value;
                break;
            case port::sata_active:
                if ((p.command & command::start) == 0) throw wrong("PxSACT without PxCMD.ST");
                if ((p.sata_active & value) != 0) throw wrong("tag in use");
                p.sata_active |= value;
                break;
            case port::issue:
                issue(p, value);
                break;
            default:
                throw wrong("write to a port register that is not the driver's");
        }
    }
    void write_command(Port& p, std::uint32_t value) {
        const std::uint32_t before = p.command;
        if ((value & command::receive_fis) == 0 && (before & command::receive_fis) != 0) {
            if (list_runs(p)) throw wrong("FIS reception ended before the command list");
            p.receive_reads = stop_reads;
        }
        if ((value & command::start) != 0 && (before & command::start) == 0) {
            if ((value & command::receive_fis) == 0) throw wrong("started without FIS reception");
            if (!bus_master) throw wrong("started without bus mastering");
            if (p.list_reads != 0 || stuck) throw wrong("started before it has stopped");
            if (!p.drive || p.reset_needed || (p.status & 0x88) != 0) throw wrong("started with a busy drive");
            p.halted = false;
        }
        if ((value & command::start) == 0 && (before & command::start) != 0) stop(p);
        p.command = value & ~(command::list_running | command::receive_running | command::interface_mask);
    }
    void stop(Port& p) {
        p.list_reads = stop_reads;
        if (!like_qemu) {  // which goes on with them
            for (const Active& command : p.active) p.reset_needed |= !command.queued;
            if (!p.queue_error) p.queue_error = !p.active.empty();
            p.active.clear();
        }
        p.issue = p.sata_active = 0;
    }
    void write_sata_control(Port& p, std::uint32_t value) {
        if ((p.command & command::start) != 0) throw wrong("COMRESET while it runs");
        const bool ends = (p.sata_control & 0xf) == link::reset && (value & 0xf) == 0;
        p.sata_control = value;
        if (!ends) return;
        ++port_resets;
        p.active.clear();
        p.status = 0x7f;
        p.signature = signature::none;
        p.sata_error |= serr_exchanged | serr_phy;
        if (p.drive) ready_signature(p);
    }

    // Commands -----------------------------------------------------------------------------------------------------
    [[nodiscard]] const CommandHeader& header(const Port& p, unsigned slot) const {
        if (p.list % 1024 != 0) throw wrong("command list not aligned");
        return reinterpret_cast<const CommandHeader*>(memory_.at(p.list, 1024))[slot];
    }
    [[nodiscard]] const CommandTable& table(const Port& p, unsigned slot) const {
        if (header(p, slot).table % 128 != 0) throw wrong("command table not aligned");
        return *reinterpret_cast<const CommandTable*>(memory_.at(header(p, slot).table, 0x80));
    }
    [[nodiscard]] ReceivedFis& received(const Port& p) const {
        if (p.received % 256 != 0) throw wrong("FIS area not aligned");
        return *reinterpret_cast<ReceivedFis*>(memory_.at(p.received, sizeof(ReceivedFis)));
    }
    static bool is_queued(std::uint8_t code) { return code == opcode::read_fpdma_queued || code == opcode::write_fpdma_queued; }

    void issue(Port& p, std::uint32_t slots) {
        if ((p.command & command::start) == 0) throw wrong("PxCI without PxCMD.ST");
        if ((p.issue & slots) != 0) throw wrong("slot in use");
        p.issue |= slots;
        for (unsigned slot = 0; slot < max_slots; ++slot) {
            if ((slots & 1u << slot) == 0 || !p.drive) continue;
            const CommandFis& fis = table(p, slot).fis;
            if (fis.type != fis::host_to_device || fis.flags != fis::is_command) throw wrong("not a command");
            const bool queued = is_queued(fis.command);
            if (queued != ((p.sata_active & 1u << slot) != 0)) throw wrong("PxSACT does not fit the command");
            for (const Active& other : p.active)
                if (other.queued != queued && !like_qemu) throw wrong("queued and other commands mixed");
            if (queued && slot >= p.drive->depth) throw wrong("more commands than the drive takes");
            if (queued) p.issue &= ~(1u << slot);
            if (!queued) p.status = 0xd0;
            p.active.push_back({slot, queued});
        }
        const auto number = static_cast<unsigned>(&p - port_.data());
        const bool own = !p.active.empty() && !p.active.back().queued && is_own(table(p, p.active.back().slot).fis.command);
        if (own) work(number, 1, static_cast<unsigned>(p.active.size()) - 1);
        if (!hold) work(number, max_slots);
    }
    static bool is_own(std::uint8_t code) { return code == opcode::identify_device || code == opcode::read_log_ext; }

    void execute(Port& p, const Active& active) {
        if (!bus_master) return;
        const CommandTable& commands = table(p, active.slot);
        const CommandFis& fis = commands.fis;
        ++(active.queued ? p.drive->queued_commands : p.drive->plain_commands);
        if (p.queue_error && fis.command != opcode::read_log_ext && !like_qemu) return fail(p, active, 0x04);
        switch (fis.command) {
            case opcode::identify_device:
                if (!p.drive->identifies) return fail(p, active, 0x04);
                return answer_page(p, active, p.drive->identity());
            case opcode::read_log_ext:
                p.queue_error = false;
                if (!p.drive->has_log || like_qemu || fis.lba_0 != queue_error_log) return fail(p, active, 0x04);
                return answer_page(p, active, queue_log(p));
            case opcode::flush_cache_ext:
                ++p.drive->flushes;
                p.drive->unflushed = 0;
                return succeed(p, active);
            case opcode::read_dma_ext:
            case opcode::write_dma_ext:
            case opcode::write_dma_fua_ext:
            case opcode::read_fpdma_queued:
            case opcode::write_fpdma_queued:
                return transfer(p, active, fis);
            default:
                throw wrong("unknown ATA command");
        }
    }
    static std::array<std::uint16_t, 256> queue_log(const Port& p) {
        std::array<std::uint16_t, 256> log{};
        log[0] = static_cast<std::uint16_t>(p.failed_slot);
        log[1] = static_cast<std::uint16_t>(p.failed_error << 8 | 0x41);
        std::uint8_t sum = 0;
        for (const std::uint16_t word : log) sum = static_cast<std::uint8_t>(sum + word + (word >> 8));
        log[255] = static_cast<std::uint16_t>((0x100 - sum) << 8);
        return log;
    }
    void answer_page(Port& p, const Active& active, const std::array<std::uint16_t, 256>& page) {
        move(p, active.slot, const_cast<std::uint16_t*>(page.data()), sizeof page, false);
        succeed(p, active, interrupt::pio_setup);
    }
    void move(const Port& p, unsigned slot, void* data, std::size_t bytes, bool to_drive) {
        const CommandHeader& head = header(p, slot);
        if ((head.flags & 0x1f) != header::fis_words) throw wrong("length of the command");
        if (((head.flags & header::write) != 0) != to_drive) throw wrong("direction of the transfer");
        const unsigned regions = head.flags >> header::regions_shift;
        const auto* region = reinterpret_cast<const Region*>(memory_.at(head.table + 0x80u, regions * sizeof(Region)));
        auto* at = static_cast<std::uint8_t*>(data);
        for (unsigned i = 0; i < regions; ++i) {
            const std::uint64_t length = (region[i].last_byte & 0x3f'ffff) + 1;
            if (region[i].last_byte >= max_region_bytes || length % 2 != 0 || region[i].address % 2 != 0) throw wrong("region");
            if (length > bytes) throw wrong("regions longer than the transfer");
            std::uint8_t* memory = memory_.at(region[i].address | std::uint64_t{region[i].address_high} << 32, length);
            if (to_drive)
                std::memcpy(at, memory, length);
            else
                std::memcpy(memory, at, length);
            at += length;
            bytes -= length;
        }
        if (bytes != 0) throw wrong("regions shorter than the transfer");
    }
    void transfer(Port& p, const Active& active, const CommandFis& fis) {
        const std::uint64_t sector = fis.lba_0 | fis.lba_1 << 8 | fis.lba_2 << 16 | std::uint64_t{fis.lba_3} << 24 |
                                     std::uint64_t{fis.lba_4} << 32 | std::uint64_t{fis.lba_5} << 40;
        std::uint32_t count = active.queued ? fis.features | fis.features_high << 8 : fis.count | fis.count_high << 8;
        if (count == 0) count = 65536;
        if ((fis.device & device::lba) == 0) throw wrong("not an LBA");
        if (active.queued && fis.count >> 3 != active.slot) throw wrong("tag is not the slot");
        Drive& drive = *p.drive;
        if (sector + count > drive.data.size() / 512) return fail(p, active, 0x10);
        const auto bad = drive.bad_sectors.lower_bound(sector);
        if (bad != drive.bad_sectors.end() && *bad < sector + count) return fail(p, active, 0x40);
        if (drive.failures != 0) return --drive.failures, fail(p, active, 0x04);
        const bool writes = fis.command != opcode::read_dma_ext && fis.command != opcode::read_fpdma_queued;
        move(p, active.slot, drive.data.data() + sector * 512, std::size_t{count} * 512, writes);
        const bool fua = fis.command == opcode::write_dma_fua_ext || (active.queued && (fis.device & device::fua) != 0);
        if (fua && (!writes || !drive.has_fua)) throw wrong("FUA");
        if (fua) ++drive.fua_writes;
        if (writes && !fua) drive.unflushed += std::uint64_t{count} * 512;
        succeed(p, active);
    }
    void succeed(Port& p, const Active& active, std::uint32_t bits = interrupt::device_to_host) {
        p.status = 0x50;
        p.error_register = 0;
        if (active.queued) return end_queued(p, active, 0x50, 0);
        ReceivedFis& fis = received(p);
        fis.registers[0] = 0x34;
        fis.registers[2] = 0x50;
        p.issue &= ~(1u << active.slot);
        raise(p, bits);
    }
    void end_queued(Port& p, const Active& active, std::uint8_t status, std::uint8_t error) {
        std::uint32_t ended = status == 0x50 ? 1u << active.slot : 0;
        if ((p.command & command::receive_fis) != 0) {
            ReceivedFis& fis = received(p);
            fis.set_device_bits[0] = 0xa1;
            fis.set_device_bits[2] = status;
            fis.set_device_bits[3] = error;
            ended |= std::exchange(p.untold, 0);
        } else if (like_qemu) {
            p.untold |= std::exchange(ended, 0);
        }
        p.sata_active &= ~ended;
        raise(p, interrupt::set_device_bits);
    }
    void fail(Port& p, const Active& active, std::uint8_t error) {
        p.status = 0x51;
        p.error_register = error;
        if (active.queued) {
            p.failed_slot = active.slot;
            p.failed_error = error;
            end_queued(p, active, 0x41, error);
            if (like_qemu) return;
            p.queue_error = true;
            p.active.clear();
        } else if (like_qemu) {
            p.issue &= ~(1u << active.slot);
        }
        p.halted = !like_qemu;
        raise(p, interrupt::task_file);
    }

    Memory memory_;
    std::uint32_t implemented_;
    std::uint32_t control_ = 0, acknowledged_ = 0, handoff_ = 0;
    std::array<Port, max_ports> port_{};
};

}  // namespace ahci::model
