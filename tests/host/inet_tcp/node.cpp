#include "node.hpp"

#include "protocol_records.hpp"
#include "segment_name.hpp"
#include "tcp_restore.hpp"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/timeouts.h>
#include <lwip_hooks.h>
#include <netif/ethernet.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace ant::inet_server;

namespace ant {

void panic(const char* text, ...) {
    std::va_list arguments;
    va_start(arguments, text);
    std::vfprintf(stderr, text, arguments);
    va_end(arguments);
    std::fputc('\n', stderr);
    std::abort();
}

}  // namespace ant

namespace tcp_test {

namespace {

Durable* durable = nullptr;
alignas(8) std::uint8_t heap[ANT_HEAP_BYTES];
alignas(8) std::uint8_t chunk[40][ANT_CHUNK_BYTES];
unsigned chunks = 0;

}  // namespace

extern "C" {

std::uint8_t* ant_lwip_heap = heap;
std::uint8_t* ant_lwip_more_blocks(void) { return chunks == std::size(chunk) ? nullptr : chunk[chunks++]; }
std::uint8_t* ant_lwip_more_elements(void) { return ant_lwip_more_blocks(); }
u32_t sys_now(void) { return static_cast<u32_t>(durable->now_us / 1000); }
std::uint32_t ant_lwip_random(void) { return durable->random = durable->random * 1664525 + 1013904223; }
std::uint16_t ant_lwip_checksum(const void* data, int bytes) { return internet_checksum(data, static_cast<std::size_t>(bytes)); }
void ant_lwip_print(const char*, ...) {}
void ant_lwip_contradiction(const char* text) { ant::panic("lwip: %s", text); }
u32_t ant_lwip_initial_sequence(const ip_addr_t*, u16_t, const ip_addr_t*, u16_t) {
    return 0xffff'0000 + ant_lwip_random() % 0x10000;  // soon around zero
}
err_t ant_lwip_send_segment(pbuf* p, const ip_addr_t* source, const ip_addr_t* destination, u8_t ttl, u8_t tos, u8_t proto,
                            netif* through) {
    return ip4_output_if(p, source, destination, ttl, tos, proto, through);
}
err_t ant_lwip_segment_arrives(tcp_pcb* pcb, const tcp_hdr* header, const pbuf* bytes) {
    return pcb->state == LISTEN ? ERR_OK : ant_lwip_connection_receives(pcb, header, bytes);
}
}

namespace {

struct Live {
    tcp_pcb* pcb = nullptr;
    std::uint32_t written = 0;  // of the stream, given to lwIP
    bool fin = false;
};

constinit Connections connections;
netif interface;
Live live[Durable::max_sockets];
bool left[Connections::capacity];  // by the process before, and not restored yet
LeaseRecord lease;

// A socket's number is its index and one.
Durable::Socket& socket_of(void* argument) { return durable->sockets[reinterpret_cast<std::uintptr_t>(argument) - 1]; }
Live& live_of(void* argument) { return live[reinterpret_cast<std::uintptr_t>(argument) - 1]; }
void* argument_of(unsigned index) { return reinterpret_cast<void*>(std::uintptr_t{index} + 1); }

unsigned new_socket(Durable::Kind kind) {
    for (unsigned i = 0; i < Durable::max_sockets; ++i) {
        if (durable->sockets[i].kind != Durable::Kind::none) continue;
        durable->sockets[i] = {};
        durable->sockets[i].kind = kind;
        live[i] = {};
        return i;
    }
    ant::panic("too many sockets");
}

// Each stream begins elsewhere in the pattern: the application's by its index, the peer's by its port.
const std::uint8_t* out_bytes(unsigned index) { return durable->pattern + index; }

// lwIP drops a control block that has ended both ways without a word.
void detach_if_done(unsigned index) {
    Durable::Socket& socket = durable->sockets[index];
    Live& l = live[index];
    if (l.pcb == nullptr || !l.fin || l.pcb->lastack - socket.out_first < socket.out) return;
    if (!socket.abandoned && !socket.in_fin) return;
    tcp_arg(l.pcb, nullptr);
    tcp_recv(l.pcb, nullptr);
    tcp_sent(l.pcb, nullptr);
    tcp_err(l.pcb, nullptr);
    connections.set_socket(*l.pcb, 0);
    l.pcb = nullptr;
    socket.ended = true;
}

void pump(unsigned index) {
    Durable::Socket& socket = durable->sockets[index];
    Live& l = live[index];
    if (l.pcb == nullptr || !socket.known) return;
    connections.touch(*l.pcb);
    if (l.pcb == nullptr) return;
    while (l.written < socket.out && !l.fin) {
        const std::uint32_t count =
            std::min<std::uint32_t>(std::min<std::uint32_t>(socket.out - l.written, tcp_sndbuf(l.pcb)), 4096);
        if (count == 0 || tcp_write(l.pcb, out_bytes(index) + l.written, count, 0) != ERR_OK) break;
        l.written += count;
    }
    if (socket.closed && !l.fin && l.written == socket.out) {
        l.fin = true;
        if (socket.abandoned) {
            connections.end_limit(*l.pcb);
            tcp_close(l.pcb);
        } else
            tcp_shutdown(l.pcb, 0, 1);
    }
    detach_if_done(index);
    if (l.pcb != nullptr) tcp_output(l.pcb);
}

err_t received(void* argument, tcp_pcb* pcb, pbuf* p, err_t) {
    Durable::Socket& socket = socket_of(argument);
    if (p == nullptr) {
        socket.in_fin = true;
        detach_if_done(static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(argument) - 1));
        return ERR_OK;
    }
    const std::uint8_t* expected = durable->pattern + pcb->remote_port + socket.in;
    for (const pbuf* q = p; q != nullptr; q = q->next) {
        if (std::memcmp(q->payload, expected, q->len) != 0) ant::panic("wrong bytes for socket %p", argument);
        expected += q->len;
    }
    socket.in += p->tot_len;
    pbuf_free(p);
    return ERR_OK;
}

err_t sent(void* argument, tcp_pcb*, u16_t) {
    const auto index = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(argument) - 1);
    pump(index);
    return ERR_OK;
}

