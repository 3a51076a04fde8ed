// The driver proper, for both interfaces of the chip: interrupts, the transmit calls that wait, frames on
// their way to inet. It owns nothing: all that it knows is in the state, so that a second driver object
// (in another process) can go on from any point between two of its member functions.
//
// `Host` is the system around it:
//   u64 take_area(pages), void free_area(u64)   areas; 0 = none
//   Error deliver(FrameBatch, input_flag::*)    ethinput, asynchronous; on success the frames' pages are gone
//   Error attach(inet::Attach)                  ifattach, asynchronous
//   void answer(control, Error, value)          ends a deferred call
//   u64 now_us(), void pause_us(us)
#pragma once

#include "classic.hpp"
#include "descriptor_rings.hpp"
#include "frame_batch.hpp"
#include "registers.hpp"
#include "state.hpp"
#include "transmit_request.hpp"

#include <ant/interface/inet.hpp>
#include <ant/interface/nic.hpp>

#include <cstring>
#include <utility>

namespace rtl8139 {

inline constexpr unsigned maximum_inputs = 4;                   // ethinput calls under way at once
inline constexpr unsigned reserve_low = ant::inet::max_frames;  // empty pages wanted at hand: one batch
inline constexpr std::uint64_t retry_us = 1'000;                // inet's queue was full
inline constexpr std::uint64_t attach_retry_us = 50'000;
inline constexpr std::uint64_t probe_us = 1'000'000;         // a card without work attaches again: inet may be a new one
inline constexpr std::uint64_t transmit_limit_us = 200'000;  // a chip that sends nothing for so long is reset

template <RegisterBus Bus, class Host, class State = NativeState>
class Driver {
public:
    Driver(Bus& bus, Host& host, State& state)
        : bus_{bus}, host_{host}, state_{state}, rings_{bus, state}, classic_{bus, state} {}

    // Start ------------------------------------------------------------------------------------------
    // The chip does nothing any more, whatever it did.
    [[nodiscard]] bool reset_chip() {
        bus_.write(reg::interrupt_mask, std::uint16_t{0});
        bus_.write(reg::command, command::reset);
        for (unsigned tries = 0; tries < 1000; ++tries) {
            if ((bus_.read(reg::command) & command::reset) == 0) return true;
            host_.pause_us(10);
        }
        return false;
    }
    // With a chip that has been reset, after a failure of the driver too: it takes new areas, and of the state only
    // the counters are kept.
    [[nodiscard]] ant::Error start(bool force_classic, const Settings& settings = {}) {
        std::memset(reinterpret_cast<std::byte*>(&state_) + sizeof(StatePrefix), 0, sizeof state_ - sizeof(StatePrefix));
        if (state_.header.magic != state_magic) state_.statistics = {};
        state_.header = {state_magic, State::format};
        state_.multicast = settings.multicast;
        state_.promiscuous = settings.promiscuous;
        const bool is_cplus = (bus_.read(reg::transmit_config) & transmit_config::version_mask) == transmit_config::version_cplus;
        state_.mode = is_cplus && !force_classic ? Mode::cplus : Mode::classic;
        state_.features = state_.mode == Mode::cplus ? cplus_features : 0;
        if (!take_areas()) return ant::Error::no_memory;
        read_station_address();
        initialise();
        return ant::Error::none;
    }
    // After a replacement: the chip runs, nothing is touched, and the first receive is not delayed. What the
    // chip announced meanwhile comes as an interrupt; what the old process had put off is looked at after that.
    void resume() { resumed_ = look_again_ = true; }

    // Events -----------------------------------------------------------------------------------------
    void interrupt() {
        quiet_ = false;
        ++state_.statistics.interrupts;
        service();
    }
    // Does what is due; returns for how long nothing will be (us, ~0 = not at all).
    [[nodiscard]] std::uint64_t before_receive() {
        if (look_again_) {
            if (std::exchange(resumed_, false)) return ant::abi::poll;
            look_again_ = false;
            receive_all();
            transmit_more();
            update_interrupts();
            if (look_again_) return ant::abi::poll;
        }
        if (std::exchange(quiet_, true)) probe();
        const bool attach_due = state_.attached == 0 && state_.attaching == 0;
        if (!attach_due && !backing_off_ && !transmitting()) [[likely]]
            return probe_us;
        const std::uint64_t now = host_.now_us();
        std::uint64_t wait = probe_us;
        if (transmitting()) wait = least(wait, check_transmitter(now));
        if (attach_due) wait = least(wait, try_attach(now));
        if (backing_off_) wait = least(wait, try_delivery(now));
        return wait;
    }

