// One channel: two devices on one cable, one command at a time.
//
//   working: ready or command
//   reset:   SRST ─► settle ─► for each device: look ─► identify ─► set mode ─► ready
//
// `Host`: u64 now_us(), void pause_us(us).
#pragma once

#include "identify.hpp"
#include "registers.hpp"

#include <ant/process.hpp>

#include <cstring>
#include <utility>

namespace ata {

enum class Phase : std::uint8_t { ready, command, settle, look, identify, mode };

// All that is known of a channel: in a planned replacement the next process goes on with a command, or a reset, from here.
struct ChannelState {
    disk::Drive drive[2];
    Abilities abilities[2];
    std::uint64_t table;          // area with the region descriptors
    std::uint64_t limit_us;       // of the step of a reset
    std::uint32_t token, device;  // of the command under way
    std::uint32_t selected;       // device
    std::uint32_t probed;         // by the reset under way: device
    std::uint32_t found;          // and a bit for each that is there
    std::uint8_t master_status;   // the capabilities
    Phase phase;
    bool known;      // the drives
    bool transfers;  // the command under way does
    bool seen;       // it, by a look
    bool held;       // a command waits for the reset to end
    bool lost[2];    // a drive that a reset has not brought back
};

template <PortBus Bus, class Host>
class Channel {
public:
    static constexpr unsigned devices = 2;
    static constexpr std::uint64_t setup_look_us = 1'000;

    Channel(Bus& bus, Host& host, const Ports& ports, unsigned number, ChannelState& state, ant::block::Statistics& statistics)
        : bus_{bus}, host_{host}, ports_{ports}, number_{number}, state_{state}, statistics_{statistics} {}

    // Life -----------------------------------------------------------------------------------------------------
    void stop_dma() { bus_.out8(master(master::command), 0); }
    void begin() { begin_reset(); }
    [[nodiscard]] bool settled() const { return state_.known; }
    [[nodiscard]] bool busy() const { return state_.phase != Phase::ready; }
    [[nodiscard]] bool room() const { return state_.phase == Phase::ready; }
    // Only one channel of the controller can transfer at a time.
    [[nodiscard]] bool simplex() const { return (state_.master_status & master_status::simplex) != 0; }
    [[nodiscard]] const disk::Drive& drive(unsigned device) const { return state_.drive[device]; }

    // Commands -------------------------------------------------------------------------------------------------
    void start(unsigned device, std::uint32_t token, const disk::Command& command) {
        state_.token = token;
        state_.device = device;
        state_.transfers = command.kind != disk::Kind::flush;
        state_.seen = false;
        if (state_.lost[device] || !select(device)) {
            state_.held = true;
            return begin_reset();
        }
        state_.phase = Phase::command;
        if (!state_.transfers)
            return write(reg::command, state_.abilities[device].flush_ext ? command::flush_ext : command::flush);
        const std::uint8_t direction = command.kind == disk::Kind::read ? master_command::to_memory : 0;
        fill_table(command.pieces);
        bus_.out32(master(master::table), static_cast<std::uint32_t>(state_.table - ant::abi::ica_base));
        bus_.out8(master(master::command), direction);
        clear_master_status();
        write_transfer(device, command);
        bus_.out8(master(master::command), direction | master_command::start);
    }

    // -> whether the interrupt may have been this channel's
    template <class Ended>
    bool interrupt(Ended&& ended) {
        return state_.phase == Phase::command && look_at_command(false, ended);
    }
    // An interrupt that nobody wanted: a drive takes it back when its status is read.
    void acknowledge() {
        if (state_.phase != Phase::ready || (!state_.drive[0].present && !state_.drive[1].present)) return;
        (void)read(reg::status);
        clear_master_status();
    }
    // -> us until it wants to be looked at again
    template <class Ended>
    std::uint64_t look(std::uint64_t now_us, Ended&& ended) {
        if (state_.phase == Phase::command) {
            look_at_command(std::exchange(state_.seen, true), ended);
        } else if (state_.phase != Phase::ready) {
            for (unsigned steps = 0; steps < most_steps && state_.phase != Phase::ready; ++steps)
                if (!step(now_us)) break;
            if (state_.phase == Phase::ready) end_reset(ended);
        }
        return state_.phase == Phase::ready || state_.phase == Phase::command ? disk::look_us : setup_look_us;
    }
    template <class Ended>
    void reset(Ended&& ended) {
        if (state_.phase != Phase::command) return;
        begin_reset();
        ended(state_.token, disk::End::withdrawn);
    }

private:
    static constexpr unsigned nobody = ~0U;
    static constexpr unsigned most_steps = 16;
    static constexpr unsigned quick_polls = 32;  // a drive that answers at once needs no further look
    // ATA/ATAPI-7 section 9.2: 31 s after a reset, in which a drive may start its motor.
    static constexpr std::uint64_t settle_us = 2'000, reset_limit_us = 31'000'000, lost_limit_us = 3'000'000;
    static constexpr std::uint64_t setup_limit_us = 10'000'000;

