// Functions of bench-peer: one end of a TCP transfer whose bytes are known.
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::bench {

struct Transfer {
    std::uint64_t seed, bytes;  // of the Stream
    std::uint32_t inet;         // 0: by way of inet, 1: of inet.1
    std::uint32_t ip;           // to send to
    std::uint16_t port, reserved[3];
};
// A time in which nothing came.
struct Pause {
    std::uint64_t begin_ns, end_ns;
};
inline constexpr std::uint64_t shortest_pause_ns = 250'000;  // that is kept
struct Received {
    std::uint64_t begin_ns, end_ns;  // accepted; last byte
    std::uint32_t correct;           // 1: every byte, and no more of them
    std::uint32_t pauses;            // in the data area
};

// Each takes as long as its end of the connection lives. An error: the connection was lost.
inline constexpr Function<Transfer> send_stream{"send_stream", 1};
// Data: one area lent_write, filled with Pauses.
inline constexpr Function<Transfer, Received> receive_stream{"receive_stream", 2, abi::function_attribute::takes_data};

}  // namespace ant::bench
