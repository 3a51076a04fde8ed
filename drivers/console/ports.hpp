// I/O ports. Those that the manifest names are the process's own: no system call is needed.
#pragma once

#include <cstdint>

namespace ant::console {

#ifdef ANT_FAKE_CORE
// Host tests play the devices themselves.
std::uint8_t port_in(std::uint16_t port);
void port_out(std::uint16_t port, std::uint8_t value);
#else
inline std::uint8_t port_in(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline void port_out(std::uint16_t port, std::uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
#endif

inline constexpr std::uint16_t com1 = 0x3f8;
inline constexpr std::uint16_t keyboard_data = 0x60;
inline constexpr std::uint16_t keyboard_status = 0x64;  // written: command
inline constexpr std::uint16_t crt_index = 0x3d4;
inline constexpr std::uint16_t crt_data = 0x3d5;

// A device whose registers are consecutive ports.
template <std::uint16_t Base>
struct PortBus {
    std::uint8_t in(std::uint8_t reg) const { return port_in(Base + reg); }
    void out(std::uint8_t reg, std::uint8_t value) const { port_out(Base + reg, value); }
};

}  // namespace ant::console
