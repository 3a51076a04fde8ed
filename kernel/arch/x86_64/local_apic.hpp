// The local APIC of this CPU, used for its timer and, with I/O APICs, for interrupts.
#pragma once

#include <cstdint>

namespace ant::arch::local_apic {

// Maps and enables it; `virtual_wire`: interrupts of the 8259 pair pass through. False if the CPU has none.
bool init(bool virtual_wire);
bool present();
std::uint32_t id();
void acknowledge();

// Timer, counting down once from `count` in steps of the divided bus clock (divider 1).
void start_timer(std::uint32_t count);
std::uint32_t timer_count();
void mask_timer(bool masked);

}  // namespace ant::arch::local_apic
