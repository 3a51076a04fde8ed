// The server under test: inet's protocol part over the real lwIP, with the least that stands for sockets. All
// that outlives it is in Durable, which belongs to the test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tcp_test {

using Frame = std::vector<std::uint8_t>;

// The bytes of all streams: stream s has pattern[s + i] at position i.
inline constexpr std::size_t pattern_bytes = 8 * 1024 * 1024;

struct Durable {
    static constexpr unsigned max_sockets = 160;
    static constexpr std::size_t table_bytes = std::size_t{192} * 2 * (16 + 96);

    enum class Kind : std::uint8_t { none, listener, stream };
    struct Socket {
        Kind kind = Kind::none;
        bool accepted = false;   // the application has it
        bool connected = false;  // told so
        bool closed = false;     // by the application: no more is written
        bool abandoned = false;  // and nothing more is read
        bool ended = false;      // control block gone
        bool reset = false;      // and not as it should
        bool in_fin = false;
        bool known = false;  // both first sequence numbers
        std::uint16_t port = 0;
        std::uint32_t out_first = 0, in_first = 0;
        std::uint32_t out = 0, in = 0, read = 0;  // bytes written, recorded, given to the application
    };

    alignas(8) std::byte table[table_bytes] = {};
    std::uint64_t writing = 0;
    alignas(8) std::byte net[96] = {}, lease[40] = {};
    std::uint64_t now_us = 1'000'000;
    Socket sockets[max_sockets];
    std::vector<Frame> batch;  // not committed yet, lost with the process
    std::uint8_t* pattern = nullptr;
    std::uint32_t random = 1;
    bool advance = false;  // after a crash: what was recorded beyond rcv_nxt is kept, or forgotten
    bool asks_for_address = false;
    std::uint32_t restored = 0;
    std::uint32_t found_at_once = 0;  // segments whose connection was brought to the front of lwIP's list
};

inline constexpr std::uint32_t node_ip = 0x0a00020f, peer_ip = 0x0a000202;  // host byte order
inline constexpr std::uint8_t node_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};

#define NODE_API extern "C" __attribute__((visibility("default")))

NODE_API void node_start(Durable& durable);  // fresh, or from what is in there
NODE_API void node_resume(bool driver_failed = false);
NODE_API void node_input(const Frame& frame);
NODE_API std::uint64_t node_run_timers();  // -> us until the next
NODE_API void node_commit();

NODE_API unsigned node_listen(std::uint16_t port, std::uint8_t backlog);
NODE_API unsigned node_connect(std::uint16_t port);
NODE_API void node_write(unsigned socket, std::uint32_t bytes);
NODE_API std::uint32_t node_read(unsigned socket, std::uint32_t at_most);
NODE_API void node_card_overflowed();
NODE_API void node_close(unsigned socket);    // sends no more
NODE_API void node_abandon(unsigned socket);  // and wants no more
NODE_API int node_state(unsigned socket);     // tcp_state, -1: none
NODE_API unsigned node_pending(unsigned listener);
NODE_API unsigned node_time_waits();
NODE_API std::uint32_t node_address();
NODE_API unsigned node_neighbours();

}  // namespace tcp_test