    // Calls of inet ----------------------------------------------------------------------------------
    // The outcome of a transmit call: answered here, or deferred and answered through the host.
    struct Transmitted {
        bool deferred = false;
        ant::Error error = ant::Error::none;
        std::int64_t value = 0;
    };
    Transmitted transmit(ant::Call call) {
        quiet_ = false;
        const auto fragments = TransmitRequest::parse(call, state_.mode);
        if (!fragments) return {.error = fragments.error()};
        if (state_.call_end - state_.call_first == maximum_calls) return outcome(call, ant::Error::queue_full, 0);
        auto& held = state_.call[state_.call_end % maximum_calls];
        held = {};
        held.control = call.control();
        ++state_.call_end;
        if (!transmitting()) state_.progress_us = 0;
        direct_ = call.control();
        direct_result_ = {.deferred = true};
        transmit_more();
        direct_ = 0;
        update_interrupts();
        return direct_result_;
    }

    [[nodiscard]] ant::nic::Info info() const {
        ant::nic::Info info{};
        std::memcpy(info.mac, state_.mac, sizeof info.mac);
        info.mtu = maximum_frame - header_bytes;
        info.features = state_.features;
        info.link_up = state_.link_up;
        info.link_mbit = state_.link_mbit;
        return info;
    }
    [[nodiscard]] ant::nic::Statistics statistics() {
        count_missed();
        return state_.statistics;
    }
    void set_filter(const Settings& settings) {
        const bool same_config = settings.promiscuous == (state_.promiscuous != 0);
        state_.multicast = settings.multicast;
        state_.promiscuous = settings.promiscuous;
        write_multicast();
        if (same_config) return;
        receive_all();
        bus_.write(reg::receive_config, receive_config());
        // Writing RCR may empty the classic ring, so both sides begin anew.
        if (state_.mode == Mode::classic) classic_.reset_receiver();
    }

    // Results of the host's asynchronous calls ------------------------------------------------------------
    // `pages` came back from inet and are ours.
    void delivered(ant::Error error, std::span<const std::uint64_t> pages) {
        quiet_ = false;
        // Frames that the chip has told of stay in the ring only for want of calls or of pages.
        const bool waiting = state_.inputs >= maximum_inputs || state_.reserve_count < reserve_low;
        if (state_.inputs != 0) --state_.inputs;
        for (const std::uint64_t page : pages) keep(page);
        if (error != ant::Error::none && error != ant::Error::queue_full) state_.attached = 0;
        if (waiting && !backing_off_) receive_all();
        update_interrupts();
    }
    void attached(ant::Error error) {
        quiet_ = false;
        state_.attaching = 0;
        state_.attached = error == ant::Error::none;
        attach_at_ = host_.now_us() + attach_retry_us;
        update_interrupts();
    }

private:
    static constexpr std::uint32_t cplus_features = ant::nic::feature::transmit_checksum | ant::nic::feature::receive_checksum |
                                                    ant::nic::feature::large_send | ant::nic::feature::descriptor_rings;
    static constexpr unsigned service_rounds = 8, receive_batches = 16;
    static constexpr std::uint32_t missed_mask = 0xff'ffff;

    static std::uint64_t least(std::uint64_t a, std::uint64_t b) { return a < b ? a : b; }

    [[nodiscard]] bool transmitting() const { return state_.transmit_next != state_.transmit_done; }

    template <class F>
    decltype(auto) with_interface(F&& f) {
        if (state_.mode == Mode::cplus) [[likely]]
            return f(rings_);
        return f(classic_);
    }

