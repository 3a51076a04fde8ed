// The classic interface: four transmit slots that want whole, aligned frames, and one receive ring of bytes.
#pragma once

#include "frame_batch.hpp"
#include "registers.hpp"
#include "state.hpp"
#include "transmit_request.hpp"

#include <cstring>

namespace rtl8139 {

template <RegisterBus Bus, class State>
class Classic {
public:
    static constexpr std::uint32_t ring_bytes = 64 * 1024;
    static constexpr std::size_t receive_pages = ring_bytes / ant::abi::page_size + 1;  // the chip may write 16 bytes past it
    static constexpr unsigned slots = 4;
    static constexpr std::uint32_t slot_bytes = 2048;
    static constexpr std::size_t transmit_pages = slots * slot_bytes / ant::abi::page_size;
    static constexpr std::uint16_t frame_offset = 2;  // so that the IP header is aligned

    Classic(Bus& bus, State& state) : bus_{bus}, state_{state} {}

    // After a reset of the chip.
    void initialise() {
        state_.receive_next = state_.transmit_next = state_.transmit_done = 0;
        bus_.write(reg::receive_buffer, physical(state_.areas.receive_buffer));
        bus_.write(reg::command, static_cast<std::uint8_t>(command::receive_enable | command::transmit_enable));
        for (unsigned i = 0; i < slots; ++i)
            bus_.write(reg::transmit_address(i), physical(state_.areas.transmit_buffer + i * slot_bytes));
    }
    [[nodiscard]] static constexpr std::uint32_t receive_config() {
        return receive_config::ring_64k | receive_config::threshold_none;
    }

    // Receive ---------------------------------------------------------------------------------------
    // The chip says of the oldest frame that it is complete; of those behind it its write position must tell.
    [[nodiscard]] Look look(std::uint32_t position, ReceivedFrame& frame) const {
        const bool oldest = position == state_.receive_next;
        if (oldest && (bus_.read(reg::command) & command::buffer_empty) != 0) return Look::nothing;
        const std::uint32_t written = oldest ? ring_bytes : (bus_.read(reg::receive_write) - position) % ring_bytes;
        if (written < header_size) return Look::nothing;
        const std::uint32_t header = word(position);
        const std::uint32_t length = header >> 16;
        if (length == receive_header::unfinished) return Look::nothing;
        if ((header & receive_header::ok) == 0 || (header & receive_header::errors) != 0) return Look::bad;
        if (length < minimum_frame + crc_bytes || length > maximum_tagged_frame + crc_bytes) return Look::bad;
        if (written < header_size + length) return Look::nothing;
        frame.bytes = length - crc_bytes;
        frame.flags = 0;
        return Look::frame;
    }
    // Copies the frame into `page`, in two pieces where it wraps around.
    std::uint64_t take(std::uint32_t position, const ReceivedFrame& frame, std::uint64_t page) const {
        const std::uint32_t start = (position + header_size) % ring_bytes;
        const std::uint32_t until_end = ring_bytes - start;
        auto* to = reinterpret_cast<std::byte*>(page) + frame_offset;
        const std::uint32_t first = frame.bytes < until_end ? frame.bytes : until_end;
        std::memcpy(to, ring() + start, first);
        std::memcpy(to + first, ring(), frame.bytes - first);
        return page;
    }
    [[nodiscard]] static std::uint32_t after(std::uint32_t position, const ReceivedFrame& frame) {
        return ((position + header_size + frame.bytes + crc_bytes + 3) & ~3u) % ring_bytes;
    }
    void commit(const FrameBatch& batch) {
        state_.receive_next = batch.position;
        acknowledge_room();
    }
    void discard(const ReceivedFrame& frame) {
        state_.receive_next = after(state_.receive_next, frame);
        acknowledge_room();
    }
    // After a bad header nothing in the ring can be trusted, its own length least of all.
    void discard_bad() { reset_receiver(); }

    // Empties the ring and starts the receiver anew; the transmitter goes on.
    void reset_receiver() {
        const std::uint32_t config = bus_.read(reg::receive_config);
        bus_.write(reg::command, command::transmit_enable);
        for (unsigned tries = 0; tries < reset_tries && (bus_.read(reg::command) & command::receive_enable) != 0; ++tries) {
        }
        bus_.write(reg::command, static_cast<std::uint8_t>(command::receive_enable | command::transmit_enable));
        bus_.write(reg::receive_config, config);
        bus_.write(reg::receive_buffer, physical(state_.areas.receive_buffer));
        state_.receive_next = (bus_.read(reg::receive_write) & ~3u) % ring_bytes;
        acknowledge_room();
    }
    void acknowledge_room() {
        bus_.write(reg::receive_read, static_cast<std::uint16_t>(state_.receive_next - read_register_lag));
    }

    // Transmit --------------------------------------------------------------------------------------
    [[nodiscard]] bool room_for(Fragments) const { return state_.transmit_next - state_.transmit_done < slots; }

    // Copies the packet into the next slot, padded with zeroes to the shortest frame that Ethernet allows.
    void post(Fragments packet) {
        const unsigned slot = state_.transmit_next % slots;
        auto* buffer = reinterpret_cast<std::byte*>(state_.areas.transmit_buffer) + slot * slot_bytes;
        std::uint32_t bytes = 0;
        for (const auto& fragment : packet) {
            std::memcpy(buffer + bytes, reinterpret_cast<const void*>(fragment.address), fragment.bytes);
            bytes += fragment.bytes;
        }
        if (bytes < minimum_frame) {
            std::memset(buffer + bytes, 0, minimum_frame - bytes);
            bytes = minimum_frame;
        }
        ++state_.transmit_next;
        bus_.write(reg::transmit_status(slot), bytes | early_transmit_units << transmit_status::threshold_shift);
    }
    void start() {}  // writing the slot's status has started it

    bool reap() {
        const std::uint32_t before = state_.transmit_done;
        while (state_.transmit_done != state_.transmit_next) {
            const std::uint32_t status = bus_.read(reg::transmit_status(state_.transmit_done % slots));
            if (status & transmit_status::aborted) retry_aborted();
            if ((status & (transmit_status::ok | transmit_status::underrun)) == 0) break;
            if ((status & transmit_status::ok) == 0 || (status & lost) != 0) ++state_.statistics.transmit_errors;
            ++state_.transmit_done;
        }
        return state_.transmit_done != before;
    }
    // The copy is all that the chip needs.
    [[nodiscard]] bool finished(const typename State::HeldCall&) const { return true; }

private:
    static constexpr std::uint32_t header_size = 4;
    static constexpr std::uint32_t read_register_lag = 16;  // data sheet, CAPR
    static constexpr std::uint32_t early_transmit_units = 16;
    static constexpr std::uint32_t lost = transmit_status::out_of_window | transmit_status::carrier_lost;
    static constexpr std::uint32_t clear_abort = 1;
    static constexpr unsigned reset_tries = 1000;

    [[nodiscard]] const std::byte* ring() const { return reinterpret_cast<const std::byte*>(state_.areas.receive_buffer); }
    [[nodiscard]] std::uint32_t word(std::uint32_t offset) const {
        return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(ring() + offset), __ATOMIC_ACQUIRE);
    }
    // The slot stays with the chip, which tries again (TCR.CLRABT); the watchdog ends it if that never helps.
    void retry_aborted() {
        ++state_.statistics.transmit_errors;
        bus_.write(reg::transmit_config, bus_.read(reg::transmit_config) | clear_abort);
    }

    Bus& bus_;
    State& state_;
};

}  // namespace rtl8139
