// What lwIP needs of its platform: time, random numbers, checksums, its heap, somewhere to complain.
#include "protocol_management.hpp"

#include <ant/process.hpp>

#include <lwip/priv/tcp_priv.h>
#include <lwip_hooks.h>

using namespace ant::inet_server;

namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t isn_tick_ns = 4'000;  // RFC 6528: one step each 4 us

}  // namespace

extern "C" {

std::uint8_t* ant_lwip_heap = nullptr;

std::uint8_t* ant_lwip_more_blocks(void) { return reinterpret_cast<std::uint8_t*>(protocol.packet_memory().more()); }

std::uint8_t* ant_lwip_more_elements(void) {
    return reinterpret_cast<std::uint8_t*>(ant::sys::ica_reserve(ANT_CHUNK_BYTES / ant::abi::page_size).value_or(0));
}

u32_t sys_now(void) { return static_cast<u32_t>(ant::clock_ns() / ns_per_ms); }

std::uint32_t ant_lwip_random(void) { return protocol.random(); }

std::uint16_t ant_lwip_checksum(const void* data, int bytes) { return internet_checksum(data, static_cast<std::size_t>(bytes)); }

void ant_lwip_print(const char* text, ...) {
    char line[120];
    std::va_list arguments;
    va_start(arguments, text);
    ant::format_list(line, sizeof line, text, arguments);
    va_end(arguments);
    ant::log("lwip: %s", line);
}

void ant_lwip_contradiction(const char* text) { ant::panic("lwip: %s", text); }

u32_t ant_lwip_initial_sequence(const ip_addr_t* local_ip, u16_t local_port, const ip_addr_t* remote_ip, u16_t remote_port) {
    const std::uint64_t addresses = std::uint64_t{ip_2_ip4(local_ip)->addr} << 32 | ip_2_ip4(remote_ip)->addr;
    const std::uint64_t ports = std::uint64_t{local_port} << 16 | remote_port;
    return static_cast<u32_t>(keyed_hash(protocol.key(), addresses, ports | std::uint64_t{1} << 32) +
                              ant::clock_ns() / isn_tick_ns);
}

err_t ant_lwip_send_segment(pbuf* p, const ip_addr_t* source, const ip_addr_t* destination, u8_t ttl, u8_t tos, u8_t proto,
                            netif* interface) {
    return protocol.send_segment(p, *source, *destination, ttl, tos, proto, interface);
}

// A segment for a listener whose backlog is full: the connection that has been half open for longest gives way,
// if its peer has had a second to answer.
err_t ant_lwip_segment_arrives(tcp_pcb* pcb, const tcp_hdr* header, const pbuf* bytes) {
    if (pcb->state != LISTEN) return ant_lwip_connection_receives(pcb, header, bytes);
    const auto* listener = reinterpret_cast<const tcp_pcb_listen*>(pcb);
    if (listener->accepts_pending < listener->backlog) return ERR_OK;
    constexpr u32_t patience = 1000 / TCP_SLOW_INTERVAL;
    tcp_pcb* oldest = nullptr;
    for (tcp_pcb* p = tcp_active_pcbs; p != nullptr; p = p->next) {
        if (p->state != SYN_RCVD || p->listener != listener || tcp_ticks - p->tmr < patience) continue;
        if (oldest == nullptr || tcp_ticks - p->tmr > tcp_ticks - oldest->tmr) oldest = p;
    }
    if (oldest != nullptr) tcp_abandon(oldest, 0);
    return ERR_OK;
}
}
