#include "protocol_management.hpp"

#include <ant/process.hpp>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/prot/dhcp.h>
#include <lwip/prot/icmp.h>
#include <lwip/raw.h>
#include <lwip/stats.h>
#include <lwip/tcp.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/timeouts.h>
#include <lwip_hooks.h>
#include <netif/ethernet.h>

#include <utility>

namespace ant::inet_server {

namespace {

constexpr std::uint64_t us_per_ms = 1000, ns_per_ms = 1'000'000;
constexpr std::uint16_t checksums_made_by_chip = NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP;
constexpr std::uint16_t transport_checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;

// What the emulator's user network uses; a network without DHCP needs its own (IP=, NETMASK=, ...).
constexpr inet::Configure fallback_addresses{0x0a00020f, 0xffffff00, 0x0a000202, 0x0a000203};

std::uint32_t environment_address(const char* name, std::uint32_t otherwise) {
    const char* text = environment(name);
    const std::uint32_t address = text == nullptr ? 0 : parse_address(text);
    return address != 0 ? address : otherwise;
}

// The first packet that waits to be looped back, nullptr if there is none. They lie in one chain.
pbuf* next_looped(netif& interface) {
    pbuf* packet = interface.loop_first;
    if (packet == nullptr) return nullptr;
    pbuf* last = packet;
    --interface.loop_cnt_current;
    for (; last->len != last->tot_len; last = last->next) --interface.loop_cnt_current;
    interface.loop_first = last->next;
    if (last->next == nullptr) interface.loop_last = nullptr;
    last->next = nullptr;
    packet->if_idx = netif_get_index(&interface);
    return packet;
}

bool is_fragment(const pbuf* frame) {
    const auto* bytes = static_cast<const std::uint8_t*>(frame->payload);
    return frame->len < SIZEOF_ETH_HDR + IP_HLEN || ((bytes[20] & 0x3f) | bytes[21]) != 0;
}

}  // namespace

std::uint32_t parse_address(const char* text) {
    ip4_addr_t address;
    return ip4addr_aton(text, &address) != 0 ? lwip_ntohl(ip4_addr_get_u32(&address)) : 0;
}

Result<> Protocol::start(const Tables& tables) {
    net_records_ = tables.net;
    lease_records_ = tables.lease;
    neighbour_records_ = tables.neighbours;
    const std::uint64_t heap = ANT_TRY(tables.memory(AreaUse::heap, ANT_HEAP_BYTES));
    packet_memory_.start(heap, ANT_TRY(tables.memory(AreaUse::blocks, ANT_CHUNK_BYTES)));
    ant_lwip_heap = reinterpret_cast<std::uint8_t*>(heap);
    key_ = {startup().random[0] ^ time_stamp(), startup().random[1]};
    ping_id_ = static_cast<std::uint16_t>(random());
    lwip_init();
    scatter_datagram_numbers(static_cast<std::uint16_t>(random()));
    connections_.start(tables.connections, Sockets::refill);
    areas_.use_records(tables.sends);
    if (netif_add(&netif_, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, this, init_netif, ethernet_input) == nullptr)
        return Failure(Error::no_memory);
    netif_set_default(&netif_);
    ping_pcb_ = raw_new(IP_PROTO_ICMP);
    if (ping_pcb_ == nullptr) return Failure(Error::no_memory);
    raw_recv(ping_pcb_, ping_answered, this);
    (void)raw_bind(ping_pcb_, IP_ADDR_ANY);
    sys_timeout(network_interval_ms, look_at_network, this);  // not now: the record is still to be read
    return {};
}

err_t Protocol::init_netif(netif* interface) {
    interface->name[0] = 'e';
    interface->name[1] = 'n';
    interface->mtu = 1500;
    interface->hwaddr_len = ETH_HWADDR_LEN;
    interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    interface->output = etharp_output;
    interface->linkoutput = link_output;
    return ERR_OK;
}

err_t Protocol::link_output(netif* interface, pbuf* packet) {
    return static_cast<Protocol*>(interface->state)->transmitter_.add(packet);
}

Result<> Protocol::use_driver(Server& server, const inet::Attach& attach, Server::ResultHandler transmitted) {
    __builtin_memcpy(driver_name_, attach.driver, sizeof driver_name_);
    driver_name_[sizeof driver_name_ - 1] = '\0';
    (void)ANT_TRY(driver_.identifier(nic::transmit));
    server.on_result(driver_, nic::transmit, transmitted);
    return {};
}

void Protocol::use_card(const inet::Attach& attach, std::uint32_t slot) {
    driver_slot_ = slot;
    card_ = attach;
    __builtin_memcpy(netif_.hwaddr, attach.mac, sizeof attach.mac);
    netif_.mtu = attach.mtu >= 576 && attach.mtu <= 1500 ? attach.mtu : 1500;
    const bool chip_sums = (attach.features & nic::feature::transmit_checksum) != 0;
    NETIF_SET_CHECKSUM_CTRL(&netif_, NETIF_CHECKSUM_ENABLE_ALL & ~(chip_sums ? checksums_made_by_chip : 0));
    transmitter_.attach(&driver_, attach.features);
}

Result<> Protocol::attach(Server& server, const inet::Attach& attach, std::uint32_t slot, Server::ResultHandler transmitted) {
    const bool first = driver_slot_ == 0;
    if (!first && __builtin_strncmp(driver_name_, attach.driver, sizeof driver_name_) != 0) return Failure(Error::busy);
    if (first) ANT_TRY(use_driver(server, attach, transmitted));
    use_card(attach, slot);
    if (first) {
        netif_set_up(&netif_);
        configure({environment_address("IP", 0), environment_address("NETMASK", fallback_addresses.netmask),
                   environment_address("GATEWAY", 0), environment_address("DNS", 0)});
    }
    set_link(attach.link_up != 0);
    keep_network();
    return {};
}

void Protocol::set_link(bool up) {
    if (up == (netif_is_link_up(&netif_) != 0)) return;
    if (up)
        netif_set_link_up(&netif_);  // announces the address, or asks DHCP again
    else
        netif_set_link_down(&netif_);
}

// Segments that follow each other become one. Frames that are not in a page of their own are left alone: there may be many, and a
// chain costs as much as they do.
void Protocol::input(pbuf* frame, std::uint32_t frame_flags) {
    ++received_packets_;
    received_bytes_ += frame->tot_len;
    auto* bytes = static_cast<std::uint8_t*>(frame->payload);
    const bool ip_good = (frame_flags & inet::frame_flag::ip_checksum_good) != 0;
    const bool transport_good = (frame_flags & inet::frame_flag::transport_checksum_good) != 0;
    if ((frame->flags & PBUF_FLAG_IS_CUSTOM) == 0) {
        end_input();
        // One look at both checksums costs less than lwIP's two.
        const bool good = !transport_good && SegmentHeaders::good_segment(bytes, frame->len);
        return deliver(frame, good || ip_good, good || (transport_good && !is_fragment(frame)));
    }
    if (!LargeReceive::fit(bytes, frame->len, ip_good && transport_good)) {
        end_input();
        return deliver(frame, ip_good, transport_good && !is_fragment(frame));
    }
    if (joined_count_ != max_joined && joined_.continues(bytes, frame->len)) {
        joined_.append(bytes, frame->len);
        (void)pbuf_remove_header(frame, SegmentHeaders::bytes);
    } else {
        end_input();
        joined_.begin(bytes, frame->len);
    }
    joined_frames_[joined_count_++] = frame;
}

// One chain of all: each pbuf says how long it is from there to the end.
void Protocol::end_input() {
    if (joined_count_ == 0) return;
    while (--joined_count_ != 0) {
        pbuf* next = joined_frames_[joined_count_];
        joined_frames_[joined_count_ - 1]->next = next;
        joined_frames_[joined_count_ - 1]->tot_len += next->tot_len;
    }
    joined_.end();
    deliver(joined_frames_[0], true, true);
}

// The chip's word for a checksum saves the check; the chip says nothing useful of fragments.
void Protocol::deliver(pbuf* frame, bool ip_good, bool transport_good) {
    std::uint16_t flags = netif_.chksum_flags | NETIF_CHECKSUM_CHECK_IP | transport_checks;
    if (ip_good) flags &= static_cast<std::uint16_t>(~NETIF_CHECKSUM_CHECK_IP);
    if (transport_good) flags &= static_cast<std::uint16_t>(~transport_checks);
    netif_.chksum_flags = flags;
    if (Connections::several_active()) [[unlikely]]
        connections_.expect({static_cast<const std::uint8_t*>(frame->payload), frame->len});
    if (netif_.input(frame, &netif_) != ERR_OK) {
        ++receive_errors_;
        pbuf_free(frame);
    }
}

// Consecutive segments for our card become one packet; everything else goes its way through IP.
err_t Protocol::send_segment(pbuf* packet, const ip4_addr_t& source, const ip4_addr_t& destination, std::uint8_t ttl,
                             std::uint8_t tos, std::uint8_t proto, netif* interface) {
    const TcpSegment segment{static_cast<const std::uint8_t*>(packet->payload),
                             static_cast<std::uint32_t>(packet->tot_len - packet->len),
                             source.addr,
                             destination.addr,
                             ttl,
                             tos};
    if (interface == &netif_ && transmitter_.append(packet, segment)) return ERR_OK;
    return ip4_output_if(packet, &source, &destination, ttl, tos, proto, interface);
}

// These packets never were on a wire: where the chip makes checksums, they have none. One after the other, unlike
// lwIP's netif_poll: what a packet tells is on record before its receiver, in here as well, acts on it.
void Protocol::deliver_looped() {
    const std::uint16_t flags = netif_.chksum_flags;
    netif_.chksum_flags = flags & static_cast<std::uint16_t>(~(NETIF_CHECKSUM_CHECK_IP | transport_checks));
    netif* interface;
    NETIF_FOREACH(interface) while (pbuf* packet = next_looped(*interface)) {
        commit_();
        if (ip_input(packet, interface) != ERR_OK) pbuf_free(packet);
    }
    netif_.chksum_flags = flags;
}

std::uint64_t Protocol::run_timers(std::uint64_t now_ns) {
    const std::uint32_t* due = ant_lwip_next_timer();
    if (due == nullptr) return ~std::uint64_t{0};
    std::uint32_t ms = *due - static_cast<std::uint32_t>(now_ns / ns_per_ms);
    if (static_cast<std::int32_t>(ms) <= 0) [[unlikely]] {
        sys_check_timeouts();
        ms = sys_timeouts_sleeptime();
    }
    if (ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE) return ~std::uint64_t{0};
    return ms * us_per_ms;
}

void Protocol::finish_batch() {
    if (network_changed()) keep_network();
    transmitter_.flush();
    while (transmitter_.may_retry()) {
        output_refused();
        transmitter_.flush();
    }
}

void Protocol::collect_areas() {
    areas_.collect([](const SendRecord& record) {
        return record.copied != 0 ? sockets.copy_areas().give(record.address) : CopyAreas::release(record.address);
    });
}

void Protocol::output_refused() {
    for (tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr;) {
        tcp_pcb* next = pcb->next;
        if (pcb->unsent != nullptr || (pcb->flags & TF_ACK_NOW) != 0) (void)tcp_output(pcb);
        pcb = next;
    }
}

void Protocol::configure(const inet::Configure& addresses) {
    sys_untimeout(dhcp_overdue, this);
    if (addresses.ip == 0) return ask_for_address();
    dhcp_release_and_stop(&netif_);
    use_addresses(addresses, Addressing::fixed);
    keep_network();
}

void Protocol::ask_for_address() {
    addressing_ = Addressing::asking;
    if (dhcp_start(&netif_) != ERR_OK) return use_addresses(fallback_addresses, Addressing::fallback);
    sys_timeout(dhcp_patience_ms, dhcp_overdue, this);
}

void Protocol::dhcp_overdue(void* self) {
    auto& protocol = *static_cast<Protocol*>(self);
    if (dhcp_supplied_address(&protocol.netif_) != 0) return;
    dhcp_release_and_stop(&protocol.netif_);
    log("no answer from DHCP, using the static address");
    protocol.use_addresses(fallback_addresses, Addressing::fallback);
}

void Protocol::use_addresses(const inet::Configure& addresses, Addressing how) {
    addressing_ = how;
    const ip4_addr_t ip{lwip_htonl(addresses.ip)}, mask{lwip_htonl(addresses.netmask)}, gateway{lwip_htonl(addresses.gateway)};
    netif_set_addr(&netif_, &ip, &mask, &gateway);
    if (addresses.dns == 0) return;
    const ip_addr_t dns = IPADDR4_INIT(lwip_htonl(addresses.dns));
    dns_setserver(0, &dns);
}

Result<bool> Protocol::resolve(const char* name, std::uint32_t ticket, std::uint32_t& ip) {
    ip_addr_t address;
    switch (dns_gethostbyname(name, &address, name_found, reinterpret_cast<void*>(std::uintptr_t{ticket}))) {
        case ERR_OK:
            ip = lwip_ntohl(ip_2_ip4(&address)->addr);
            return true;
        case ERR_INPROGRESS:
            return false;
        case ERR_ARG:
            return Failure(Error::invalid_argument);
        case ERR_MEM:
            return Failure(Error::too_many);
        default:
            return Failure(Error::unreachable);
    }
}

void Protocol::name_found(const char*, const ip_addr_t* address, void* ticket) {
    const std::uint32_t ip = address == nullptr ? 0 : lwip_ntohl(ip_2_ip4(address)->addr);
    protocol.events_.resolved(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(ticket)), ip);
}