    // Chip ---------------------------------------------------------------------------------------------
    bool take_areas() {
        if (state_.mode == Mode::classic) {
            state_.areas.receive_buffer = host_.take_area(Classic<Bus, State>::receive_pages);
            state_.areas.transmit_buffer = host_.take_area(Classic<Bus, State>::transmit_pages);
            return state_.areas.receive_buffer != 0 && state_.areas.transmit_buffer != 0;
        }
        state_.areas.rings = host_.take_area(DescriptorRings<Bus, State>::area_pages);
        state_.areas.transmit_buffer = host_.take_area(DescriptorRings<Bus, State>::copy_pages);
        if (state_.areas.rings == 0 || state_.areas.transmit_buffer == 0) return false;
        for (auto& page : state_.page) {
            page = host_.take_area(1);
            if (page == 0) return false;
        }
        return true;
    }
    void read_station_address() {
        const std::uint32_t low = bus_.read(reg::station_address_low);
        const std::uint32_t high = bus_.read(reg::station_address_high);
        std::memcpy(state_.mac, &low, 4);
        std::memcpy(state_.mac + 4, &high, 2);
    }
    [[nodiscard]] std::uint32_t receive_config() {
        std::uint32_t config = receive_config::accept_own | receive_config::accept_broadcast | receive_config::accept_multicast |
                               receive_config::burst_unlimited;
        if (state_.promiscuous) config |= receive_config::accept_all;
        return config | with_interface([](auto& chip) { return chip.receive_config(); });
    }
    void write_multicast() {
        bus_.write(reg::multicast_low, static_cast<std::uint32_t>(state_.multicast));
        bus_.write(reg::multicast_high, static_cast<std::uint32_t>(state_.multicast >> 32));
    }
    void initialise() {
        with_interface([](auto& chip) { chip.initialise(); });
        // Both configurations can be written only once receiver and transmitter are enabled.
        bus_.write(reg::transmit_config, transmit_config::gap_standard | transmit_config::burst_unlimited);
        bus_.write(reg::receive_config, receive_config());
        write_multicast();
        if (state_.mode == Mode::classic) classic_.acknowledge_room();
        bus_.write(reg::missed_packets, 0u);
        state_.missed_register = 0;
        read_link();
        bus_.write(reg::interrupt_status, interrupt::gone);
        state_.enabled_interrupts = 0;
        update_interrupts();
    }
    // The chip hangs or has had a bus error: all that it had in hand is lost.
    void restart() {
        count_missed();
        ++state_.statistics.resets;
        if (!reset_chip()) return;
        fail_posted_calls();
        initialise();
        transmit_more();
        update_interrupts();
    }

    // Interrupts ----------------------------------------------------------------------------------------
    // Acknowledges before it works, so that nothing that comes meanwhile is lost; looks again until the
    // chip wants nothing. What is left after that raises the line again: it is level-triggered.
    void service() {
        for (unsigned round = 0; round < service_rounds; ++round) {
            const std::uint16_t status = bus_.read(reg::interrupt_status);
            if (status == interrupt::gone || (status & state_.enabled_interrupts) == 0) break;
            bus_.write(reg::interrupt_status, status);
            if (status & interrupt::system_error) return restart();
            if (status & (interrupt::receive_overflow | interrupt::fifo_overflow)) {
                ++state_.statistics.receive_overflows;
                overflow_ = true;
                count_missed();
            }
            if (status & interrupt::link_change) link_changed();
            if (status & interrupt::receive) receive_all();
            if ((status & interrupt::transmit) != 0 && transmitting()) transmit_more();
            update_interrupts();
        }
    }
    // Transmit interrupts are wanted only while something is under way, receive interrupts only while
    // somebody can take the frames; otherwise frames stay in the ring.
    void update_interrupts() {
        std::uint16_t wanted = interrupt::always;
        if (!backing_off_ && state_.inputs < maximum_inputs) wanted |= interrupt::receive;
        if (transmitting()) wanted |= interrupt::transmit;
        if (wanted == state_.enabled_interrupts) return;
        state_.enabled_interrupts = wanted;
        bus_.write(reg::interrupt_mask, wanted);
    }
    void count_missed() {
        const std::uint32_t now = bus_.read(reg::missed_packets) & missed_mask;
        state_.statistics.missed += (now - state_.missed_register) & missed_mask;
        state_.missed_register = now;
    }
    void read_link() {
        const std::uint8_t status = bus_.read(reg::media_status);
        state_.link_up = (status & media::link_down) == 0;
        state_.link_mbit = (status & media::speed_10) != 0 ? 10 : 100;
    }
    void link_changed() {
        read_link();
        if (state_.attached) attach();
    }

