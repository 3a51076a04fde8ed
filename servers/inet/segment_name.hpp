// Whose a TCP segment is, from the frame that brings it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace ant::inet_server {

struct SegmentName {
    std::uint32_t local_ip, remote_ip;  // as lwIP has them: network byte order
    std::uint16_t local_port, remote_port;
    bool begins;  // it asks for a connection, or answers such a request
};

// nullopt: it is none, or only part of one.
inline std::optional<SegmentName> segment_in(std::span<const std::uint8_t> frame) {
    constexpr std::size_t ethernet_bytes = 14, least = ethernet_bytes + 20 + 20;
    constexpr std::uint8_t tcp = 6, syn = 2;
    if (frame.size() < least || frame[12] != 0x08 || frame[13] != 0x00) return std::nullopt;
    const auto ip = frame.subspan(ethernet_bytes);
    const std::size_t ip_bytes = (ip[0] & 0xfu) * 4;
    const bool fragment = ((ip[6] & 0x3f) | ip[7]) != 0;
    if (ip[0] >> 4 != 4 || ip[9] != tcp || fragment || ip_bytes < 20 || ip_bytes + 20 > ip.size()) return std::nullopt;
    const auto segment = ip.subspan(ip_bytes);
    const auto port = [&](std::size_t at) { return static_cast<std::uint16_t>(segment[at] << 8 | segment[at + 1]); };
    SegmentName name{0, 0, port(2), port(0), (segment[13] & syn) != 0};
    __builtin_memcpy(&name.remote_ip, &ip[12], sizeof name.remote_ip);
    __builtin_memcpy(&name.local_ip, &ip[16], sizeof name.local_ip);
    return name;
}

}  // namespace ant::inet_server
