// A model of the RTL8139C+ for tests of its driver: registers and DMA as in the data sheets, in the timing of
// QEMU's card or, with `hold_transmits`, of a real one. DMA outside the registered memory is a failure, and so
// is anything that the data sheet forbids a driver.
#pragma once

#include "drivers/rtl8139/registers.hpp"

#include <cstdint>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

namespace rtl8139::model {

using Bytes = std::vector<std::uint8_t>;

// Physical memory that the chip may reach.
struct Memory {
    std::uint64_t window = 0;  // address of physical 0
    std::uint64_t first = 0, end = 0;

    [[nodiscard]] std::uint8_t* at(std::uint64_t physical, std::uint64_t bytes) const {
        if (physical < first || physical + bytes > end) throw std::runtime_error("DMA outside memory");
        return reinterpret_cast<std::uint8_t*>(window + physical);
    }
};

struct Sent {
    Bytes frame;
    std::uint32_t flags = 0;  // of the C+ descriptor: checksums, large send
};

class Chip {
public:
    explicit Chip(Memory memory) : memory_{memory} { reset(); }

    // What happens outside --------------------------------------------------------------------------
    std::vector<Sent> sent;
    bool hold_transmits = false;  // send only when `transmit_some` says so
    unsigned reset_reads = 2;     // how often CR still reads as being reset
    bool stuck_in_reset = false;
    std::uint32_t version = transmit_config::version_cplus;
    std::uint32_t next_transmit_error = 0;  // bits for the next transmit status
    bool bus_master = true;                 // off: what the chip would do to memory does not happen
    unsigned resets = 0, receiver_resets = 0, polls = 0;

    [[nodiscard]] bool line() const { return (isr_ & imr_) != 0; }
    [[nodiscard]] std::uint16_t pending() const { return isr_; }
    [[nodiscard]] std::uint32_t missed() const { return missed_; }

    // A frame arrives (without checksum). -> whether the chip has accepted it
    bool receive(const Bytes& frame, std::uint32_t cplus_status = 0) {
        Bytes padded = frame;
        if (padded.size() < minimum_frame) padded.resize(minimum_frame);
        if (!bus_master || (command_ & command::receive_enable) == 0 || !address_matches(padded)) return false;
        return cplus_receiver() ? receive_cplus(padded, cplus_status)
                                : receive_classic(padded, receive_header::ok, padded.size() + 4);
    }
    // A frame with whatever header the test wants.
    bool receive_with_header(const Bytes& frame, std::uint16_t status, std::uint16_t length) {
        return receive_classic(frame, status, length);
    }
    void fifo_overflow() {
        isr_ |= interrupt::fifo_overflow;
        ++missed_;
    }
    void system_error() { isr_ |= interrupt::system_error; }
    void set_link(bool up) {
        media_ = up ? 0 : media::link_down;
        isr_ |= interrupt::link_change;
    }
    // A held transmitter sends up to that many descriptors.
    void transmit_some(unsigned count) {
        while (count-- > 0 && bus_master && (cplus_transmitter() ? transmit_descriptor() : transmit_slot())) {
        }
    }
    // The descriptors and slots that are the chip's to send.
    [[nodiscard]] bool transmit_pending() const {
        if (cplus_transmitter()) return (descriptor_at(transmit_ring_, transmit_index_)->status & descriptor::own) != 0;
        return (tsd_[transmit_index_] & transmit_status::own) == 0;
    }

    // Registers --------------------------------------------------------------------------------------
    template <class T>
    T read(Reg<T> r) {
        check_offset(r);
        return static_cast<T>(read_register(r.offset));
    }
    template <class T>
    void write(Reg<T> r, T value) {
        check_offset(r);
        write_register(r.offset, value);
    }

private:
    template <class T>
    static void check_offset(Reg<T> r) {
        if (r.offset % sizeof(T) != 0 || r.offset + sizeof(T) > 256) throw std::runtime_error("bad register access");
    }
    static std::runtime_error wrong(const std::string& what) { return std::runtime_error("driver error: " + what); }

