#include "protocol_records.hpp"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/prot/dhcp.h>
#include <lwip/prot/etharp.h>
#include <lwip/prot/iana.h>
#include <lwip_hooks.h>

#include <algorithm>

namespace ant::inet_server {

namespace {

constexpr std::uint64_t tick_ns = DHCP_COARSE_TIMER_SECS * std::uint64_t{1'000'000'000};
constexpr std::uint32_t for_ever = ~std::uint32_t{0};

const dhcp* lease_of(const netif& interface) { return netif_dhcp_data(&interface); }

bool has_lease(const dhcp& client) {
    return client.state == DHCP_STATE_BOUND || client.state == DHCP_STATE_RENEWING || client.state == DHCP_STATE_REBINDING ||
           client.state == DHCP_STATE_REBOOTING;
}

// As dhcp_bind rounds. 0: never
std::uint16_t ticks(std::uint32_t seconds) {
    if (seconds == for_ever) return 0;
    return static_cast<std::uint16_t>(
        std::clamp<std::uint64_t>((std::uint64_t{seconds} + DHCP_COARSE_TIMER_SECS / 2) / DHCP_COARSE_TIMER_SECS, 1, 0xffff));
}

// What is overdue is done with the next tick.
std::uint16_t remaining(std::uint16_t timeout, std::uint64_t used) {
    if (timeout == 0) return 0;
    return timeout > used ? static_cast<std::uint16_t>(timeout - used) : std::uint16_t{1};
}

// lwIP knows the age of a lease in minutes. Younger than the one that was recorded: it has been renewed.
bool renewed(const dhcp& client, const LeaseRecord& before, std::uint64_t now_ns) {
    return before.bound == 0 || client.lease_used + std::uint64_t{1} < (now_ns - before.bound_ns) / tick_ns;
}

}  // namespace

void save_addresses(const netif& interface, NetRecord& record) {
    record.ip = netif_ip4_addr(&interface)->addr;
    record.netmask = netif_ip4_netmask(&interface)->addr;
    record.gateway = netif_ip4_gw(&interface)->addr;
    for (u8_t i = 0; i < 2; ++i) record.dns[i] = ip_2_ip4(dns_getserver(i))->addr;
    record.link_up = netif_is_link_up(&interface) != 0 ? 1 : 0;
}

void restore_addresses(netif& interface, const NetRecord& record) {
    const ip4_addr_t ip{record.ip}, netmask{record.netmask}, gateway{record.gateway};
    netif_set_addr(&interface, &ip, &netmask, &gateway);
    for (u8_t i = 0; i < 2; ++i) {
        const ip_addr_t server = IPADDR4_INIT(record.dns[i]);
        dns_setserver(i, &server);
    }
}

LeaseRecord save_lease(const netif& interface, const LeaseRecord& before, std::uint64_t now_ns) {
    const dhcp* client = lease_of(interface);
    if (client == nullptr || !has_lease(*client)) return {};
    LeaseRecord record{};
    record.bound_ns = renewed(*client, before, now_ns) ? now_ns - client->lease_used * tick_ns : before.bound_ns;
    record.server = ip_2_ip4(&client->server_ip_addr)->addr;
    record.ip = client->offered_ip_addr.addr;
    record.netmask = client->offered_sn_mask.addr;
    record.gateway = client->offered_gw_addr.addr;
    record.lease_s = client->offered_t0_lease;
    record.renew_s = client->offered_t1_renew;
    record.rebind_s = client->offered_t2_rebind;
    record.bound = 1;
    record.netmask_given = client->subnet_mask_given;
    return record;
}

bool restore_lease(netif& interface, const LeaseRecord& record, std::uint64_t now_ns) {
    if (record.bound == 0) return false;
    const std::uint64_t used = (now_ns - record.bound_ns) / tick_ns;
    const std::uint16_t end = ticks(record.lease_s);
    if (end != 0 && used >= end) {
        netif_set_addr(&interface, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
        return false;
    }
    if (dhcp_start(&interface) != ERR_OK) return false;  // without a link it only makes its control blocks
    dhcp& client = *netif_dhcp_data(&interface);
    ip_addr_set_ip4_u32_val(client.server_ip_addr, record.server);
    client.offered_ip_addr.addr = record.ip;
    client.offered_sn_mask.addr = record.netmask;
    client.offered_gw_addr.addr = record.gateway;
    client.offered_t0_lease = record.lease_s;
    client.offered_t1_renew = record.renew_s;
    client.offered_t2_rebind = record.rebind_s;
    client.subnet_mask_given = record.netmask_given;
    client.lease_used = static_cast<u16_t>(used);
    client.t0_timeout = end;
    client.t1_timeout = ticks(record.renew_s);
    client.t2_timeout = ticks(record.rebind_s);
    client.t1_renew_time = remaining(client.t1_timeout, used);
    client.t2_rebind_time = remaining(client.t2_timeout, used);
    client.state = DHCP_STATE_BOUND;
    interface.flags |= NETIF_FLAG_LINK_UP;  // netif_set_link_up would have the lease confirmed
    return true;
}

const unsigned neighbour_capacity = ARP_TABLE_SIZE;

NeighbourRecord save_neighbour(unsigned index, const netif& interface) {
    NeighbourRecord record{};
    ip4_addr_t* ip;
    netif* where;
    eth_addr* mac;
    if (etharp_get_entry(index, &ip, &where, &mac) == 0 || where != &interface) return record;
    record.ip = ip->addr;
    std::copy_n(mac->addr, sizeof record.mac, record.mac);
    return record;
}

// As if it had answered a question of ours just now.
void restore_neighbour(netif& interface, const NeighbourRecord& record) {
    if (record.ip == 0) return;
    pbuf* p = pbuf_alloc(PBUF_RAW, SIZEOF_ETHARP_HDR, PBUF_RAM);
    if (p == nullptr) return;  // it will be asked again
    auto* reply = static_cast<etharp_hdr*>(p->payload);
    reply->hwtype = PP_HTONS(LWIP_IANA_HWTYPE_ETHERNET);
    reply->proto = PP_HTONS(ETHTYPE_IP);
    reply->hwlen = ETH_HWADDR_LEN;
    reply->protolen = sizeof(ip4_addr_t);
    reply->opcode = PP_HTONS(ARP_REPLY);
    std::copy_n(record.mac, sizeof record.mac, reply->shwaddr.addr);
    std::copy_n(interface.hwaddr, sizeof record.mac, reply->dhwaddr.addr);
    const ip4_addr_t from{record.ip};
    IPADDR_WORDALIGNED_COPY_FROM_IP4_ADDR_T(&reply->sipaddr, &from);
    IPADDR_WORDALIGNED_COPY_FROM_IP4_ADDR_T(&reply->dipaddr, netif_ip4_addr(&interface));
    etharp_input(p, &interface);
}

void scatter_datagram_numbers(std::uint16_t start) { ant_lwip_number_datagrams(start); }

}  // namespace ant::inet_server