Result<> Protocol::ping(const inet::Ping& ping, std::uint16_t sequence) {
    const auto bytes = static_cast<u16_t>(sizeof(icmp_echo_hdr) + ping.bytes);
    pbuf* p = pbuf_alloc(PBUF_IP, bytes, PBUF_RAM);
    if (p == nullptr) return Failure(Error::no_memory);
    auto* echo = static_cast<icmp_echo_hdr*>(p->payload);
    auto* payload = reinterpret_cast<std::uint8_t*>(echo + 1);
    for (unsigned i = 0; i < ping.bytes; ++i) payload[i] = static_cast<std::uint8_t>(i);
    echo->type = ICMP_ECHO;
    echo->code = 0;
    echo->chksum = 0;
    echo->id = lwip_htons(ping_id_);
    echo->seqno = lwip_htons(sequence);
    echo->chksum = inet_chksum(echo, bytes);
    const ip_addr_t to = IPADDR4_INIT(lwip_htonl(ping.ip));
    const err_t error = raw_sendto(ping_pcb_, p, &to);
    pbuf_free(p);
    if (error == ERR_RTE) return Failure(Error::unreachable);
    if (error != ERR_OK) return Failure(Error::no_memory);
    return {};
}

// `packet` begins with the IP header. 1: it was ours.
std::uint8_t Protocol::ping_answered(void* self, raw_pcb*, pbuf* packet, const ip_addr_t*) {
    const auto& protocol = *static_cast<const Protocol*>(self);
    ip_hdr header;
    icmp_echo_hdr echo;
    if (pbuf_copy_partial(packet, &header, sizeof header, 0) != sizeof header) return 0;
    const u16_t header_bytes = IPH_HL_BYTES(&header);
    if (pbuf_copy_partial(packet, &echo, sizeof echo, header_bytes) != sizeof echo) return 0;
    if (echo.type != ICMP_ER || lwip_ntohs(echo.id) != protocol.ping_id_) return 0;
    const inet::Pong pong{0, IPH_TTL(&header), static_cast<std::uint32_t>(packet->tot_len - header_bytes - sizeof echo)};
    protocol.events_.pong(lwip_ntohs(echo.seqno), pong);
    pbuf_free(packet);
    return 1;
}

