// One port with its drive: from any condition to ready, commands, and what may go wrong with them (AHCI 5, 6 and 10).
// It owns nothing: all that it knows is in its state. Nothing here waits; `step` is called again when time has passed.
//
// `Host` is the system around it:
//   u64 now_us()
//   u64 take_area(pages)     zeroed; 0 = none; physical address = address - ica_base
#pragma once

#include "command.hpp"
#include "registers.hpp"
#include "state.hpp"

#include "drivers/ata/identify.hpp"

#include <ant/abi/control_ica.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

namespace ahci {

// Time limits. AHCI 10.1.2 and 10.4 for those of the adapter; drives need up to half a minute to spin up.
inline constexpr std::uint64_t stop_limit_us = 500'000, reset_us = 1'100, link_limit_us = 200'000, return_limit_us = 3'000'000,
                               settle_limit_us = 30'000'000, own_command_limit_us = 10'000'000;
inline constexpr std::uint64_t step_us = 1'000;  // how often a port on its way looks
inline constexpr unsigned max_attempts = 3;

// The area that a port works with.
struct PortMemory {
    CommandHeader header[max_slots];
    ReceivedFis received;
    std::uint8_t reserved[256];
    std::array<std::uint16_t, 256> page;  // IDENTIFY DEVICE, READ LOG EXT
    CommandTable table[max_slots];
};
static_assert(offsetof(PortMemory, received) % 256 == 0 && offsetof(PortMemory, table) % 128 == 0);
inline constexpr std::size_t port_pages = (sizeof(PortMemory) + ant::abi::page_size - 1) / ant::abi::page_size;

template <RegisterBus Bus, class Host>
class Port {
public:
    Port(Bus& bus, Host& host, State& adapter, unsigned number)
        : bus_{bus}, host_{host}, adapter_{adapter}, state_{adapter.port[number]}, number_{number} {}

    // From the beginning, whatever the port was doing.
    void begin() { stop(false); }
    // Something was under way at the drive, as far as the registers tell, or a repair: that runs without interrupts.
    [[nodiscard]] bool was_busy() const {
        if ((read(port::sata_control) & link::detect_mask) != 0) return true;
        if (link::detected(read(port::sata_status)) != link::up || read(port::signature) != signature::ata) return false;
        return read(port::interrupt_enable) == 0 || (read(port::issue) | read(port::sata_active)) != 0 ||
               (read(port::task_file) & (task_file::busy | task_file::data_request | task_file::error)) != 0;
    }
    [[nodiscard]] bool spun_up() const { return (read(port::command) & command::spin_up) != 0; }

    // Commands ---------------------------------------------------------------------------------------------------
    // A drive that is not there takes one, too: that makes the port look again before it is over.
    // A flush comes alone (disk.hpp), as it has to: queued and other commands do not mix (Serial ATA, 13.6).
    [[nodiscard]] bool room() const {
        if (in_use() == 0) return !on_its_way(state_.phase);
        return state_.phase == Phase::ready && state_.queued && state_.careful == 0 && (~in_use() & slot_mask(state_.depth)) != 0;
    }
    void start(const disk::Command& command, std::uint32_t token) {
        const auto slot = static_cast<unsigned>(std::countr_zero(~in_use()));
        state_.token[slot] = token;
        state_.running |= 1u << slot;
        note_activity();
        if (state_.phase != Phase::ready) [[unlikely]] {
            state_.attempts = max_attempts;  // this time is the last one
            return stop(true);
        }
        state_.queued = is_queued(command.kind);
        CommandTable& table = memory().table[slot];
        table.fis = state_.queued ? queued_fis(command, slot) : plain_fis(command);
        fill_regions(table, command.pieces);
        set_header(slot, command.kind == disk::Kind::write, static_cast<unsigned>(command.pieces.size()));
        issue(slot, state_.queued);
    }
    // ended(token, End) for each command that is over.
    void tell(auto&& ended) {
        for (; state_.over != 0; state_.over &= state_.over - 1) {
            const auto slot = static_cast<unsigned>(std::countr_zero(state_.over));
            ended(state_.token[slot], state_.end[slot]);
        }
        note_activity();
    }
    // A command takes too long.
    void reset() {
        if (on_its_way(state_.phase)) return;
        interrupt();
        if (state_.phase == Phase::ready) stop(true);
    }

