// The fragments of a `transmit` call, checked: nothing in a caller's page is believed. After `parse` every
// fragment lies inside an area that the core has lent with this very call, and every packet fits the chip.
#pragma once

#include <ant/abi/result.hpp>
#include <ant/interface/nic.hpp>
#include <ant/server.hpp>

#include "registers.hpp"
#include "state.hpp"

#include <span>

namespace rtl8139 {

using Fragments = std::span<const ant::nic::Fragment>;

constexpr std::uint32_t physical(std::uint64_t address) { return static_cast<std::uint32_t>(address - ant::abi::ica_base); }
constexpr bool below_4g(std::uint64_t address, std::uint64_t bytes) {
    return address >= ant::abi::ica_base && address - ant::abi::ica_base + bytes <= std::uint64_t{1} << 32;
}

inline constexpr unsigned minimum_segment = 64, maximum_segment = 1460;
inline constexpr unsigned maximum_large_send = 0xffff;  // of a packet that the chip cuts into segments

// Index behind the last fragment of the packet that begins at `first`.
inline std::size_t packet_end(Fragments fragments, std::size_t first) {
    while ((fragments[first].flags & ant::nic::fragment_flag::last) == 0) ++first;
    return first + 1;
}
inline std::uint32_t packet_bytes(Fragments packet) {
    std::uint32_t bytes = 0;
    for (const auto& fragment : packet) bytes += fragment.bytes;
    return bytes;
}

inline bool is_in_call(const ant::nic::Fragment& fragment) { return (fragment.flags & ant::nic::fragment_flag::in_call) != 0; }

class TransmitRequest {
public:
    // Fragments of a call that was parsed before.
    static Fragments fragments(ant::Call call) {
        const auto& request = call.params_after_list<ant::nic::Transmit>();
        return {request.fragment, request.fragments};
    }

    // What it is to be answered with, 0: the number of packets.
    static std::uint32_t answer(ant::Call call) { return call.params_after_list<ant::nic::TransmitHead>().answer; }

    static ant::Result<Fragments> parse(ant::Call call, Mode mode) {
        if (!complete(call) || !all_lent(call)) return ant::Failure(ant::Error::invalid_argument);
        const Fragments all = fragments(call);
        for (std::size_t first = 0; first < all.size();) {
            const std::size_t end = checked_packet(call, all, first, mode);
            if (end == 0) return ant::Failure(ant::Error::invalid_argument);
            first = end;
        }
        return all;
    }

private:
    // Do list, head and fragments lie inside the parameter area?
    static bool complete(ant::Call call) {
        const std::size_t bytes = call.parameter_bytes();
        if (bytes < sizeof(ant::abi::DataList)) return false;
        const std::size_t areas = call.data_list().size();
        if (areas > ant::abi::max_data_list) return false;
        const std::size_t head =
            sizeof(ant::abi::DataList) + areas * sizeof(ant::abi::DataListEntry) + sizeof(ant::nic::TransmitHead);
        if (bytes < head) return false;
        const std::size_t count = call.params_after_list<ant::nic::TransmitHead>().fragments;
        return count != 0 && bytes - head >= count * sizeof(ant::nic::Fragment);
    }

    // An area that was moved would stay here.
    static bool all_lent(ant::Call call) {
        if ((call.frame().flags & ant::abi::flag::data_mask) != 0) return false;
        for (const auto& area : call.data_list())
            if (!lent(area)) return false;
        return true;
    }
    static bool lent(const ant::abi::DataListEntry& area) {
        return area.mode == static_cast<std::uint32_t>(ant::abi::DataMode::lend_read) ||
               area.mode == static_cast<std::uint32_t>(ant::abi::DataMode::lend_write);
    }

    // Index behind the packet, 0 if there is something wrong with it.
    static std::size_t checked_packet(ant::Call call, Fragments all, std::size_t first, Mode mode) {
        std::uint32_t bytes = 0;
        // A packet must fit the empty ring.
        for (std::size_t i = first; i < all.size() && i - first < cplus::ring_entries; ++i) {
            const auto& fragment = all[i];
            if (!(is_in_call(fragment) ? inside_call(fragment, call) : inside_lent_area(fragment, call.data_list()))) return 0;
            bytes += fragment.bytes;
            if (bytes > maximum_large_send) return 0;
            if (fragment.flags & ant::nic::fragment_flag::last) return size_allowed(fragment, bytes, mode) ? i + 1 : 0;
        }
        return 0;
    }

    static bool size_allowed(const ant::nic::Fragment& last, std::uint32_t bytes, Mode mode) {
        if (bytes < header_bytes) return false;
        constexpr std::uint16_t offloads = ant::nic::fragment_flag::ip_checksum | ant::nic::fragment_flag::tcp_checksum |
                                           ant::nic::fragment_flag::udp_checksum | ant::nic::fragment_flag::large_send;
        if (mode == Mode::classic && (last.flags & offloads) != 0) return false;
        if ((last.flags & ant::nic::fragment_flag::large_send) == 0) return bytes <= maximum_tagged_frame;
        return last.mss >= minimum_segment && last.mss <= maximum_segment;
    }

    static bool inside_call(const ant::nic::Fragment& fragment, ant::Call call) {
        const std::uint64_t offset = fragment.address - call.frame().parameters;
        return fragment.bytes - 1 < ant::nic::most_in_call && offset < call.parameter_bytes() &&
               fragment.bytes <= call.parameter_bytes() - offset;
    }

    static bool inside_lent_area(const ant::nic::Fragment& fragment, std::span<const ant::abi::DataListEntry> areas) {
        if (fragment.bytes == 0 || fragment.bytes > maximum_large_send || !below_4g(fragment.address, fragment.bytes))
            return false;
        for (const auto& area : areas) {
            const std::uint64_t size = std::uint64_t{area.pages} * ant::abi::page_size;
            if (fragment.address >= area.address && fragment.address - area.address <= size &&
                fragment.bytes <= size - (fragment.address - area.address))
                return true;
        }
        return false;
    }
};

}  // namespace rtl8139