    // Transmit ------------------------------------------------------------------------------------------
    // Hands over what fits and answers what is finished, until neither goes on.
    void transmit_more() {
        with_interface([this](auto& chip) {
            bool progress;
            do {
                const bool posted = post_waiting(chip);
                if (posted) chip.start();
                const bool reaped = chip.reap();
                if (reaped) state_.progress_us = 0;
                answer_finished(chip);
                progress = reaped && state_.call_posted != state_.call_end;
            } while (progress);
        });
    }
    bool post_waiting(auto& chip) {
        bool posted = false;
        while (state_.call_posted != state_.call_end) {
            auto& held = state_.call[state_.call_posted % maximum_calls];
            const Fragments all = TransmitRequest::fragments(ant::Call{held.control});
            while (held.next_fragment < all.size()) {
                const Fragments packet =
                    all.subspan(held.next_fragment, packet_end(all, held.next_fragment) - held.next_fragment);
                if (!chip.room_for(packet)) return posted;
                chip.post(packet);
                held.next_fragment = static_cast<std::uint16_t>(held.next_fragment + packet.size());
                held.bytes += packet_bytes(packet);
                ++held.packets;
                posted = true;
            }
            held.end = state_.transmit_next;
            ++state_.call_posted;
        }
        return posted;
    }
    void answer_finished(auto& chip) {
        while (state_.call_first != state_.call_posted) {
            const auto& held = state_.call[state_.call_first % maximum_calls];
            if (!chip.finished(held)) return;
            state_.statistics.transmitted_packets += held.packets;
            state_.statistics.transmitted_bytes += held.bytes;
            answer_first(ant::Error::none);
        }
    }
    // Lost packets are nothing to somebody who wanted to hear something else.
    static Transmitted outcome(ant::Call call, ant::Error error, std::int64_t packets) {
        const std::uint32_t answer = TransmitRequest::answer(call);
        if (answer != 0) return {.value = answer};
        return {.error = error, .value = packets};
    }
    void answer_first(ant::Error error) {
        const auto& held = state_.call[state_.call_first % maximum_calls];
        const std::uint64_t control = held.control;
        const Transmitted result = outcome(ant::Call{control}, error, held.packets);
        ++state_.call_first;
        if (control == direct_)
            direct_result_ = result;
        else
            host_.answer(control, result.error, result.value);
    }
    // Of calls that the chip had, also in part; those that only waited go on waiting.
    void fail_posted_calls() {
        if (state_.call_posted != state_.call_end && state_.call[state_.call_posted % maximum_calls].next_fragment != 0)
            ++state_.call_posted;
        while (state_.call_first != state_.call_posted) answer_first(ant::Error::io_error);
    }
    std::uint64_t check_transmitter(std::uint64_t now) {
        if (state_.progress_us == 0) state_.progress_us = now;
        const std::uint64_t stuck = now - state_.progress_us;
        if (stuck < transmit_limit_us) return transmit_limit_us - stuck;
        state_.progress_us = now;
        transmit_more();
        if (transmitting()) restart();
        return transmit_limit_us;
    }

