// One layout of the state into the other, field by field. Only live entries of the tables are carried over.
#pragma once

#include "state.hpp"

#include <cstring>

namespace rtl8139 {

template <class To, class From>
void convert_scalars(To& to, const From& from) {
    to.header = {state_magic, To::format};
    to.mode = from.mode;
    to.features = from.features;
    std::memcpy(to.mac, from.mac, sizeof to.mac);
    to.enabled_interrupts = from.enabled_interrupts;
    to.link_up = from.link_up;
    to.link_mbit = from.link_mbit;
    to.attached = from.attached;
    to.attaching = from.attaching;
    to.multicast = from.multicast;
    to.promiscuous = from.promiscuous;
    to.missed_register = from.missed_register;
    to.areas = from.areas;
    to.receive_next = from.receive_next;
    to.transmit_next = from.transmit_next;
    to.transmit_done = from.transmit_done;
    to.inputs = from.inputs;
    to.progress_us = from.progress_us;
    to.statistics = from.statistics;
    to.reserve_count = from.reserve_count;
    to.call_first = from.call_first;
    to.call_posted = from.call_posted;
    to.call_end = from.call_end;
}

template <class To, class From>
void convert_call(To& to, const From& from) {
    to.control = from.control;
    to.end = from.end;
    to.packets = from.packets;
    to.next_fragment = from.next_fragment;
    to.bytes = from.bytes;
}

template <class To, class From>
void convert(To& to, const From& from) {
    convert_scalars(to, from);
    std::memcpy(to.page, from.page, sizeof to.page);
    std::memcpy(to.reserve, from.reserve, from.reserve_count * sizeof to.reserve[0]);
    for (std::uint32_t i = from.call_first; i != from.call_end; ++i)
        convert_call(to.call[i % maximum_calls], from.call[i % maximum_calls]);
    if constexpr (requires { to.conversions; }) ++to.conversions;
}

// Counts that cannot be right would lead the driver out of its tables.
template <class State>
bool plausible(const State& state) {
    return state.header.magic == state_magic && state.header.format == State::format &&
           (state.mode == Mode::classic || state.mode == Mode::cplus) && state.reserve_count <= reserve_pages &&
           state.call_end - state.call_first <= maximum_calls && state.call_posted - state.call_first <= maximum_calls &&
           state.call_end - state.call_posted <= maximum_calls &&
           state.transmit_next - state.transmit_done <= cplus::ring_entries;
}

// Makes the area hold a native state, whichever format it holds. `scratch` is private memory.
// Returns nullptr, and leaves the area alone, if it holds neither.
template <class Native>
Native* adopt_state(std::uint64_t address, Native& scratch) {
    auto* header = reinterpret_cast<const StateHeader*>(address);
    auto* native = reinterpret_cast<Native*>(address);
    if (header->format == Native::format) return plausible(*native) ? native : nullptr;
    const auto take_over = [&]<class Other>(const Other& other) -> Native* {
        if (!plausible(other)) return nullptr;
        convert(scratch, other);
        std::memcpy(native, &scratch, sizeof scratch);
        return native;
    };
    if (header->format == StateFormat1::format) return take_over(*reinterpret_cast<const StateFormat1*>(address));
    if (header->format == StateFormat2::format) return take_over(*reinterpret_cast<const StateFormat2*>(address));
    return nullptr;
}

}  // namespace rtl8139
