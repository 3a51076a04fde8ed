// Functions of a NIC driver ("rtl8139", "rtl8139.1", ...). Its inet calls them.
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::nic {

namespace feature {
inline constexpr std::uint32_t transmit_checksum = 1 << 0;  // IPv4 header, TCP, UDP
inline constexpr std::uint32_t receive_checksum = 1 << 1;
inline constexpr std::uint32_t large_send = 1 << 2;
inline constexpr std::uint32_t descriptor_rings = 1 << 3;  // C+ mode: no copy in the driver
}  // namespace feature

struct Info {
    std::uint8_t mac[6];
    std::uint16_t mtu;
    std::uint32_t features;
    std::uint32_t link_up;
    std::uint32_t link_mbit;
};

// Counters since the card was initialised; they survive replacements.
struct Statistics {
    std::uint64_t transmitted_packets, transmitted_bytes, received_packets, received_bytes;
    std::uint64_t transmit_errors, receive_errors;
    std::uint64_t missed;             // the chip's missed-packet counter, summed
    std::uint64_t receive_overflows;  // ring or FIFO overflow interrupts
    std::uint64_t dropped;            // by the driver: inet's queue was full or no memory
    std::uint64_t interrupts, resets;
};

// One piece of a packet: it lies inside one of the data ICAs lent with the call (abi::DataList), or is short and lies in the call
// itself, behind the fragments (`in_call`). A packet is the run of fragments up to the first one with `last`.
inline constexpr std::uint32_t most_in_call = 128;  // bytes of a fragment
namespace fragment_flag {
inline constexpr std::uint16_t last = 1 << 0;
inline constexpr std::uint16_t ip_checksum = 1 << 1;  // on the last fragment: to be filled in by the chip
inline constexpr std::uint16_t tcp_checksum = 1 << 2;
inline constexpr std::uint16_t udp_checksum = 1 << 3;
inline constexpr std::uint16_t large_send = 1 << 4;  // the chip segments it, mss bytes each
inline constexpr std::uint16_t in_call = 1 << 5;
}  // namespace fragment_flag
struct Fragment {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t flags;
    std::uint16_t mss;
};
// Follows the DataList in the parameter area, which is empty if nothing is lent. Answered, with the number of packets that were
// sent, when the chip (or the driver's own copy) no longer needs the lent areas: the answer ends the loans.
struct Transmit {
    std::uint32_t fragments;
    std::uint32_t answer;  // not 0: answered with this value instead, whatever becomes of the packets
    Fragment fragment[];
};
struct TransmitHead {
    std::uint32_t fragments;
    std::uint32_t answer;
};

enum class Op : std::uint16_t { info = 1, transmit, statistics, set_multicast };

// Everything here may be done twice: a frame that is sent again is one that the network has doubled.
inline constexpr Function<Nothing, Info> info{"info", static_cast<std::uint16_t>(Op::info), abi::function_attribute::redeliver};
inline constexpr Function<TransmitHead> transmit{"transmit", static_cast<std::uint16_t>(Op::transmit),
                                                 abi::function_attribute::takes_data | abi::function_attribute::redeliver};
inline constexpr Function<Nothing, Statistics> statistics{"statistics", static_cast<std::uint16_t>(Op::statistics),
                                                          abi::function_attribute::redeliver};
struct Multicast {
    std::uint64_t hash;  // the 64-bit filter of the data sheet; ~0 = all
    std::uint32_t promiscuous;
    std::uint32_t reserved;
};
inline constexpr Function<Multicast> set_multicast{"set_multicast", static_cast<std::uint16_t>(Op::set_multicast),
                                                   abi::function_attribute::redeliver};

}  // namespace ant::nic
