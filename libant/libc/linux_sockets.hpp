// Numbers and structures of Linux's socket calls that its interface headers leave to the C library.
#pragma once

#include <linux/uio.h>

#include <cstddef>
#include <cstdint>

namespace ant::foreign {

namespace family {
inline constexpr std::uint16_t ipv4 = 2;
}

namespace socket_type {
inline constexpr int stream = 1, datagram = 2;
inline constexpr int mask = 0xf, non_blocking = 0x800, close_on_exec = 0x80000;
}  // namespace socket_type

namespace message {
inline constexpr int peek = 0x2, truncated = 0x20, dont_wait = 0x40, wait_all = 0x100, more = 0x8000;
}

struct MessageHeader {
    void* name;
    std::uint32_t name_bytes;
    struct iovec* vectors;
    std::size_t vector_count;
    void* control;
    std::size_t control_bytes;
    int flags;
};

struct TimeValue {
    long seconds, microseconds;
};

struct Linger {
    int on, seconds;
};

}  // namespace ant::foreign
