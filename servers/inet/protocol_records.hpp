// What the protocol remembers of the network beside its connections: addresses and where they come from, the DHCP
// lease, neighbours.
#pragma once

#include "checksum.hpp"

#include <ant/interface/inet.hpp>

#include <lwip/netif.h>

#include <cstdint>
#include <type_traits>

namespace ant::inet_server {

// One for the interface.
struct NetRecord {
    HashKey key;                         // of initial sequence numbers and everything else that nobody may guess
    inet::Attach card;                   // as the driver gave it
    std::uint32_t driver_slot;           // 0: none yet
    std::uint32_t ip, netmask, gateway;  // network byte order
    std::uint32_t dns[2];
    std::uint16_t ping_id;
    std::uint8_t addressing;  // Protocol's
    std::uint8_t link_up;
};
static_assert(std::is_trivially_copyable_v<NetRecord> && sizeof(NetRecord) == 96);

// What the DHCP server granted, and when.
struct LeaseRecord {
    std::uint64_t bound_ns;  // clock_ns(), of the last ack
    std::uint32_t server, ip, netmask, gateway;
    std::uint32_t lease_s, renew_s, rebind_s;  // ~0: for ever
    std::uint8_t bound;                        // 0: no lease (yet)
    std::uint8_t netmask_given;
    std::uint8_t reserved[2];
};
static_assert(std::is_trivially_copyable_v<LeaseRecord> && sizeof(LeaseRecord) == 40);

// One entry of the ARP table; ip 0: none.
struct NeighbourRecord {
    std::uint32_t ip;
    std::uint8_t mac[6];
    std::uint8_t reserved[6];
};
static_assert(std::is_trivially_copyable_v<NeighbourRecord> && sizeof(NeighbourRecord) == 16);

// The interface's addresses and name servers. restore: while its link is down, then nothing is announced.
void save_addresses(const netif& interface, NetRecord& record);
void restore_addresses(netif& interface, const NetRecord& record);

// The lease as it is; equal to `before` if it is the same one.
LeaseRecord save_lease(const netif& interface, const LeaseRecord& before, std::uint64_t now_ns);
// After restore_addresses, with the interface up and its link down; sets the link. False: there was no lease, or it has
// run out, and the address with it: ask anew.
bool restore_lease(netif& interface, const LeaseRecord& record, std::uint64_t now_ns);

// Entry `index` of the ARP table, in which there are neighbour_capacity.
extern const unsigned neighbour_capacity;
NeighbourRecord save_neighbour(unsigned index, const netif& interface);
// Only for neighbours in reach of the interface's addresses, which must have been restored.
void restore_neighbour(netif& interface, const NeighbourRecord& record);

// lwIP's numbers of datagrams start anew with each process: elsewhere each time, so that fragments of the process before
// are not taken for those of this one.
void scatter_datagram_numbers(std::uint16_t start);

}  // namespace ant::inet_server