void failed(void* argument, err_t error) {
    live_of(argument).pcb = nullptr;
    socket_of(argument).ended = true;
    if (error != ERR_CLSD) socket_of(argument).reset = true;
}

void set_callbacks(tcp_pcb* pcb, unsigned index) {
    tcp_arg(pcb, argument_of(index));
    tcp_recv(pcb, received);
    tcp_sent(pcb, sent);
    tcp_err(pcb, failed);
}

void begins(tcp_pcb* pcb, unsigned index) {
    Durable::Socket& socket = durable->sockets[index];
    socket.known = true;
    socket.out_first = pcb->snd_lbb;
    socket.in_first = pcb->rcv_nxt;
    socket.port = pcb->remote_port;
}

err_t accepted(void*, tcp_pcb* pcb, err_t) {
    const unsigned index = new_socket(Durable::Kind::stream);
    live[index].pcb = pcb;
    set_callbacks(pcb, index);
    begins(pcb, index);
    durable->sockets[index].accepted = true;
    connections.set_socket(*pcb, index + 1);
    return ERR_OK;
}

err_t connected(void* argument, tcp_pcb* pcb, err_t) {
    begins(pcb, static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(argument) - 1));
    socket_of(argument).connected = true;
    return ERR_OK;
}

void refill(tcp_pcb& pcb) {
    const auto number = reinterpret_cast<std::uintptr_t>(pcb.callback_arg);
    const auto index = static_cast<unsigned>(number - 1);
    if (number == 0 || !durable->sockets[index].known) {
        (void)connections.requeue(pcb, {});
        return;
    }
    Durable::Socket& socket = durable->sockets[index];
    const std::uint32_t from = std::min(pcb.lastack - socket.out_first, socket.out);  // a FIN may be acknowledged
    std::vector<SendPiece> pieces;
    for (std::uint32_t at = from; at < socket.out;) {
        const std::uint32_t bytes = std::min<std::uint32_t>(socket.out - at, 1 + ant_lwip_random() % 6000);
        pieces.push_back({out_bytes(index) + at, bytes});
        at += bytes;
    }
    const auto taken = connections.requeue(pcb, pieces);
    if (!taken) ant::panic("requeue: error %u", static_cast<unsigned>(taken.error()));
    live[index].written = from + *taken;
    live[index].fin = pcb.state != ESTABLISHED && pcb.state != CLOSE_WAIT;
}

err_t link_output(netif*, pbuf* packet) {
    Frame frame(packet->tot_len);
    pbuf_copy_partial(packet, frame.data(), packet->tot_len, 0);
    durable->batch.push_back(std::move(frame));
    return ERR_OK;
}

err_t init_interface(netif* n) {
    n->name[0] = 'e';
    n->name[1] = 'n';
    n->mtu = 1500;
    n->hwaddr_len = sizeof node_mac;
    std::memcpy(n->hwaddr, node_mac, sizeof node_mac);
    n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    n->output = etharp_output;
    n->linkoutput = link_output;
    NETIF_SET_CHECKSUM_CTRL(n, 0);
    return ERR_OK;
}

