// The C+ interface: two rings of 64 descriptors. Frames lie one to a page; sending takes them where they are, but for what lies
// in the call: that is copied to where the chip can read it, a place for each descriptor.
#pragma once

#include "frame_batch.hpp"
#include "registers.hpp"
#include "state.hpp"
#include "transmit_request.hpp"

#include <cstring>

namespace rtl8139 {

template <RegisterBus Bus, class State>
class DescriptorRings {
public:
    static constexpr std::size_t area_pages = 1;
    static constexpr std::size_t copy_pages = cplus::ring_entries * ant::nic::most_in_call / ant::abi::page_size;
    static constexpr std::uint16_t frame_offset = 0;  // the chip wants buffers aligned to 8
    static constexpr std::uint32_t receive_buffer_bytes = 2048;

    DescriptorRings(Bus& bus, State& state) : bus_{bus}, state_{state} {}

    // After a reset of the chip: both rings empty. Every `page` is there.
    void initialise() {
        state_.receive_next = state_.transmit_next = state_.transmit_done = 0;
        for (unsigned i = 0; i < cplus::ring_entries; ++i) {
            transmit_ring()[i] = {};
            offer(i);
        }
        // The data sheet asks for CPCR before anything else of C+ mode; writing RE and TE sets the chip's indices to 0.
        bus_.write(reg::cplus_command, static_cast<std::uint16_t>(cplus::transmit_enable | cplus::receive_enable |
                                                                  cplus::multiple_read_write | cplus::receive_checksum));
        bus_.write(reg::receive_ring_low, physical(state_.areas.rings));
        bus_.write(reg::receive_ring_high, 0u);
        bus_.write(reg::transmit_ring_low, physical(state_.areas.rings + ring_bytes));
        bus_.write(reg::transmit_ring_high, 0u);
        bus_.write(reg::priority_ring_low, 0u);
        bus_.write(reg::priority_ring_high, 0u);
        bus_.write(reg::command, static_cast<std::uint8_t>(command::receive_enable | command::transmit_enable));
        bus_.write(reg::early_transmit, early_transmit_units);
    }
    [[nodiscard]] static constexpr std::uint32_t receive_config() { return receive_config::threshold_none; }

    // Receive ---------------------------------------------------------------------------------------
    [[nodiscard]] Look look(std::uint32_t position, ReceivedFrame& frame) const {
        if (position - state_.receive_next == cplus::ring_entries) return Look::nothing;
        const std::uint32_t status = load(receive_ring()[position % cplus::ring_entries]);
        if (status & descriptor::own) return Look::nothing;
        const std::uint32_t length = status & descriptor::receive_size;
        constexpr std::uint32_t whole = descriptor::first | descriptor::last;
        if ((status & whole) != whole || (status & descriptor::receive_error) != 0) return Look::bad;
        if (length < minimum_frame + crc_bytes || length > maximum_tagged_frame + crc_bytes) return Look::bad;
        frame.bytes = length - crc_bytes;
        frame.flags = checksum_flags(status);
        return Look::frame;
    }
    // The page that holds the frame; `spare` will take its place.
    [[nodiscard]] std::uint64_t take(std::uint32_t position, const ReceivedFrame&, std::uint64_t) const {
        return state_.page[position % cplus::ring_entries];
    }
    [[nodiscard]] static std::uint32_t after(std::uint32_t position, const ReceivedFrame&) { return position + 1; }

    void commit(const FrameBatch& batch) {
        for (unsigned i = 0; i < batch.count(); ++i) {
            if (!batch.copied(i)) state_.page[state_.receive_next % cplus::ring_entries] = batch.spare(i);
            give_back_oldest();
        }
    }
    // The oldest frame is dropped; its page goes back to the chip.
    void discard(const ReceivedFrame&) { give_back_oldest(); }
    void discard_bad() { give_back_oldest(); }
    void acknowledge_room() {}

    // Transmit --------------------------------------------------------------------------------------
    [[nodiscard]] bool room_for(Fragments packet) const {
        return cplus::ring_entries - (state_.transmit_next - state_.transmit_done) >= packet.size();
    }
    // The first descriptor is handed over last, so that the chip never sees half a packet.
    void post(Fragments packet) {
        const std::uint32_t first = state_.transmit_next;
        const std::uint32_t flags = packet_flags(packet.back());
        state_.transmit_next = first + static_cast<std::uint32_t>(packet.size());
        for (std::size_t i = packet.size(); i-- > 0;) {
            std::uint32_t status = descriptor::own | flags | packet[i].bytes;
            if (i == 0) status |= descriptor::first;
            if (i + 1 == packet.size()) status |= descriptor::last;
            const std::uint32_t index = (first + static_cast<std::uint32_t>(i)) % cplus::ring_entries;
            fill(transmit_ring(), index, is_in_call(packet[i]) ? copy(packet[i], index) : packet[i].address, status);
        }
    }
    void start() { bus_.write(reg::transmit_poll, cplus::poll_normal); }

