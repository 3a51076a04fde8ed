// The adapter as a disk controller (drivers/disk/controller.hpp): taken over from the firmware, or from a process that has
// failed, and its ports. `Host` has to offer besides what a port needs
//   void pause_us(us)
#pragma once

#include "port.hpp"

#include <ant/abi/error.hpp>
#include <ant/interface/block.hpp>
#include <ant/process.hpp>

namespace ahci {

// AHCI 10.4.3 and 10.6.3.
inline constexpr std::uint64_t reset_limit_us = 1'000'000, handoff_limit_us = 25'000, busy_firmware_limit_us = 2'000'000;
inline constexpr std::uint64_t spin_up_gap_us = 2'000'000;  // between drives that draw their starting current
inline constexpr std::uint64_t begin_pause_us = 50;

template <RegisterBus Bus, class Host>
class Controller {
public:
    using State = ahci::State;
    static constexpr unsigned max_ports = ahci::max_ports;

    Controller(Bus& bus, Host& host, State& state, ant::block::Statistics& statistics)
        : bus_{bus}, host_{host}, state_{state}, statistics_{statistics} {}

    [[nodiscard]] ant::Error begin(auto&& quiet) {
        bus_.write(hba::control, control::ahci_enable);
        if ((bus_.read(hba::capabilities_2) & capability_2::handoff) != 0) {
            bus_.write(hba::handoff, bus_.read(hba::handoff) | handoff::os_owned);
            enter(State::Phase::handoff, handoff_limit_us);
        } else {
            begin_ports();
        }
        while (state_.phase != State::Phase::running) {
            if (!advance()) return ant::Error::io_error;
            if (state_.phase == State::Phase::stopping && all_stopped()) break;
            host_.pause_us(begin_pause_us);
        }
        quiet();
        state_.memory_allowed = true;  // from the first look on, when bus mastering is on
        go_on();
        return ant::Error::none;
    }

    [[nodiscard]] bool settled() {
        bool all = true;
        for_each(state_.implemented, [&](unsigned number) { all = all && !port(number).undecided(); });
        return all;
    }
    [[nodiscard]] const disk::Drive& drive(unsigned number) const { return state_.port[number].drive; }
    [[nodiscard]] bool busy() const { return state_.active != 0; }
    [[nodiscard]] bool room(unsigned number) { return port(number).room(); }
    void start(unsigned number, std::uint32_t token, const disk::Command& command) { port(number).start(command, token); }

    void interrupt(auto&& ended) {
        const std::uint32_t status = bus_.read(hba::interrupt_status);
        if (status == 0 || status == gone) return;
        for_each(status & state_.implemented, [&](unsigned number) { port(number).interrupt(); });
        bus_.write(hba::interrupt_status, status);  // after those of the ports (AHCI 5.5.3), which raise it anew
        tell(ended);
    }
    [[nodiscard]] std::uint64_t look(std::uint64_t /*now_us*/, auto&& ended) {
        if (!advance()) ant::panic("the controller cannot be reset");
        if (state_.phase == State::Phase::reset) return step_us;
        // Interrupts may have been lost.
        for_each(state_.active, [&](unsigned number) { port(number).interrupt(); });
        const std::uint64_t wait = step_ports();
        if (state_.stuck) reset_adapter();
        tell(ended);
        return wait;
    }
    void reset(unsigned number, auto&& ended) {
        port(number).reset();
        tell(ended);
    }

private:
    static void for_each(std::uint32_t ports, auto&& f) {
        for (; ports != 0; ports &= ports - 1) f(static_cast<unsigned>(std::countr_zero(ports)));
    }
    [[nodiscard]] Port<Bus, Host> port(unsigned number) { return {bus_, host_, state_, number}; }
    std::uint64_t step_ports() {
        std::uint64_t wait = disk::look_us;
        for_each(state_.active, [&](unsigned number) {
            port(number).step();
            wait = std::min(wait, port(number).looks_again_us());
        });
        return wait;
    }
    void tell(auto&& ended) {
        for_each(state_.active, [&](unsigned number) { port(number).tell(ended); });
        statistics_.resets += std::exchange(state_.resets, 0);
    }

    void enter(typename State::Phase phase, std::uint64_t limit_us = 0) {
        state_.phase = phase;
        state_.until_us = host_.now_us() + limit_us;
    }
    [[nodiscard]] bool late(std::uint64_t more_us = 0) const { return host_.now_us() >= state_.until_us + more_us; }

    // False: it does not react to a reset.
    bool advance() {
        switch (state_.phase) {
            case State::Phase::handoff:
                wait_for_firmware();
                return true;
            case State::Phase::reset:
                return wait_for_reset();
            case State::Phase::stopping:
                step_ports();
                if (state_.stuck) reset_adapter();
                return true;
            default:
                return true;
        }
    }
    void wait_for_firmware() {
        const std::uint32_t owners = bus_.read(hba::handoff);
        if ((owners & handoff::bios_owned) == 0 || late((owners & handoff::bios_busy) != 0 ? busy_firmware_limit_us : 0))
            begin_ports();
    }
    void begin_ports() {
        const std::uint32_t capabilities = bus_.read(hba::capabilities);
        state_.slots = static_cast<std::uint8_t>(capability::slots(capabilities));
        state_.queueing = (capabilities & capability::queueing) != 0;
        state_.implemented = bus_.read(hba::ports_implemented);
        const bool staggered = (capabilities & capability::staggered_spin_up) != 0;
        std::uint64_t spin_up_us = host_.now_us();
        for_each(state_.implemented, [&](unsigned number) {
            Port<Bus, Host> next = port(number);
            state_.port[number].reset_wanted = next.was_busy();
            state_.port[number].spin_up_us = spin_up_us;
            if (staggered && !next.spun_up()) spin_up_us += spin_up_gap_us;
            next.begin();
        });
        go_on();
    }
    void go_on() {
        enter(state_.memory_allowed ? State::Phase::running : State::Phase::stopping);
        bus_.write(hba::control, control::ahci_enable | (state_.memory_allowed ? control::interrupt_enable : 0));
    }
    [[nodiscard]] bool all_stopped() const {
        bool all = true;
        for_each(state_.implemented, [&](unsigned number) { all = all && state_.port[number].phase == Phase::stopped; });
        return all;
    }
    // Only this helps an adapter that does not let go of its memory.
    void reset_adapter() {
        state_.stuck = false;
        ++state_.resets;
        for_each(state_.implemented, [&](unsigned number) {
            state_.port[number].reset_wanted = true;
            port(number).begin();
        });
        bus_.write(hba::control, control::ahci_enable | control::reset);
        enter(State::Phase::reset, reset_limit_us);
    }
    bool wait_for_reset() {
        if ((bus_.read(hba::control) & control::reset) != 0) return !late();
        go_on();
        return true;
    }

    Bus& bus_;
    Host& host_;
    State& state_;
    ant::block::Statistics& statistics_;
};

}  // namespace ahci
