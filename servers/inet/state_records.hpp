// What inet keeps for the next process of its slot, in records of at most 128 bytes (docs/inet.md).
#pragma once

#include "tcp_restore.hpp"

#include <ant/records.hpp>

#include <cstdint>

namespace ant::inet_server {

namespace table {
inline constexpr std::uint16_t socket = 1, connection = 2, send = 3, net = 4, lease = 5, neighbour = 6, area = 7;
}

// What a call did, with the answer that it was or will be given: kept until the answer has left for certain.
struct Effect {
    std::uint64_t call;  // 0: none
    std::uint32_t error, value;
};

namespace socket_bit {
inline constexpr std::uint16_t non_blocking = 1, end_of_stream = 2, receive_shut = 4, send_shut = 8, fin_pending = 16;
inline constexpr std::uint16_t gone = 32;  // the connection that it had has ended
}  // namespace socket_bit

struct SocketRecord {
    std::uint32_t id, owner;
    std::uint8_t type, state;
    std::uint16_t flags;
    std::uint8_t error, ttl, so_options, backlog;
    std::uint64_t read, end;  // of what was received: next byte to be fetched; after the last one if the connection is gone
    Effect current;           // of a call that is answered when its handler returns
    Effect deferred;          // of one that was answered while it waited
    std::uint32_t local_ip, remote_ip;
    std::uint16_t local_port, remote_port;
    std::uint32_t listener, accept_order;  // not accepted yet: the listening socket
    std::uint32_t receive_limit, linger_s, reserved;
    std::uint64_t receive_timeout_us, send_timeout_us;
};
static_assert(sizeof(SocketRecord) == record::max_data);

// Bytes of a stream that were or will be sent, until all of them are acknowledged.
struct SendRecord {
    std::uint64_t address;   // of the area
    std::uint64_t position;  // in the stream, of the first byte; its low half is the sequence number
    std::uint32_t pages, offset, length;
    std::uint32_t socket;
    std::uint64_t call;    // that brought the last bytes
    std::uint32_t taken;   // and how many of its bytes have been taken
    std::uint32_t copied;  // 1: the area is inet's own, and may get more bytes
};
static_assert(sizeof(SendRecord) == 48);

// In the page of a call (ControlIca::reserved): what has to be known of it if it comes again.
struct CallNote {
    std::uint64_t call;           // to which this belongs
    std::uint64_t deadline_ns;    // until when it waits; 0: not known yet
    std::uint64_t parameters[2];  // the first ones, which a result may overwrite
    std::uint64_t done;           // 1: nothing is left to do but to answer
    std::uint64_t reserved;
};
static_assert(sizeof(CallNote) == sizeof(abi::ControlIca::reserved));

// Areas of inet itself.
struct AreaUse {
    static constexpr unsigned directory = 0;  // places of received pages
    static constexpr unsigned heap = 1;       // lwIP's
    static constexpr unsigned blocks = 2;     // for headers: the first chunk
    static constexpr unsigned count = 3;
    std::uint64_t address;
    std::uint64_t pages;
};

}  // namespace ant::inet_server
