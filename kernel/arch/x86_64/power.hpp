// Power off, reset, and the emulator's exit port.
#pragma once

#include <cstdint>

namespace ant::arch {

inline constexpr std::uint16_t debug_exit_port = 0xf4;

// Ends QEMU with exit status 2 * status + 1 if the command line has debug_exit=1 and it has isa-debug-exit.
void debug_exit(unsigned status);

// What `debug_exit` gets of an orderly end (a panic: debug_exit_panic). No value is one that QEMU uses itself.
inline constexpr unsigned debug_exit_powered_off = 16;

// `status` goes to `debug_exit` first.
[[noreturn]] void power_off(unsigned status = debug_exit_powered_off);
[[noreturn]] void reboot();

}  // namespace ant::arch