    // Registers ------------------------------------------------------------------------------------------------
    [[nodiscard]] std::uint16_t master(std::uint16_t reg) const { return static_cast<std::uint16_t>(ports_.master + reg); }
    std::uint8_t read(std::uint16_t reg) { return bus_.in8(static_cast<std::uint16_t>(ports_.command + reg)); }
    void write(std::uint16_t reg, std::uint64_t value) {
        bus_.out8(static_cast<std::uint16_t>(ports_.command + reg), static_cast<std::uint8_t>(value));
    }
    std::uint8_t quiet_status() { return bus_.in8(ports_.control); }  // leaves the interrupt as it is
    void read_master() {
        state_.master_status = bus_.in8(master(master::status)) & (master_status::capable | master_status::simplex);
    }
    void clear_master_status() {
        bus_.out8(master(master::status),
                  (state_.master_status & master_status::capable) | master_status::interrupt | master_status::error);
    }
    // Four reads take the 400 ns after which the status is that of the device, and of the command.
    void settle_status() {
        for (unsigned i = 0; i < 4; ++i) (void)quiet_status();
    }
    static std::uint8_t device_byte(unsigned device) {
        return device_bits::always | device_bits::lba | (device != 0 ? device_bits::second : std::uint8_t{0});
    }
    // -> whether the device takes commands
    bool select(unsigned device) {
        if (state_.selected == device) return true;
        state_.selected = device;
        write(reg::device, device_byte(device));
        settle_status();
        return (quiet_status() & (status::busy | status::request)) == 0;
    }

    // Transfers ------------------------------------------------------------------------------------------------
    void fill_table(std::span<const disk::Piece> pieces) {
        auto* region = reinterpret_cast<volatile Region*>(state_.table);
        for (const disk::Piece& piece : pieces) {
            std::uint32_t physical = piece.physical, rest = piece.bytes;
            while (rest != 0) {
                const std::uint32_t room = Region::boundary - physical % Region::boundary;
                const std::uint32_t bytes = rest < room ? rest : room;
                region->physical = physical;
                region->bytes = bytes % Region::boundary;
                ++region;
                physical += bytes;
                rest -= bytes;
            }
        }
        --region;
        region->bytes = region->bytes | Region::last;
    }
    void write_transfer(unsigned device, const disk::Command& command) {
        const std::uint64_t sector = command.sector;
        const bool writes = command.kind == disk::Kind::write;
        const bool short_form = !command.through && command.sectors <= 256 && sector + command.sectors <= std::uint64_t{1} << 28;
        if (!short_form) {  // the upper halves first: each register is two deep
            write(reg::count, command.sectors >> 8);
            write(reg::lba_low, sector >> 24);
            write(reg::lba_middle, sector >> 32);
            write(reg::lba_high, sector >> 40);
        }
        write(reg::count, command.sectors);
        write(reg::lba_low, sector);
        write(reg::lba_middle, sector >> 8);
        write(reg::lba_high, sector >> 16);
        write(reg::device, device_byte(device) | (short_form ? sector >> 24 : 0));
        if (short_form)
            write(reg::command, writes ? command::write_dma : command::read_dma);
        else if (writes)
            write(reg::command, command.through ? command::write_dma_through_ext : command::write_dma_ext);
        else
            write(reg::command, command::read_dma_ext);
    }
    // `patient`: the command has been there for a whole look, so that its end counts without an interrupt, too.
    template <class Ended>
    bool look_at_command(bool patient, Ended&& ended) {
        const std::uint8_t master_says = bus_.in8(master(master::status));
        const bool interrupted = (master_says & master_status::interrupt) != 0;
        if (!interrupted && (!patient || (quiet_status() & status::busy) != 0)) return false;
        const std::uint8_t says = read(reg::status);
        if ((says & status::busy) != 0) return false;
        if (!interrupted && (says & status::request) != 0) return false;  // still transferring
        if (state_.transfers) stop_dma();
        clear_master_status();
        state_.phase = Phase::ready;
        const disk::End end = judge(says, master_says);
        if ((says & status::request) != 0) begin_reset();  // it wants data that nobody has
        ended(state_.token, end);
        return true;
    }
    disk::End judge(std::uint8_t says, std::uint8_t master_says) {
        if ((says & (status::error | status::fault)) != 0) {
            const std::uint8_t why = (says & status::error) != 0 ? read(reg::error) : std::uint8_t{0};
            const bool medium = (why & (error::uncorrectable | error::not_found)) != 0 && (why & error::crc) == 0;
            return medium ? disk::End::damaged : disk::End::failed;
        }
        const bool short_transfer = state_.transfers && (master_says & (master_status::error | master_status::active)) != 0;
        return short_transfer || (says & status::request) != 0 ? disk::End::failed : disk::End::done;
    }