void start_interface() {
    netif_add(&interface, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, nullptr, init_interface, ethernet_input);
    netif_set_default(&interface);
    NetRecord net;
    std::memcpy(&net, durable->net, sizeof net);
    std::memcpy(&lease, durable->lease, sizeof lease);
    if (net.ip == 0 && !durable->asks_for_address)
        net.ip = lwip_htonl(node_ip), net.netmask = lwip_htonl(0xffffff00), net.gateway = lwip_htonl(peer_ip);
    if (net.ip != 0 && (!durable->asks_for_address || lease.bound != 0)) restore_addresses(interface, net);
    netif_set_up(&interface);
    if (!durable->asks_for_address) {
        interface.flags |= NETIF_FLAG_LINK_UP;
    } else if (!restore_lease(interface, lease, durable->now_us * 1000)) {
        netif_set_link_up(&interface);
        (void)dhcp_start(&interface);
        return;
    }
    NeighbourRecord neighbour{lwip_htonl(peer_ip), {}, {}};
    std::memcpy(neighbour.mac, peer_mac, sizeof peer_mac);
    restore_neighbour(interface, neighbour);
}

ant::Records<TcpRecord> table() {
    return {reinterpret_cast<std::uint64_t>(durable->table), Connections::capacity, &durable->writing};
}

tcp_pcb* listener_of(std::uint32_t number) { return number == 0 ? nullptr : live[number - 1].pcb; }

void restore_connection(unsigned index, TcpRecord record) {
    std::uint32_t unread = 0;
    if (record.socket != 0) {
        Durable::Socket& socket = durable->sockets[record.socket - 1];
        if (socket.known && record.state != SYN_SENT) {
            const bool open = record.state == ESTABLISHED || record.state == FIN_WAIT_1 || record.state == FIN_WAIT_2;
            const std::uint32_t recorded = record.rcv_nxt - socket.in_first;
            if (open && durable->advance) {
                record.rcv_nxt = socket.in_first + socket.in;
            } else {
                if (recorded < socket.read) ant::panic("bytes that were read are not received");
                socket.in = std::min(recorded, socket.in);
            }
            if (open) socket.in_fin = false;
            unread = socket.in - socket.read;
        }
        if (record.state == SYN_SENT) socket.known = socket.connected = false;
    }
    tcp_pcb* pcb = connections.restore(index, record, unread, listener_of(record.listener));
    if (pcb == nullptr) ant::panic("a connection could not be restored");
    ++durable->restored;
    if (record.socket == 0) return;
    live[record.socket - 1].pcb = pcb;
    set_callbacks(pcb, record.socket - 1);
    if (record.state == SYN_SENT) pcb->connected = connected;
}

// A socket whose connection was not recorded yet does not exist; one whose connection has ended knows that.
void forget_unrecorded() {
    for (unsigned i = 0; i < Durable::max_sockets; ++i) {
        Durable::Socket& socket = durable->sockets[i];
        if (socket.kind != Durable::Kind::stream || live[i].pcb != nullptr || socket.ended) continue;
        if (socket.read == 0 && socket.out == 0)
            socket = {};
        else
            socket.ended = true;
    }
}

void want(unsigned index) {
    TcpRecord record;
    if (!std::exchange(left[index], false)) return;
    if (table().load(index, record) != ant::record::Found::good) ant::panic("a record is gone");
    restore_connection(index, record);
}

void want_all() {
    for (unsigned index = 0; index < Connections::capacity; ++index) want(index);
    forget_unrecorded();
}

// As the server does it: a connection is restored for its first segment; whatever is none may concern all of them.
void want_connection_of(const Frame& frame) {
    const auto name = segment_in(frame);
    bool known = false;
    table().each_unchecked([&](unsigned index, const TcpRecord& r) {
        const bool same = name && r.remote_port == name->remote_port && r.local_port == name->local_port &&
                          r.remote_ip == name->remote_ip && r.local_ip == name->local_ip;
        if (!same || name->begins || r.state == SYN_RCVD) return;
        want(index);
        known = true;
    });
    if (!known) want_all();
}

unsigned active_connections() {
    unsigned count = 0;
    for (const tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) ++count;
    return count;
}

// As the server does it. lwIP's list stays whole, and the connection is its first one.
void find_connection_of(const Frame& frame) {
    const auto name = segment_in(frame);
    const unsigned before = active_connections();
    if (!name || before < 2) return;
    const bool found = connections.expect(frame);
    if (active_connections() != before) ant::panic("a connection is lost");
    if (!found) return;
    const tcp_pcb& first = *tcp_active_pcbs;
    if (first.remote_port != name->remote_port || first.local_port != name->local_port) ant::panic("the wrong connection");
    ++durable->found_at_once;
}

