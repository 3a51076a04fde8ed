// Addresses and windows in lwIP's terms.
#pragma once

#include <lwip/def.h>
#include <lwip/ip_addr.h>
#include <lwip/tcp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ant::inet_server {

inline ip_addr_t to_lwip(std::uint32_t ip) { return IPADDR4_INIT(lwip_htonl(ip)); }
inline std::uint32_t from_lwip_ip(const ip_addr_t& ip) { return lwip_ntohl(ip_2_ip4(&ip)->addr); }

// Bytes have been fetched. lwIP counts them in 16 bits.
inline void window_opens(tcp_pcb* pcb, std::size_t bytes) {
    for (; bytes != 0 && pcb != nullptr;) {
        const auto step = static_cast<u16_t>(std::min<std::size_t>(bytes, 0xffff));
        tcp_recved(pcb, step);
        bytes -= step;
    }
}

}  // namespace ant::inet_server