    void reset() {
        command_ = 0;
        isr_ = imr_ = 0;
        for (auto& status : tsd_) status = transmit_status::own;
        for (auto& address : tsad_) address = 0;
        transmit_index_ = receive_index_ = 0;
        receive_config_ = 0;
        cplus_ = 0;
        receive_ring_ = transmit_ring_ = 0;
        partial_.clear();
        empty_ring();
        resetting_ = reset_reads;
    }
    void empty_ring() { ring_read_ = ring_write_ = 0; }

    [[nodiscard]] bool cplus_receiver() const { return (cplus_ & cplus::receive_enable) != 0; }
    [[nodiscard]] bool cplus_transmitter() const { return (cplus_ & cplus::transmit_enable) != 0; }
    [[nodiscard]] std::uint32_t ring_bytes() const { return 8192u << (receive_config_ >> 11 & 3); }

    [[nodiscard]] std::uint32_t read_register(unsigned offset) {
        switch (offset) {
            case 0x00:
                return 0x12005452;  // 52:54:00:12:34:56
            case 0x04:
                return 0x5634;
            case 0x10:
            case 0x14:
            case 0x18:
            case 0x1c:
                return tsd_[(offset - 0x10) / 4];
            case 0x37:
                return read_command();
            case 0x38:
                return static_cast<std::uint16_t>(ring_read_ - 16);
            case 0x3a:
                return ring_write_;
            case 0x3c:
                return imr_;
            case 0x3e:
                return isr_;
            case 0x40:
                return transmit_config_ | version;
            case 0x44:
                return receive_config_;
            case 0x4c:
                return missed_;
            case 0x58:
                return media_;
            default:
                throw wrong("read of register " + std::to_string(offset));
        }
    }
    std::uint8_t read_command() {
        std::uint8_t value = command_;
        if (ring_read_ == ring_write_) value |= command::buffer_empty;
        if (stuck_in_reset || resetting_ != 0) {
            if (resetting_ != 0) --resetting_;
            value |= command::reset;
        }
        return value;
    }

