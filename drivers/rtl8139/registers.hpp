// Registers and in-memory formats of the RTL8139C and RTL8139C+, after Realtek's data sheets.
#pragma once

#include <concepts>
#include <cstdint>

namespace rtl8139 {

// A register: its offset in the 256 bytes of BAR 1, and its width as a type.
template <class T>
struct Reg {
    std::uint16_t offset;
};

// Where registers are accessed: the card, or a model of it.
template <class B>
concept RegisterBus = requires(B bus, Reg<std::uint8_t> r8, Reg<std::uint16_t> r16, Reg<std::uint32_t> r32) {
    { bus.read(r8) } -> std::same_as<std::uint8_t>;
    { bus.read(r16) } -> std::same_as<std::uint16_t>;
    { bus.read(r32) } -> std::same_as<std::uint32_t>;
    bus.write(r8, std::uint8_t{});
    bus.write(r16, std::uint16_t{});
    bus.write(r32, std::uint32_t{});
};

namespace reg {
inline constexpr Reg<std::uint32_t> station_address_low{0x00};   // IDR0..3
inline constexpr Reg<std::uint32_t> station_address_high{0x04};  // IDR4..5
inline constexpr Reg<std::uint32_t> multicast_low{0x08};         // MAR0..3
inline constexpr Reg<std::uint32_t> multicast_high{0x0c};
constexpr Reg<std::uint32_t> transmit_status(unsigned slot) { return {static_cast<std::uint16_t>(0x10 + 4 * slot)}; }
constexpr Reg<std::uint32_t> transmit_address(unsigned slot) { return {static_cast<std::uint16_t>(0x20 + 4 * slot)}; }
inline constexpr Reg<std::uint32_t> transmit_ring_low{0x20};  // C+: TNPDS
inline constexpr Reg<std::uint32_t> transmit_ring_high{0x24};
inline constexpr Reg<std::uint32_t> priority_ring_low{0x28};  // C+: THPDS
inline constexpr Reg<std::uint32_t> priority_ring_high{0x2c};
inline constexpr Reg<std::uint32_t> receive_buffer{0x30};  // RBSTART
inline constexpr Reg<std::uint8_t> command{0x37};
inline constexpr Reg<std::uint16_t> receive_read{0x38};   // CAPR: 16 less than the offset that is read next
inline constexpr Reg<std::uint16_t> receive_write{0x3a};  // CBR
inline constexpr Reg<std::uint16_t> interrupt_mask{0x3c};
inline constexpr Reg<std::uint16_t> interrupt_status{0x3e};  // write 1 to clear
inline constexpr Reg<std::uint32_t> transmit_config{0x40};
inline constexpr Reg<std::uint32_t> receive_config{0x44};
inline constexpr Reg<std::uint32_t> missed_packets{0x4c};  // 24 bits, any write clears
inline constexpr Reg<std::uint8_t> eeprom_command{0x50};   // 9346CR
inline constexpr Reg<std::uint8_t> media_status{0x58};
inline constexpr Reg<std::uint8_t> transmit_poll{0xd9};      // C+: TPPoll
inline constexpr Reg<std::uint16_t> cplus_command{0xe0};     // C+: CPCR
inline constexpr Reg<std::uint32_t> receive_ring_low{0xe4};  // C+: RDSAR
inline constexpr Reg<std::uint32_t> receive_ring_high{0xe8};
inline constexpr Reg<std::uint8_t> early_transmit{0xec};  // C+: ETThR, units of 32 bytes
static_assert(transmit_status(3).offset == 0x1c && transmit_address(3).offset == 0x2c);
}  // namespace reg

namespace command {
inline constexpr std::uint8_t buffer_empty = 1 << 0, transmit_enable = 1 << 2, receive_enable = 1 << 3, reset = 1 << 4;
}

namespace interrupt {
inline constexpr std::uint16_t receive_ok = 1 << 0, receive_error = 1 << 1, transmit_ok = 1 << 2, transmit_error = 1 << 3,
                               receive_overflow = 1 << 4,  // C+: no receive descriptor
    link_change = 1 << 5, fifo_overflow = 1 << 6, system_error = 1 << 15;
inline constexpr std::uint16_t receive = receive_ok | receive_error | receive_overflow | fifo_overflow;
inline constexpr std::uint16_t transmit = transmit_ok | transmit_error;
inline constexpr std::uint16_t always = link_change | system_error;
inline constexpr std::uint16_t gone = 0xffff;  // what an absent card reads as
}  // namespace interrupt

namespace transmit_config {
inline constexpr std::uint32_t version_mask = 0x7cc0'0000, version_cplus = 0x7480'0000;
inline constexpr std::uint32_t gap_standard = 3u << 24;  // the only one that IEEE 802.3 allows
inline constexpr std::uint32_t burst_unlimited = 7u << 8;
}  // namespace transmit_config

namespace receive_config {
inline constexpr std::uint32_t accept_all = 1 << 0, accept_own = 1 << 1, accept_multicast = 1 << 2, accept_broadcast = 1 << 3,
                               accept_runt = 1 << 4, accept_error = 1 << 5;
inline constexpr std::uint32_t burst_unlimited = 7u << 8;
inline constexpr std::uint32_t ring_64k = 3u << 11;
inline constexpr std::uint32_t threshold_none = 7u << 13;  // move a frame only when it is complete
}  // namespace receive_config

namespace media {
inline constexpr std::uint8_t link_down = 1 << 2, speed_10 = 1 << 3;
}

namespace cplus {
inline constexpr std::uint16_t transmit_enable = 1 << 0, receive_enable = 1 << 1, multiple_read_write = 1 << 3,
                               receive_checksum = 1 << 5;
inline constexpr std::uint8_t poll_normal = 1 << 6;  // of TPPoll
inline constexpr unsigned ring_entries = 64;         // the most that the chip supports
}  // namespace cplus

// Classic mode: TSD.
namespace transmit_status {
inline constexpr std::uint32_t size_mask = 0x1fff, own = 1 << 13, underrun = 1 << 14, ok = 1 << 15;
inline constexpr std::uint32_t threshold_shift = 16;  // units of 32 bytes in the FIFO before sending begins
inline constexpr std::uint32_t out_of_window = 1u << 29, aborted = 1u << 30, carrier_lost = 1u << 31;
}  // namespace transmit_status

// Classic mode: the word in front of each frame in the receive ring; its upper half is the length with checksum.
namespace receive_header {
inline constexpr std::uint16_t ok = 1 << 0, alignment_error = 1 << 1, crc_error = 1 << 2, too_long = 1 << 3, runt = 1 << 4,
                               bad_symbol = 1 << 5, broadcast = 1 << 13, physical = 1 << 14, multicast = 1 << 15;
inline constexpr std::uint16_t errors = alignment_error | crc_error | too_long | runt | bad_symbol;
inline constexpr std::uint16_t unfinished = 0xfff0;  // length of a frame that the chip is still moving
}  // namespace receive_header

// C+ mode: a descriptor of either ring.
struct Descriptor {
    std::uint32_t status;
    std::uint32_t vlan;
    std::uint32_t address_low, address_high;
};
static_assert(sizeof(Descriptor) == 16);

namespace descriptor {
inline constexpr std::uint32_t own = 1u << 31, end_of_ring = 1u << 30, first = 1u << 29, last = 1u << 28;
// Transmit, written by the driver.
inline constexpr std::uint32_t large_send = 1u << 27, segment_shift = 16, segment_mask = 0x7ff;
inline constexpr std::uint32_t ip_checksum = 1u << 18, udp_checksum = 1u << 17, tcp_checksum = 1u << 16;
inline constexpr std::uint32_t transmit_size = 0xffff;
// Transmit, written by the chip.
inline constexpr std::uint32_t transmit_underrun = 1u << 25, transmit_errors = 1u << 23;
// Receive, written by the driver: size of the buffer, a multiple of 8. By the chip: length with checksum.
inline constexpr std::uint32_t receive_size = 0x1fff;
inline constexpr std::uint32_t receive_error = 1u << 20, runt = 1u << 19, crc_error = 1u << 18, watchdog = 1u << 21;
inline constexpr std::uint32_t protocol_shift = 16, protocol_mask = 3;  // 0: not IP, 1: TCP, 2: UDP, 3: other IP
inline constexpr std::uint32_t ip_bad = 1u << 15, udp_bad = 1u << 14, tcp_bad = 1u << 13;
}  // namespace descriptor

inline constexpr unsigned header_bytes = 14, crc_bytes = 4;
inline constexpr unsigned minimum_frame = 60, maximum_frame = 1514;  // without checksum
inline constexpr unsigned maximum_tagged_frame = maximum_frame + 4;  // with a VLAN tag

}  // namespace rtl8139
