// Functions of the protocol control server ("inet", "inet.1", ...) (P-tcp 3).
// Addresses and ports are in host byte order. Sockets belong to the slot that opened them and are closed when it ends.
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::inet {

struct Address {
    std::uint32_t ip;  // 10.0.2.15 = 0x0a00020f; 0 = any
    std::uint16_t port;
    std::uint16_t reserved;
};

enum class SocketType : std::uint32_t { stream = 1, datagram = 2 };
namespace socket_flag {
inline constexpr std::uint32_t non_blocking = 1;
}
struct Socket {
    std::uint32_t type;
    std::uint32_t flags;
};
struct SocketId {
    std::uint32_t socket;
    std::uint32_t reserved;
};
struct Endpoint {  // bind, connect
    std::uint32_t socket;
    std::uint32_t reserved;
    Address address;
};
struct Listen {
    std::uint32_t socket;
    std::uint32_t backlog;
};
struct Accepted {
    std::uint32_t socket;
    std::uint32_t reserved;
    Address peer;
};

namespace message_flag {
inline constexpr std::uint32_t dont_wait = 1;  // would_block instead of waiting
inline constexpr std::uint32_t peek = 2;       // receive
inline constexpr std::uint32_t more = 4;       // send: more follows, do not push
inline constexpr std::uint32_t wait_all = 8;   // receive
inline constexpr std::uint32_t to = 16;        // send: `address` is valid (datagram)
}  // namespace message_flag

// Data: one data ICA, moved or lent_read, or none and up to inline_bytes of payload right behind this structure in
// the parameter area.
// - Lent or inline: inet copies. -> value = bytes taken; fewer than `bytes` only without waiting, or when
//   send_timeout_us has passed.
// - Moved: no copy. The area is inet's until acknowledged, then freed. Success means that *the whole range* is
//   taken, whatever the value: the answer may come straight from the NIC driver (direct return) and then counts
//   packets. Without waiting and with earlier data still unsent, or no room in inet's list of areas: value 0, and the area
//   comes back as the answer's data ICA. After any other error the area is gone. Error::server_died or restarted may be the
//   driver's: the bytes are taken and will be sent again; if it was inet's, the next call fails as well.
struct Send {
    std::uint32_t socket;
    std::uint32_t flags;
    Address address;
    std::uint32_t offset, bytes;  // of the payload inside the data ICA
};
// Data: one data ICA lent_write, filled from `offset`; or none: filled behind this structure in the parameter area,
// as far as that reaches. -> value = bytes, 0 = end of stream. Waits without limit unless receive_timeout_us is set
// (then would_block); a time-out of the call itself loses what arrives later.
struct Receive {
    std::uint32_t socket;
    std::uint32_t flags;
    Address address;  // of the reply: the sender (datagram)
    std::uint32_t offset, bytes;
};
inline constexpr std::uint32_t inline_bytes = 2048;

enum class ShutdownHow : std::uint32_t { receive = 0, send = 1, both = 2 };
struct Shutdown {
    std::uint32_t socket;
    std::uint32_t how;
};

enum class Option : std::uint32_t {
    reuse_address,
    keep_alive,
    no_delay,
    broadcast,
    receive_timeout_us,
    send_timeout_us,
    receive_buffer,
    send_buffer,
    linger_s,  // ~0 = off
    error,     // get: Error of the connection, cleared; 0 = none
    type,
    accepting,
    non_blocking,
    time_to_live,
    pending_bytes,
};
struct SocketOption {
    std::uint32_t socket;
    std::uint32_t option;
    std::uint64_t value;
};

namespace readiness {
inline constexpr std::uint16_t readable = 1, writable = 2, error = 4, hang_up = 8;
}
struct PollEntry {
    std::uint32_t socket;
    std::uint16_t wanted;
    std::uint16_t ready;
};
inline constexpr unsigned max_poll = 128;
// -> value = number of ready entries, 0 after timeout_us; an error if one of the sockets is not the caller's
struct Poll {
    std::uint64_t timeout_us;  // ~0 = for ever, 0 = at once
    std::uint32_t count;
    std::uint32_t reserved;
    PollEntry entry[max_poll];
};

struct Resolve {
    char name[256];
};
struct Resolved {
    std::uint32_t count;
    std::uint32_t ip[8];
};
struct Ping {
    std::uint32_t ip;
    std::uint16_t sequence, bytes;
    std::uint32_t timeout_us;
};
struct Pong {
    std::uint64_t round_trip_ns;
    std::uint32_t time_to_live, bytes;
};

struct Interface {  // of `interface` and the console's `net`
    char name[16];  // "rtl8139"
    std::uint8_t mac[6];
    std::uint16_t mtu;
    std::uint32_t up, link_up, dhcp;  // dhcp: 0 static, 1 asking, 2 bound
    std::uint32_t ip, netmask, gateway, dns;
    std::uint64_t received_packets, sent_packets, received_bytes, sent_bytes, dropped, errors;
    std::uint32_t connections, listeners, sockets, datagram_sockets;
    std::uint64_t retransmissions, bad_checksums;
    std::uint32_t attached, reserved;
};
struct Configure {  // static configuration; ip 0 = DHCP
    std::uint32_t ip, netmask, gateway, dns;
};
struct ConnectionRecord {
    Address local, remote;
    std::uint32_t socket, state, type, owner;  // state as lwIP's enum tcp_state
    std::uint32_t send_queued, receive_queued;
};
// Data: one data ICA lent_write, filled with ConnectionRecords. -> value = records

// From the NIC driver (P-tcp): ifattach registers the card; calling it again (a driver that was
// restarted) only updates it.
struct Attach {
    char driver[32];  // slot
    std::uint8_t mac[6];
    std::uint16_t mtu;
    std::uint32_t features;  // nic::feature
    std::uint32_t link_up;
};
// ethinput: frames received. The parameter area begins with a DataList, also if there is nothing in it; then EthernetInput, and
// `count` times Frame. A short frame lies in the parameter area as well, each other one in a data ICA of its own, moved with the
// call: they are in the list in the order of their frames. The reply moves pages back that inet no longer needs (also a
// DataList), for the driver's ring; -> value = areas given back.
struct Frame {
    std::uint16_t offset, bytes;  // in the data ICA, or in the parameter area
    std::uint32_t flags;
};
namespace frame_flag {
inline constexpr std::uint32_t ip_checksum_good = 1, transport_checksum_good = 2;
inline constexpr std::uint32_t in_parameters = 4;
}  // namespace frame_flag
inline constexpr unsigned max_frames = 32;
inline constexpr std::uint32_t short_frame = 256;
namespace input_flag {
inline constexpr std::uint32_t link_up = 1;
inline constexpr std::uint32_t overflow = 2;  // since the call before the card has had no room for frames, which are lost
}  // namespace input_flag
struct EthernetInput {
    std::uint32_t count;
    std::uint32_t flags;
};

enum class Op : std::uint16_t {
    socket = 1,
    bind,
    listen,
    connect,
    accept,
    close,
    send,
    recv,
    shutdown,
    set_option,
    get_option,
    poll,
    local_address,
    peer_address,
    resolve,
    ping,
    interface,
    configure,
    connections,
    ifattach,
    ethinput,
};
// Every call may be delivered again: what it did is on record with its answer, or doing it again changes nothing.
inline constexpr Function<Socket, SocketId> socket{"socket", static_cast<std::uint16_t>(Op::socket), call::again};
inline constexpr Function<Endpoint> bind{"bind", static_cast<std::uint16_t>(Op::bind), call::again};
inline constexpr Function<Listen> listen{"listen", static_cast<std::uint16_t>(Op::listen), call::again};
inline constexpr Function<Endpoint> connect{"connect", static_cast<std::uint16_t>(Op::connect), call::waits};
inline constexpr Function<SocketId, Accepted> accept{"accept", static_cast<std::uint16_t>(Op::accept), call::waits};
inline constexpr Function<SocketId> close{"close", static_cast<std::uint16_t>(Op::close), call::again};
inline constexpr Function<Send> send{"send", static_cast<std::uint16_t>(Op::send), call::waits | call::data};
inline constexpr Function<Receive, Receive> recv{"recv", static_cast<std::uint16_t>(Op::recv), call::waits | call::data};
inline constexpr Function<Shutdown> shutdown{"shutdown", static_cast<std::uint16_t>(Op::shutdown), call::again};
inline constexpr Function<SocketOption> set_option{"set_option", static_cast<std::uint16_t>(Op::set_option), call::again};
inline constexpr Function<SocketOption, SocketOption> get_option{"get_option", static_cast<std::uint16_t>(Op::get_option),
                                                                 call::again};
inline constexpr Function<Poll, Poll> poll{"poll", static_cast<std::uint16_t>(Op::poll), call::waits};
inline constexpr Function<SocketId, Address> local_address{"local_address", static_cast<std::uint16_t>(Op::local_address),
                                                           call::again};
inline constexpr Function<SocketId, Address> peer_address{"peer_address", static_cast<std::uint16_t>(Op::peer_address),
                                                          call::again};
inline constexpr Function<Resolve, Resolved> resolve{"resolve", static_cast<std::uint16_t>(Op::resolve), call::waits};
inline constexpr Function<Ping, Pong> ping{"ping", static_cast<std::uint16_t>(Op::ping), call::waits};
inline constexpr Function<Nothing, Interface> interface_state{"interface", static_cast<std::uint16_t>(Op::interface),
                                                              call::again};
inline constexpr Function<Configure> configure{"configure", static_cast<std::uint16_t>(Op::configure), call::again};
inline constexpr Function<Nothing> connections{"connections", static_cast<std::uint16_t>(Op::connections), call::data};
inline constexpr Function<Attach> ifattach{"ifattach", static_cast<std::uint16_t>(Op::ifattach), call::again};
inline constexpr Function<EthernetInput> ethinput{"ethinput", static_cast<std::uint16_t>(Op::ethinput), call::data};

}  // namespace ant::inet