    // Receive -------------------------------------------------------------------------------------------
    void receive_all() {
        with_interface([this](auto& chip) {
            unsigned batches = 0;
            while (batches < receive_batches && receive_some(chip)) ++batches;
            // A chip that never comes to an end must not keep the calls waiting.
            if (batches == receive_batches) look_again_ = true;
        });
    }
    // One batch of frames to inet. True if there may be more.
    bool receive_some(auto& chip) {
        if (state_.inputs >= maximum_inputs || backing_off_) return false;
        // inet takes calls in order: what follows an ifattach finds the card attached.
        if (!state_.attached && !state_.attaching) return discard_all(chip);
        fill_reserve();
        FrameBatch batch{state_.receive_next};
        const Look stopped_at = collect(chip, batch);
        if (batch.count() != 0) {
            if (!deliver(chip, batch)) return !backing_off_;
            return batch.full() || stopped_at == Look::bad;
        }
        if (stopped_at == Look::nothing) return false;
        ReceivedFrame oldest;
        return drop(chip, chip.look(state_.receive_next, oldest), oldest);
    }
    // Ends with what it could not add.
    Look collect(auto& chip, FrameBatch& batch) {
        while (!batch.full()) {
            ReceivedFrame frame;
            const Look look = chip.look(batch.position, frame);
            if (look != Look::frame || state_.reserve_count == 0) return look;
            const std::uint64_t spare = state_.reserve[--state_.reserve_count];
            batch.add(chip.take(batch.position, frame, spare), chip.frame_offset, frame, spare);
            batch.position = chip.after(batch.position, frame);
        }
        return Look::frame;
    }
    [[nodiscard]] std::uint32_t input_flags() const {
        return (state_.link_up != 0 ? ant::inet::input_flag::link_up : 0) | (overflow_ ? ant::inet::input_flag::overflow : 0);
    }
    bool deliver(auto& chip, FrameBatch& batch) {
        const ant::Error error = host_.deliver(batch, input_flags());
        for (unsigned i = 0; i < batch.count(); ++i)
            if (error != ant::Error::none || batch.copied(i)) keep(batch.spare(i));
        if (error != ant::Error::none) {
            not_delivered(error);
            return false;
        }
        ++state_.inputs;
        overflow_ = false;
        state_.statistics.received_packets += batch.count();
        state_.statistics.received_bytes += batch.bytes;
        chip.commit(batch);
        return true;
    }
    // The frames are still in the ring: for a while if inet is only busy, else they are dropped.
    void not_delivered(ant::Error error) {
        if (error == ant::Error::no_server || error == ant::Error::not_found || error == ant::Error::denied) {
            state_.attached = 0;
            return;
        }
        backing_off_ = true;
        retry_at_ = host_.now_us() + retry_us;
    }
    // The oldest frame is bad, or there is no memory for another page: it makes room for those to come.
    bool drop(auto& chip, Look look, const ReceivedFrame& frame) {
        if (look == Look::nothing) return false;
        if (look == Look::bad) {
            ++state_.statistics.receive_errors;
            chip.discard_bad();
        } else {
            ++state_.statistics.dropped;
            chip.discard(frame);
        }
        return true;
    }
    // Nobody to give the frames to.
    bool discard_all(auto& chip) {
        ReceivedFrame frame;
        while (drop(chip, chip.look(state_.receive_next, frame), frame)) {
        }
        return false;
    }
    std::uint64_t try_delivery(std::uint64_t now) {
        if (now < retry_at_) return retry_at_ - now;
        backing_off_ = false;
        receive_all();
        update_interrupts();
        return backing_off_ ? retry_us : probe_us;
    }

    // Empty pages -----------------------------------------------------------------------------------------
    void keep(std::uint64_t page) {
        if (state_.reserve_count == reserve_pages) return host_.free_area(page);
        state_.reserve[state_.reserve_count++] = page;
    }
    void fill_reserve() {
        while (state_.reserve_count < reserve_low) {
            const std::uint64_t page = host_.take_area(1);
            if (page == 0) return;
            state_.reserve[state_.reserve_count++] = page;
        }
    }

    // inet ---------------------------------------------------------------------------------------------------
    void attach() {
        ant::inet::Attach attach{};
        std::memcpy(attach.mac, state_.mac, sizeof attach.mac);
        attach.mtu = maximum_frame - header_bytes;
        attach.features = state_.features;
        attach.link_up = state_.link_up;
        state_.attaching = host_.attach(attach) == ant::Error::none;
    }
    // Nothing has happened for long, and an inet that was started anew might wait for its card.
    void probe() {
        if (state_.attached == 0 || state_.attaching != 0) return;
        attach();
        if (state_.attaching == 0) state_.attached = 0;
    }
    std::uint64_t try_attach(std::uint64_t now) {
        if (now < attach_at_) return attach_at_ - now;
        attach_at_ = now + attach_retry_us;
        attach();
        return attach_retry_us;
    }

    Bus& bus_;
    Host& host_;
    State& state_;
    DescriptorRings<Bus, State> rings_;
    Classic<Bus, State> classic_;
    // Lost with the process, and no harm done: timers, and the call in work.
    bool resumed_ = false;
    bool look_again_ = false;
    bool quiet_ = false;     // nothing has happened since `before_receive`
    bool overflow_ = false;  // of the receive ring, and inet has not heard of it
    bool backing_off_ = false;
    std::uint64_t retry_at_ = 0;
    std::uint64_t attach_at_ = 0;
    std::uint64_t direct_ = 0;
    Transmitted direct_result_{};
};

}  // namespace rtl8139