    // Events -----------------------------------------------------------------------------------------------------
    void interrupt() {
        if (on_its_way(state_.phase)) return;  // it looks at the registers itself
        const std::uint32_t status = read(port::interrupt_status);
        write(port::interrupt_status, status);
        if ((status & interrupt::link) != 0) return stop(true);  // what was under way may be done or not
        if (state_.phase != Phase::ready) return;
        if ((status & interrupt::unknown_fis) != 0) write(port::sata_error, serr_all);
        const std::uint32_t slots = done();
        if ((status & (interrupt::fatal | interrupt::overflow)) != 0 || refused(slots)) return command_failed(status, slots);
        end(slots, disk::End::done);
    }
    // Does what is due.
    void step() {
        while (advance()) {
        }
        note_activity();
    }
    [[nodiscard]] std::uint64_t looks_again_us() const { return on_its_way(state_.phase) ? step_us : disk::look_us; }
    // It cannot be said whether there is a drive. One that does not come up at once is not waited for.
    [[nodiscard]] bool undecided() const { return on_its_way(state_.phase) && state_.attempts == 0; }

private:
    static constexpr std::uint32_t serr_all = ~std::uint32_t{0}, serr_link = 1 << 16 | 1 << 26;  // PhyRdy change, exchanged

    // Registers and memory ---------------------------------------------------------------------------------------
    [[nodiscard]] std::uint32_t read(Reg reg) const { return bus_.read(port::first + number_ * port::size + reg); }
    void write(Reg reg, std::uint32_t value) { bus_.write(port::first + number_ * port::size + reg, value); }
    void change_command(std::uint32_t set, std::uint32_t clear) {
        write(port::command, (read(port::command) & ~(clear | command::interface_mask)) | set);
    }
    [[nodiscard]] PortMemory& memory() const { return *reinterpret_cast<PortMemory*>(state_.memory); }
    [[nodiscard]] std::uint64_t physical(const void* at) const {
        return reinterpret_cast<std::uint64_t>(at) - ant::abi::ica_base;
    }
    static constexpr std::uint32_t slot_mask(unsigned slots) { return slots >= 32 ? ~0u : (1u << slots) - 1; }

    // Commands ---------------------------------------------------------------------------------------------------
    [[nodiscard]] bool is_queued(disk::Kind kind) const {
        return kind != disk::Kind::flush && state_.depth != 0 && state_.careful == 0;
    }
    [[nodiscard]] std::uint32_t in_use() const { return state_.running | state_.over; }
    static void fill_regions(CommandTable& table, std::span<const disk::Piece> pieces) {
        Region* region = table.region;
        for (const disk::Piece& piece : pieces)
            *region++ = {.address = piece.physical, .address_high = 0, .reserved = 0, .last_byte = piece.bytes - 1};
    }
    void set_header(unsigned slot, bool to_drive, unsigned regions) {
        const std::uint64_t table = physical(&memory().table[slot]);
        memory().header[slot] = {.flags = header::fis_words | (to_drive ? header::write : 0) | regions << header::regions_shift,
                                 .transferred = 0,
                                 .table = static_cast<std::uint32_t>(table),
                                 .table_high = static_cast<std::uint32_t>(table >> 32),
                                 .reserved = {}};
    }
    void issue(unsigned slot, bool queued) {
        asm volatile("" : : : "memory");  // the adapter reads what was written until here
        if (queued) write(port::sata_active, 1u << slot);
        write(port::issue, 1u << slot);
    }
    // A command of the port itself, in slot 0: it fills `page`.
    void issue_own(const CommandFis& fis) {
        CommandTable& table = memory().table[0];
        memory().page.fill(0);
        table.fis = fis;
        const disk::Piece piece{static_cast<std::uint32_t>(physical(&memory().page)), sizeof memory().page};
        fill_regions(table, std::span{&piece, 1});
        set_header(0, false, 1);
        issue(0, false);
    }

    [[nodiscard]] std::uint32_t done() const { return state_.running & ~read(state_.queued ? port::sata_active : port::issue); }
    // The drive says so in its last FIS. Not every adapter raises a task-file error for it, or keeps the command issued.
    [[nodiscard]] bool refused(std::uint32_t slots) const {
        if (state_.queued) return (memory().received.set_device_bits[2] & task_file::bad) != 0;
        return slots != 0 && (read(port::task_file) & task_file::bad) != 0;
    }
    void end(std::uint32_t slots, disk::End how) {
        state_.running &= ~slots;
        state_.over |= slots;
        for (; slots != 0; slots &= slots - 1) {
            state_.end[std::countr_zero(slots)] = how;
            if (state_.careful != 0 && how == disk::End::done) --state_.careful;
        }
    }
    void note_activity() {
        const std::uint32_t bit = 1u << number_;
        const bool active = in_use() != 0 || on_its_way(state_.phase);
        adapter_.active = active ? adapter_.active | bit : adapter_.active & ~bit;
    }