void Protocol::describe(inet::Interface& out) const {
    __builtin_memcpy(out.name, driver_name_, sizeof out.name - 1);
    __builtin_memcpy(out.mac, netif_.hwaddr, sizeof out.mac);
    out.mtu = netif_.mtu;
    out.up = netif_is_up(&netif_) != 0;
    out.link_up = netif_is_link_up(&netif_) != 0;
    if (addressing_ == Addressing::asking) out.dhcp = dhcp_supplied_address(&netif_) != 0 ? 2 : 1;
    out.ip = lwip_ntohl(netif_ip4_addr(&netif_)->addr);
    out.netmask = lwip_ntohl(netif_ip4_netmask(&netif_)->addr);
    out.gateway = lwip_ntohl(netif_ip4_gw(&netif_)->addr);
    out.dns = lwip_ntohl(ip_2_ip4(dns_getserver(0))->addr);
    const Transmitter::Counters& sent = transmitter_.counters();
    out.received_packets = received_packets_;
    out.received_bytes = received_bytes_;
    out.sent_packets = sent.packets;
    out.sent_bytes = sent.bytes;
    out.dropped = sent.dropped + lwip_stats.ip.drop + lwip_stats.tcp.drop + lwip_stats.udp.drop;
    out.errors = receive_errors_ + lwip_stats.ip.err + lwip_stats.ip.lenerr + lwip_stats.tcp.lenerr;
    out.retransmissions = lwip_stats.mib2.tcpretranssegs;
    out.bad_checksums = lwip_stats.ip.chkerr + lwip_stats.tcp.chkerr + lwip_stats.udp.chkerr + lwip_stats.icmp.chkerr;
    out.attached = attached() ? 1 : 0;
}

}  // namespace ant::inet_server
