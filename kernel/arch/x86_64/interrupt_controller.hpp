// Interrupt lines 0..15 behind one interface, served by the 8259 pair or by I/O APICs.
//
// The core masks a line when it interrupts, acknowledges at once and unmasks it when the driver is
// done: that suits level-triggered shared lines (PCI) as well as edges (ISA).
#pragma once

#include "acpi.hpp"

#include <cstdint>

namespace ant::arch::interrupts {

inline constexpr unsigned first_vector = 0x20;  // vector = first_vector + irq
inline constexpr unsigned timer_vector = 0xef;  // local APIC timer
inline constexpr unsigned spurious_vector = 0xff;

void init(const AcpiInfo& info);

void mask(unsigned irq);
void unmask(unsigned irq);

// End of interrupt for a line. Not for spurious ones.
void acknowledge(unsigned irq);

// The interrupt just taken on this line was none (8259 lines 7 and 15); it is dealt with then.
bool spurious(unsigned irq);

// The line is a PCI device's: level-triggered, active low.
void configure_pci(unsigned irq);

bool uses_io_apic();

}  // namespace ant::arch::interrupts