    // Failures ---------------------------------------------------------------------------------------------------
    // What the link or the adapter has spoilt, or a transfer that was longer than asked for, needs a clean start.
    void command_failed(std::uint32_t status, std::uint32_t slots) {
        if (state_.queued) {
            end(slots, disk::End::done);
            state_.log_wanted = true;
        } else {
            blame(state_.running, task_file::error_register(read(port::task_file)));
        }
        stop((status & (interrupt::fatal | interrupt::overflow) & ~interrupt::task_file) != 0);
    }
    void blame(std::uint32_t slots, std::uint32_t error) {
        state_.culprits = slots;
        state_.blame = (error & error::of_medium) != 0 ? disk::End::damaged : disk::End::failed;
    }
    // Repairs run without interrupts.
    void stop(bool reset) {
        write(port::interrupt_enable, 0);
        if (reset) {
            state_.reset_wanted = true;
            if (std::exchange(state_.log_wanted, false))
                state_.careful = static_cast<std::uint32_t>(std::popcount(state_.running));
        }
        change_command(0, command::start);
        enter(Phase::stop_list, stop_limit_us);
        note_activity();
    }
    // Called only when neither adapter nor drive has anything to do with their memory any more.
    void give_back(bool gone) {
        const std::uint32_t culprits = std::exchange(state_.culprits, 0) & state_.running;
        if (!gone) end(culprits, state_.blame);
        end(state_.running, gone ? disk::End::gone : disk::End::withdrawn);
    }

    // The way to `ready` -----------------------------------------------------------------------------------------
    void enter(Phase phase, std::uint64_t limit_us = 0) {
        state_.phase = phase;
        state_.until_us = host_.now_us() + limit_us;
    }
    [[nodiscard]] bool late() const { return host_.now_us() >= state_.until_us; }