    void write_register(unsigned offset, std::uint32_t value) {
        switch (offset) {
            case 0x08:
                multicast_ = (multicast_ & ~0xffff'ffffull) | value;
                return;
            case 0x0c:
                multicast_ = (multicast_ & 0xffff'ffffull) | std::uint64_t{value} << 32;
                return;
            case 0x10:
            case 0x14:
            case 0x18:
            case 0x1c:
                return start_slot((offset - 0x10) / 4, value);
            case 0x20:
            case 0x24:
            case 0x28:
            case 0x2c:
                return write_transmit_address((offset - 0x20) / 4, value);
            case 0x30:
                receive_buffer_ = value;
                return;
            case 0x37:
                return write_command(static_cast<std::uint8_t>(value));
            case 0x38:
                ring_read_ = (value + 16) % ring_bytes();
                return;
            case 0x3c:
                imr_ = static_cast<std::uint16_t>(value);
                return;
            case 0x3e:
                isr_ &= static_cast<std::uint16_t>(~value);
                return;
            case 0x40:
                return write_transmit_config(value);
            case 0x44:
                receive_config_ = value;
                empty_ring();
                return;
            case 0x4c:
                missed_ = 0;
                return;
            case 0xd9:
                return poll(static_cast<std::uint8_t>(value));
            case 0xe0:
                cplus_ = static_cast<std::uint16_t>(value);
                return;
            case 0xe4:
                receive_ring_ = ring_address(value);
                return;
            case 0xe8:
                if (value != 0) throw wrong("ring above 4 GiB");
                return;
            case 0xec:
                return;
            default:
                throw wrong("write of register " + std::to_string(offset));
        }
    }
    static std::uint32_t ring_address(std::uint32_t value) {
        if (value % 256 != 0) throw wrong("ring not aligned to 256 bytes");
        return value;
    }
    void write_transmit_address(unsigned slot, std::uint32_t value) {
        if (cplus_ == 0) {
            if (value % 4 != 0) throw wrong("transmit buffer not aligned");
            tsad_[slot] = value;
        } else if (slot == 0) {
            transmit_ring_ = ring_address(value);
        } else if (value != 0) {
            throw wrong("ring above 4 GiB");
        }
    }
    void write_command(std::uint8_t value) {
        if (value & command::reset) {
            ++resets;
            return reset();
        }
        if ((value & command::receive_enable) != 0) receive_index_ = 0;
        if ((value & command::transmit_enable) != 0 && cplus_transmitter()) transmit_index_ = 0;
        if ((command_ & command::receive_enable) != 0 && (value & command::receive_enable) == 0) {
            ++receiver_resets;
            empty_ring();
        }
        command_ = value & (command::receive_enable | command::transmit_enable);
    }
    void write_transmit_config(std::uint32_t value) {
        if ((command_ & command::transmit_enable) == 0) throw wrong("TCR before the transmitter is enabled");
        if ((value & 1) != 0 && (tsd_[transmit_index_] & transmit_status::aborted) != 0)  // CLRABT: sends it again
            tsd_[transmit_index_] &= transmit_status::size_mask;
        transmit_config_ = value & 0x0300'0700;
    }

    // Receive ------------------------------------------------------------------------------------------
    [[nodiscard]] bool address_matches(const Bytes& frame) const {
        static constexpr std::uint8_t own[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
        static constexpr std::uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        if (receive_config_ & receive_config::accept_all) return true;
        if (std::memcmp(frame.data(), broadcast, 6) == 0) return (receive_config_ & receive_config::accept_broadcast) != 0;
        if (frame[0] & 1) return (receive_config_ & receive_config::accept_multicast) != 0 && multicast_ != 0;
        return std::memcmp(frame.data(), own, 6) == 0 && (receive_config_ & receive_config::accept_own) != 0;
    }
    bool miss() {
        ++missed_;
        isr_ |= interrupt::receive_overflow;
        return false;
    }

    [[nodiscard]] Descriptor* descriptor_at(std::uint32_t ring, std::uint32_t index) const {
        return reinterpret_cast<Descriptor*>(memory_.at(ring + index * sizeof(Descriptor), sizeof(Descriptor)));
    }
    static std::uint32_t next_index(std::uint32_t index, std::uint32_t status) {
        if ((status & descriptor::end_of_ring) != 0) return 0;
        if (index + 1 == cplus::ring_entries) throw wrong("ring without end");
        return index + 1;
    }
    bool receive_cplus(const Bytes& frame, std::uint32_t extra) {
        Descriptor& entry = *descriptor_at(receive_ring_, receive_index_);
        const std::uint32_t status = entry.status;
        if ((status & descriptor::own) == 0) return miss();
        const std::uint32_t space = status & descriptor::receive_size;
        if (space % 8 != 0 || entry.address_low % 8 != 0) throw wrong("receive buffer not a multiple of 8");
        if (frame.size() + crc_bytes > space) return miss();
        std::memcpy(memory_.at(entry.address_low, frame.size()), frame.data(), frame.size());
        std::memset(memory_.at(entry.address_low + frame.size(), crc_bytes), 0xcc, crc_bytes);
        entry.status = (status & descriptor::end_of_ring) | descriptor::first | descriptor::last | extra |
                       static_cast<std::uint32_t>(frame.size() + crc_bytes);
        receive_index_ = next_index(receive_index_, status);
        isr_ |= (extra & descriptor::receive_error) != 0 ? interrupt::receive_error : interrupt::receive_ok;
        return true;
    }

    void put(const void* bytes, std::uint32_t count) {
        const auto* from = static_cast<const std::uint8_t*>(bytes);
        for (std::uint32_t i = 0; i < count; ++i) {
            *memory_.at(receive_buffer_ + ring_write_, 1) = from[i];
            ring_write_ = (ring_write_ + 1) % ring_bytes();
        }
    }
    bool receive_classic(const Bytes& frame, std::uint16_t status, std::size_t length) {
        const std::uint32_t used = (ring_write_ - ring_read_) % ring_bytes();
        const std::uint32_t needed = (static_cast<std::uint32_t>(frame.size()) + 4 + crc_bytes + 3) & ~3u;
        if (used + needed >= ring_bytes()) return miss();
        const std::uint32_t header = status | static_cast<std::uint32_t>(length) << 16;
        put(&header, sizeof header);
        put(frame.data(), static_cast<std::uint32_t>(frame.size()));
        put("crc!", crc_bytes);
        ring_write_ = ((ring_write_ + 3) & ~3u) % ring_bytes();
        isr_ |= (status & receive_header::ok) != 0 ? interrupt::receive_ok : interrupt::receive_error;
        return true;
    }

    // Transmit --------------------------------------------------------------------------------------------
    void start_slot(unsigned slot, std::uint32_t value) {
        if (cplus_ != 0) throw wrong("transmit slot in C+ mode");
        if ((tsd_[slot] & transmit_status::own) == 0) throw wrong("transmit slot in use");
        const std::uint32_t size = value & transmit_status::size_mask;
        if (size < minimum_frame || size > 1792) throw wrong("transmit size " + std::to_string(size));
        tsd_[slot] = value & 0x3f'1fff;
        if (!hold_transmits) transmit_some(4);
    }
    bool transmit_slot() {
        std::uint32_t& status = tsd_[transmit_index_];
        if ((status & (transmit_status::own | transmit_status::aborted)) != 0 || (command_ & command::transmit_enable) == 0)
            return false;
        const std::uint32_t error = std::exchange(next_transmit_error, 0);
        isr_ |= error == 0 ? interrupt::transmit_ok : interrupt::transmit_error;
        if (error & transmit_status::aborted) {
            status |= error;
            return false;
        }
        const std::uint32_t size = status & transmit_status::size_mask;
        const std::uint8_t* from = memory_.at(tsad_[transmit_index_], size);
        if ((error & transmit_status::underrun) == 0) sent.push_back({Bytes(from, from + size), 0});
        status |= transmit_status::own | (error != 0 ? error : transmit_status::ok);
        transmit_index_ = (transmit_index_ + 1) % 4;
        return true;
    }
    void poll(std::uint8_t value) {
        if (value != cplus::poll_normal) throw wrong("TPPoll value");
        ++polls;
        if (!hold_transmits) transmit_some(cplus::ring_entries);
    }
    bool transmit_descriptor() {
        Descriptor& entry = *descriptor_at(transmit_ring_, transmit_index_);
        const std::uint32_t status = entry.status;
        if ((status & descriptor::own) == 0 || (command_ & command::transmit_enable) == 0) return false;
        if (((status & descriptor::first) != 0) != partial_.empty()) throw wrong("first segment out of place");
        const std::uint32_t size = status & descriptor::transmit_size;
        if (size == 0 || entry.address_high != 0) throw wrong("transmit descriptor");
        const std::uint8_t* from = memory_.at(entry.address_low, size);
        partial_.insert(partial_.end(), from, from + size);
        transmit_index_ = next_index(transmit_index_, status);
        std::uint32_t done = status & ~(descriptor::own | descriptor::transmit_errors | descriptor::transmit_underrun);
        if (status & descriptor::last) {
            done |= std::exchange(next_transmit_error, 0);
            sent.push_back({std::exchange(partial_, {}), status & 0x0fff'0000});
        }
        entry.status = done;
        isr_ |= interrupt::transmit_ok;
        return true;
    }

    Memory memory_;
    std::uint8_t command_ = 0, media_ = 0;
    std::uint16_t isr_ = 0, imr_ = 0, cplus_ = 0;
    std::uint32_t tsd_[4]{}, tsad_[4]{};
    std::uint32_t transmit_config_ = 0, receive_config_ = 0;
    std::uint32_t receive_buffer_ = 0, ring_read_ = 0, ring_write_ = 0;
    std::uint32_t receive_ring_ = 0, transmit_ring_ = 0, receive_index_ = 0, transmit_index_ = 0;
    std::uint32_t missed_ = 0;
    std::uint64_t multicast_ = 0;
    unsigned resetting_ = 0;
    Bytes partial_;
};

}  // namespace rtl8139::model