    // Reset ----------------------------------------------------------------------------------------------------
    void begin_reset() {
        stop_dma();
        read_master();
        clear_master_status();
        if (state_.known) ++statistics_.resets;
        bus_.out8(ports_.control, control::reset | control::no_interrupt);
        host_.pause_us(5);
        bus_.out8(ports_.control, control::no_interrupt);
        enter(Phase::settle, settle_us);
        state_.selected = nobody;  // a reset should select the first one, but not every controller does
        state_.probed = 0;
    }
    void enter(Phase phase, std::uint64_t limit_us) {
        state_.phase = phase;
        state_.limit_us = host_.now_us() + limit_us;
    }
    // -> false: it has to wait
    bool step(std::uint64_t now_us) {
        switch (state_.phase) {
            case Phase::settle:
                if (now_us < state_.limit_us) return false;
                enter(Phase::look, is_lost() ? lost_limit_us : reset_limit_us);
                return true;
            case Phase::look:
                return look_for_device();
            case Phase::identify:
                return identify();
            case Phase::mode:
                if (wait_for_device()) next_device();
                return state_.phase != Phase::mode;
            default:
                return false;
        }
    }
    [[nodiscard]] bool is_lost() const { return state_.lost[0] || state_.lost[1]; }
    // -> whether the device has come to an end, good or bad. Its status is in `says_`, floating if it has not.
    bool wait_for_device() {
        for (unsigned i = 0; i < quick_polls; ++i) {
            says_ = quiet_status();
            if (nobody_there() || (says_ & status::busy) == 0) return true;
        }
        if (host_.now_us() < state_.limit_us) return false;
        says_ = status::floating;
        return true;
    }
    [[nodiscard]] bool nobody_there() const { return (says_ | status::busy) == (status::floating | status::busy); }
    bool look_for_device() {
        if (!wait_for_device()) return false;
        if (state_.selected != state_.probed && !nobody_there()) {
            state_.selected = state_.probed;
            write(reg::device, device_byte(state_.probed));
            settle_status();
            if (!wait_for_device()) return false;
        }
        if (nobody_there() || !signature_of_disk()) {
            next_device();
            return true;
        }
        write(reg::command, command::identify);
        settle_status();
        enter(Phase::identify, setup_limit_us);
        return true;
    }
    // After a reset: ATA/ATAPI-7 section 9.12. Packet devices (the boot CD) are left alone.
    bool signature_of_disk() {
        const unsigned signature = read(reg::lba_middle) | read(reg::lba_high) << 8;
        return signature == 0 || signature == 0xc33c;  // the latter behind a SATA bridge
    }
    bool identify() {
        if (!wait_for_device()) return false;
        if (nobody_there() || (says_ & status::request) == 0) {
            next_device();
            return true;
        }
        IdentifyData data;
        for (auto& word : data) word = bus_.in16(static_cast<std::uint16_t>(ports_.command + reg::data));
        const Identify found{data};
        if (!take_drive(found)) {
            next_device();
            return true;
        }
        write(reg::features, feature::set_transfer_mode);
        write(reg::count, state_.abilities[state_.probed].transfer_mode);
        write(reg::command, command::set_features);
        settle_status();
        enter(Phase::mode, setup_limit_us);
        return true;
    }
    // Once the drives are known, others do not become theirs.
    bool take_drive(const Identify& found) {
        const char* problem = found.problem();
        const disk::Drive drive = found.drive(number_ * devices + state_.probed);
        if (problem != nullptr) {
            ant::log("%s at port %u cannot be used: %s", drive.unit.model, drive.unit.port, problem);
            return false;
        }
        disk::Drive& known = state_.drive[state_.probed];
        if (state_.known && (!known.present || std::memcmp(&known.unit.model, &drive.unit.model, sizeof known.unit.model) != 0 ||
                             std::memcmp(&known.unit.serial, &drive.unit.serial, sizeof known.unit.serial) != 0))
            return false;
        state_.found |= 1U << state_.probed;
        known = drive;
        state_.abilities[state_.probed] = found.abilities();
        return true;
    }
    // While one is busy the other cannot be selected, either.
    void next_device() {
        if (!nobody_there() && ++state_.probed < devices) return enter(Phase::look, is_lost() ? lost_limit_us : reset_limit_us);
        (void)read(reg::status);  // takes back what interrupt the set-up has left
        clear_master_status();
        state_.phase = Phase::ready;
    }
    template <class Ended>
    void end_reset(Ended&& ended) {
        for (unsigned device = 0; device < devices; ++device)
            state_.lost[device] = state_.drive[device].present && (state_.found >> device & 1) == 0;
        const bool any = state_.found != 0;
        state_.found = 0;
        state_.known = true;
        bus_.out8(ports_.control, any ? std::uint8_t{0} : control::no_interrupt);
        if (std::exchange(state_.held, false))
            ended(state_.token, state_.lost[state_.device] ? disk::End::gone : disk::End::withdrawn);
    }

    Bus& bus_;
    Host& host_;
    Ports ports_;
    unsigned number_;
    ChannelState& state_;
    ant::block::Statistics& statistics_;
    std::uint8_t says_ = 0;  // a device, when it was looked at last
};

}  // namespace ata
