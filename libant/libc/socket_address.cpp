#include "socket_address.hpp"

#include <linux/in.h>

#include "linux_sockets.hpp"

namespace ant::foreign {

namespace {

// Network byte order is the other one on this machine, in both directions.
constexpr std::uint16_t swapped(std::uint16_t n) { return __builtin_bswap16(n); }
constexpr std::uint32_t swapped(std::uint32_t n) { return __builtin_bswap32(n); }

}  // namespace

Answer read_address(const void* address, std::size_t bytes, inet::Address& result) {
    struct sockaddr_in in;
    if (address == nullptr) return -EFAULT;
    if (bytes < sizeof in) return -EINVAL;
    __builtin_memcpy(&in, address, sizeof in);
    if (in.sin_family != family::ipv4) return -EAFNOSUPPORT;
    result = {swapped(in.sin_addr.s_addr), swapped(in.sin_port), 0};
    return 0;
}

void write_address(inet::Address source, void* address, std::uint32_t* bytes) {
    if (address == nullptr || bytes == nullptr) return;
    struct sockaddr_in in {};
    in.sin_family = family::ipv4;
    in.sin_port = swapped(source.port);
    in.sin_addr.s_addr = swapped(source.ip);
    __builtin_memcpy(address, &in, *bytes < sizeof in ? *bytes : sizeof in);
    *bytes = sizeof in;
}

}  // namespace ant::foreign
