// What the next process of this driver inherits: the card's record (card_store.hpp), which holds whatever happens, and
// this area, with everything else that the driver knows. In a planned replacement the new process goes on from it as
// it is, so that the old one has nothing to save and the new one nothing to build. After a failure only the counters
// are believed.
//
// Two layouts exist. Their fields have the same names; the driver is compiled for one of them and
// converts the other when it takes over. Header and statistics lie first in every layout.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/interface/nic.hpp>

#include "registers.hpp"

#include <cstddef>
#include <cstdint>

namespace rtl8139 {

inline constexpr std::uint32_t state_magic = 0x3931'3872;  // "r819"
inline constexpr unsigned maximum_calls = 128;             // transmit calls that wait for the chip; a power of two
inline constexpr unsigned reserve_pages = 128;             // empty pages at hand for the receiver

// What the driver was told, and has to keep to.
struct Settings {
    std::uint64_t multicast = 0;
    bool promiscuous = false;
    bool operator==(const Settings&) const = default;
};

enum class Mode : std::uint32_t { classic = 1, cplus = 2 };

struct StateHeader {
    std::uint32_t magic;
    std::uint32_t format;
};
struct StatePrefix {
    StateHeader header;
    ant::nic::Statistics statistics;
};

// Areas that the slot owns for the chip.
struct Areas {
    std::uint64_t rings;            // C+: receive ring, then transmit ring
    std::uint64_t receive_buffer;   // classic
    std::uint64_t transmit_buffer;  // classic: packets; C+: what came in calls, a place for each descriptor
};

// Both layouts have these fields:
//   enabled_interrupts   what the interrupt mask register holds
//   attached, attaching  to inet; an ifattach is under way
//   missed_register      the missed-packet register when it was last added to the statistics
//   receive_next         C+: descriptors taken so far; classic: offset of the next frame in the ring
//   transmit_next        descriptors (C+) or slots (classic) handed to the chip so far
//   transmit_done        and those that it has finished
//   inputs               ethinput calls without result
//   progress_us          when the transmitter was last seen to make progress, or got its first work
//   page                 C+: page of each receive descriptor
//   call                 transmit calls without answer, oldest first: [call_first, call_posted) are wholly
//                        with the chip, [call_posted, call_end) wait for room. The counts run freely.
//     end                transmit_next after its last packet; valid once it is posted
//     next_fragment      the first that is not yet with the chip
//     packets, bytes     handed to the chip so far
struct StateFormat1 {
    static constexpr std::uint32_t format = 1;
    struct HeldCall {
        std::uint64_t control;
        std::uint32_t end;
        std::uint32_t bytes;
        std::uint16_t packets;
        std::uint16_t next_fragment;
        std::uint32_t reserved;
    };
    StateHeader header;
    ant::nic::Statistics statistics;
    Mode mode;
    std::uint32_t features;
    std::uint8_t mac[6];
    std::uint16_t enabled_interrupts;
    std::uint32_t link_up, link_mbit;
    std::uint32_t attached, attaching;
    std::uint64_t multicast;
    std::uint32_t promiscuous, missed_register;
    Areas areas;
    std::uint32_t receive_next, transmit_next, transmit_done, inputs;
    std::uint64_t progress_us;
    std::uint32_t reserve_count, call_first, call_posted, call_end;
    std::uint64_t page[cplus::ring_entries];
    std::uint64_t reserve[reserve_pages];
    HeldCall call[maximum_calls];
};

// Counters and queues first, what seldom changes last.
struct StateFormat2 {
    static constexpr std::uint32_t format = 2;
    struct HeldCall {
        std::uint32_t end;
        std::uint16_t next_fragment;
        std::uint16_t packets;
        std::uint64_t control;
        std::uint64_t bytes;
        std::uint64_t arrived_us;
    };
    StateHeader header;
    ant::nic::Statistics statistics;
    std::uint32_t receive_next, transmit_next, transmit_done, inputs;
    std::uint32_t call_first, call_posted, call_end, reserve_count;
    HeldCall call[maximum_calls];
    std::uint64_t reserve[reserve_pages];
    std::uint64_t page[cplus::ring_entries];
    Areas areas;
    std::uint64_t progress_us;
    std::uint64_t conversions;  // how often this state has come from another format
    std::uint64_t multicast;
    std::uint32_t missed_register, promiscuous;
    std::uint32_t attaching, attached;
    std::uint32_t link_mbit, link_up;
    std::uint32_t features;
    Mode mode;
    std::uint16_t enabled_interrupts;
    std::uint8_t mac[6];
};

inline constexpr std::size_t state_pages = 2;
static_assert(sizeof(StateFormat1) <= state_pages * ant::abi::page_size);
static_assert(sizeof(StateFormat2) <= state_pages * ant::abi::page_size);
static_assert(offsetof(StateFormat1, statistics) == offsetof(StatePrefix, statistics));
static_assert(offsetof(StateFormat2, statistics) == offsetof(StatePrefix, statistics));
static_assert((maximum_calls & (maximum_calls - 1)) == 0);

#if defined(RTL8139_STATE_FORMAT) && RTL8139_STATE_FORMAT == 2
using NativeState = StateFormat2;
#else
using NativeState = StateFormat1;
#endif
inline constexpr std::uint64_t readable_formats = 1 << 0 | 1 << StateFormat1::format | 1 << StateFormat2::format;

}  // namespace rtl8139
