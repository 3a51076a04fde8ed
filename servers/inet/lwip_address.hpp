// Addresses in lwIP's terms.
#pragma once

#include <lwip/def.h>
#include <lwip/ip_addr.h>

#include <cstdint>

namespace ant::inet_server {

inline ip_addr_t to_lwip(std::uint32_t ip) { return IPADDR4_INIT(lwip_htonl(ip)); }
inline std::uint32_t from_lwip_ip(const ip_addr_t& ip) { return lwip_ntohl(ip_2_ip4(&ip)->addr); }

}  // namespace ant::inet_server