    // Takes note of what the chip has sent. True if there was anything.
    bool reap() {
        const std::uint32_t before = state_.transmit_done;
        while (state_.transmit_done != state_.transmit_next) {
            const std::uint32_t status = load(transmit_ring()[state_.transmit_done % cplus::ring_entries]);
            if (status & descriptor::own) break;
            if ((status & descriptor::last) != 0 && (status & (descriptor::transmit_errors | descriptor::transmit_underrun)) != 0)
                ++state_.statistics.transmit_errors;
            ++state_.transmit_done;
        }
        return state_.transmit_done != before;
    }
    // The chip reads the lent areas until it has sent them.
    [[nodiscard]] bool finished(const typename State::HeldCall& call) const {
        return static_cast<std::int32_t>(state_.transmit_done - call.end) >= 0;
    }

private:
    static constexpr std::uint64_t ring_bytes = cplus::ring_entries * sizeof(Descriptor);
    static constexpr std::uint8_t early_transmit_units = 16;  // 512 bytes in the FIFO before sending begins

    [[nodiscard]] Descriptor* receive_ring() const { return reinterpret_cast<Descriptor*>(state_.areas.rings); }
    [[nodiscard]] Descriptor* transmit_ring() const { return reinterpret_cast<Descriptor*>(state_.areas.rings + ring_bytes); }

    // The chip changes OWN behind the compiler's back: `status` is read first and written last.
    static std::uint32_t load(const Descriptor& entry) { return __atomic_load_n(&entry.status, __ATOMIC_ACQUIRE); }
    static void fill(Descriptor* ring, std::uint32_t index, std::uint64_t address, std::uint32_t status) {
        Descriptor& entry = ring[index];
        entry.vlan = 0;
        entry.address_low = physical(address);
        entry.address_high = 0;
        if (index == cplus::ring_entries - 1) status |= descriptor::end_of_ring;
        __atomic_store_n(&entry.status, status, __ATOMIC_RELEASE);
    }

    void offer(std::uint32_t index) { fill(receive_ring(), index, state_.page[index], descriptor::own | receive_buffer_bytes); }
    void give_back_oldest() {
        const std::uint32_t index = state_.receive_next % cplus::ring_entries;
        ++state_.receive_next;
        offer(index);
    }

    // -> where it is now. The chip has sent what was there before, as it has given the descriptor back.
    [[nodiscard]] std::uint64_t copy(const ant::nic::Fragment& fragment, std::uint32_t index) const {
        const std::uint64_t place = state_.areas.transmit_buffer + index * ant::nic::most_in_call;
        std::memcpy(reinterpret_cast<void*>(place), reinterpret_cast<const void*>(fragment.address), fragment.bytes);
        return place;
    }

    static std::uint32_t checksum_flags(std::uint32_t status) {
        const std::uint32_t protocol = (status >> descriptor::protocol_shift) & descriptor::protocol_mask;
        if (protocol == 0 || (status & descriptor::ip_bad) != 0) return 0;
        std::uint32_t flags = ant::inet::frame_flag::ip_checksum_good;
        const bool tcp_good = protocol == 1 && (status & descriptor::tcp_bad) == 0;
        const bool udp_good = protocol == 2 && (status & descriptor::udp_bad) == 0;
        if (tcp_good || udp_good) flags |= ant::inet::frame_flag::transport_checksum_good;
        return flags;
    }

    // Segment size and checksum bits share their place: a large send has its checksums filled in anyway.
    static std::uint32_t packet_flags(const ant::nic::Fragment& last) {
        namespace wanted = ant::nic::fragment_flag;
        if (last.flags & wanted::large_send)
            return descriptor::large_send | (last.mss & descriptor::segment_mask) << descriptor::segment_shift;
        std::uint32_t flags = 0;
        if (last.flags & wanted::ip_checksum) flags |= descriptor::ip_checksum;
        if (last.flags & wanted::tcp_checksum) flags |= descriptor::tcp_checksum;
        if (last.flags & wanted::udp_checksum) flags |= descriptor::udp_checksum;
        return flags;
    }

    Bus& bus_;
    State& state_;
};

}  // namespace rtl8139