void listen_again(unsigned index, std::uint8_t backlog) {
    live[index].pcb = restore_listener(0, durable->sockets[index].port, 0, backlog);
    tcp_arg(live[index].pcb, argument_of(index));
    tcp_accept(live[index].pcb, accepted);
    connections.add_listener(*live[index].pcb, index + 1);
}

}  // namespace

void node_start(Durable& d) {
    durable = &d;
    d.restored = 0;
    lwip_init();
    start_interface();
    connections.start(table(), refill);
    for (unsigned i = 0; i < Durable::max_sockets; ++i)
        if (d.sockets[i].kind == Durable::Kind::listener) listen_again(i, d.sockets[i].out);
    table().each_unchecked([](unsigned index, const TcpRecord&) { left[index] = true; });
}

void node_resume(bool driver_failed) {
    want_all();
    connections.resume(driver_failed ? Connections::Lost::by_driver : Connections::Lost::by_server);
    for (unsigned i = 0; i < Durable::max_sockets; ++i)
        if (durable->sockets[i].kind == Durable::Kind::stream) pump(i);
}

void node_input(const Frame& frame) {
    want_connection_of(frame);
    find_connection_of(frame);
    pbuf* p = pbuf_alloc(PBUF_RAW, frame.size(), PBUF_RAM);
    if (p == nullptr) ant::panic("no memory for a frame");
    pbuf_take(p, frame.data(), frame.size());
    if (interface.input(p, &interface) != ERR_OK) pbuf_free(p);
}

std::uint64_t node_run_timers() {
    sys_check_timeouts();
    const u32_t ms = sys_timeouts_sleeptime();
    return ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? 1'000'000 : ms * std::uint64_t{1000};
}

void node_commit() {
    connections.commit();
    NetRecord net{};
    save_addresses(interface, net);
    std::memcpy(durable->net, &net, sizeof net);
    lease = save_lease(interface, lease, durable->now_us * 1000);
    std::memcpy(durable->lease, &lease, sizeof lease);
}

unsigned node_listen(std::uint16_t port, std::uint8_t backlog) {
    const unsigned index = new_socket(Durable::Kind::listener);
    durable->sockets[index].port = port;
    durable->sockets[index].out = backlog;
    listen_again(index, backlog);
    return index;
}

unsigned node_connect(std::uint16_t port) {
    const unsigned index = new_socket(Durable::Kind::stream);
    tcp_pcb* pcb = tcp_new();
    durable->sockets[index].port = port;
    live[index].pcb = pcb;
    set_callbacks(pcb, index);
    if (!connections.add(*pcb, index + 1)) ant::panic("too many connections");
    const ip_addr_t ip = IPADDR4_INIT(lwip_htonl(peer_ip));
    if (tcp_connect(pcb, &ip, port, connected) != ERR_OK) ant::panic("connect");
    return index;
}

void node_write(unsigned index, std::uint32_t bytes) {
    durable->sockets[index].out += bytes;
    pump(index);
}

std::uint32_t node_read(unsigned index, std::uint32_t at_most) {
    Durable::Socket& socket = durable->sockets[index];
    const std::uint32_t count = std::min(at_most, socket.in - socket.read);
    if (count == 0) return 0;
    node_commit();  // the application sees them: they will never be received again
    socket.read += count;
    if (live[index].pcb != nullptr) {
        connections.touch(*live[index].pcb);
        connections.fetched(*live[index].pcb, count);
    }
    return count;
}

void node_card_overflowed() { connections.limit_windows(); }

void node_close(unsigned index) {
    durable->sockets[index].closed = true;
    pump(index);
}

void node_abandon(unsigned index) {
    durable->sockets[index].abandoned = true;
    node_close(index);
}

int node_state(unsigned index) { return live[index].pcb == nullptr ? -1 : live[index].pcb->state; }
unsigned node_pending(unsigned listener) { return reinterpret_cast<tcp_pcb_listen*>(live[listener].pcb)->accepts_pending; }

unsigned node_time_waits() {
    unsigned count = 0;
    for (const tcp_pcb* pcb = tcp_tw_pcbs; pcb != nullptr; pcb = pcb->next) ++count;
    return count;
}

std::uint32_t node_address() { return lwip_ntohl(netif_ip4_addr(&interface)->addr); }

unsigned node_neighbours() {
    unsigned count = 0;
    for (unsigned i = 0; i < neighbour_capacity; ++i) count += save_neighbour(i, interface).ip != 0;
    return count;
}

}  // namespace tcp_test