    // One step; whether another may follow at once.
    bool advance() {
        switch (state_.phase) {
            case Phase::stop_list:
                return stop_list();
            case Phase::cancel:
                return cancel();
            case Phase::stop_receive:
                return stop_receive();
            case Phase::stopped:
                return adapter_.memory_allowed && host_.now_us() >= state_.spin_up_us && prepare();
            case Phase::reset:
                return end_reset();
            case Phase::link:
                return look_for_link();
            case Phase::settle:
                return settle();
            case Phase::identify:
                return identify();
            case Phase::log:
                return read_log();
            default:
                return false;
        }
    }
    bool stop_list() {
        if ((read(port::command) & command::list_running) != 0) return stuck_when_late();
        if (state_.memory != 0) {  // a repair: it stays where it is
            enter(Phase::stopped);
            return true;
        }
        if (!state_.reset_wanted || (read(port::command) & command::receive_fis) == 0) return stop_receiving();
        write(port::sata_control, link::no_power_saving | link::reset);
        enter(Phase::cancel, reset_us);
        return true;
    }
    // What a failed process had under way ends while FISes are received. QEMU's adapter goes on with queued commands that have
    // been stopped; those that end while no FIS is received it tells of later, by their numbers, when others have them.
    bool cancel() {
        if (!late()) return false;
        write(port::sata_control, link::no_power_saving);
        return stop_receiving();
    }
    bool stop_receiving() {
        change_command(0, command::receive_fis);
        enter(Phase::stop_receive, stop_limit_us);
        return true;
    }
    bool stop_receive() {
        if ((read(port::command) & command::receive_running) != 0) return stuck_when_late();
        enter(Phase::stopped);
        return true;
    }
    bool stuck_when_late() {
        if (late()) adapter_.stuck = true;
        return false;
    }
    bool prepare() {
        if (state_.memory == 0) state_.memory = host_.take_area(port_pages);
        if (state_.memory == 0) return leave(Phase::dead);
        if ((read(port::command) & command::receive_fis) == 0) {
            set_address(port::command_list, port::command_list_high, memory().header);
            set_address(port::received, port::received_high, &memory().received);
        }
        // Nothing is waited for where nothing has moved since the machine was switched on, or since the last look.
        const bool calm = spun_up() && (read(port::sata_error) & serr_link) == 0;
        change_command(command::receive_fis | command::spin_up | command::power_on | command::interface_active,
                       command::atapi | command::aggressive_power);
        write(port::sata_error, serr_all);
        write(port::interrupt_status, ~std::uint32_t{0});
        if (std::exchange(state_.reset_wanted, false)) {
            ++adapter_.resets;
            write(port::sata_control, link::no_power_saving | link::reset);
            enter(Phase::reset, reset_us);
            return true;
        }
        wait_for_link(calm ? 0 : link_limit_us);
        return true;
    }
    void set_address(Reg low, Reg high, const void* at) {
        write(low, static_cast<std::uint32_t>(physical(at)));
        write(high, static_cast<std::uint32_t>(physical(at) >> 32));
    }
    bool end_reset() {
        if (!late()) return false;
        write(port::sata_control, link::no_power_saving);
        wait_for_link(link_limit_us);
        return true;
    }
    void wait_for_link(std::uint64_t limit_us) { enter(Phase::link, state_.expected ? return_limit_us : limit_us); }
    bool look_for_link() {
        const std::uint32_t detected = link::detected(read(port::sata_status));
        if (detected == link::up) {
            enter(Phase::settle, settle_limit_us);
            return true;
        }
        if (!late()) return false;
        write(port::sata_error, serr_all);  // what changes from here on raises an interrupt
        return link::detected(read(port::sata_status)) == 0 ? leave(Phase::empty) : try_again();
    }
    bool settle() {
        const bool busy = (read(port::task_file) & (task_file::busy | task_file::data_request)) != 0;
        if (!busy) write(port::sata_error, serr_all);  // of the reset; what changes from here on raises an interrupt
        if (link::detected(read(port::sata_status)) != link::up) return try_again();
        if (busy) return late() && try_again();
        const std::uint32_t signature = read(port::signature);
        if (signature == signature::none) return try_again();
        if (signature != signature::ata) return leave(Phase::other);
        change_command(command::start, 0);
        issue_own(state_.log_wanted ? log_fis(queue_error_log) : identify_fis());
        enter(state_.log_wanted ? Phase::log : Phase::identify, own_command_limit_us);
        return true;
    }
    enum class Own : std::uint8_t { running, good, bad };
    [[nodiscard]] Own own_command() const {
        if ((read(port::interrupt_status) & (interrupt::fatal | interrupt::link)) != 0) return Own::bad;
        if ((read(port::issue) & 1) != 0) return late() ? Own::bad : Own::running;
        return (read(port::task_file) & task_file::bad) != 0 ? Own::bad : Own::good;
    }
    bool identify() {
        const Own how = own_command();
        if (how == Own::running) return false;
        if (how == Own::bad) return try_again();
        const ::ata::Identify found{memory().page};
        const char* problem = found.problem();
        if (problem == nullptr && !found.abilities().lba48) problem = "no addresses of 48 bits";
        const disk::Drive drive = found.drive(number_);
        if (problem == nullptr && !fits(drive.unit)) problem = "not the drive that was here before";
        if (problem != nullptr) {
            ant::log("port %u: left alone: %s", number_, problem);
            return leave(Phase::other);
        }
        state_.depth = static_cast<std::uint8_t>(adapter_.queueing ? std::min<unsigned>(found.queue_depth(), adapter_.slots) : 0);
        state_.drive = drive;
        become_ready();
        return false;
    }
    // A drive has its unit's number as long as this process lives; another one in its place gets none.
    [[nodiscard]] bool fits(const ant::block::Unit& now) const {
        const ant::block::Unit& before = state_.drive.unit;
        return before.sectors == 0 ||
               (std::memcmp(now.model, before.model, sizeof now.model) == 0 &&
                std::memcmp(now.serial, before.serial, sizeof now.serial) == 0 && now.sectors == before.sectors);
    }
    // Which of the queued commands has failed (ATA: log 10h). A drive that cannot tell is reset, and then does all
    // that was under way one by one: so it shows.
    bool read_log() {
        const Own how = own_command();
        if (how == Own::running) return false;
        const unsigned slot = how == Own::good ? failed_slot(memory().page) : no_slot;
        if (slot == no_slot || (state_.running & 1u << slot) == 0) {
            stop(true);
            return true;
        }
        state_.log_wanted = false;
        blame(1u << slot, error_in_log(memory().page));
        become_ready();
        return false;
    }
    void become_ready() {
        std::memset(memory().received.set_device_bits, 0, sizeof memory().received.set_device_bits);
        write(port::interrupt_status, ~std::uint32_t{0});
        write(port::interrupt_enable, interrupt::enabled);
        state_.attempts = 0;
        state_.expected = state_.drive.present = true;
        enter(Phase::ready);
        give_back(false);
    }
    bool try_again() {
        if (++state_.attempts > max_attempts) return leave(Phase::dead);
        stop(true);
        return true;
    }
    // There is no drive to work with; only a change of the link is interesting.
    bool leave(Phase phase) {
        enter(phase);
        write(port::interrupt_status, ~std::uint32_t{0});
        write(port::interrupt_enable, interrupt::link);
        state_.attempts = 0;
        state_.careful = 0;
        state_.log_wanted = state_.expected = false;
        give_back(true);
        return false;
    }

    Bus& bus_;
    Host& host_;
    State& adapter_;
    PortState& state_;
    unsigned number_;
};

}  // namespace ahci
