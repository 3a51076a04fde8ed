// I/O APICs, for the legacy lines 0..15 only.
#pragma once

#include "acpi.hpp"

#include <cstdint>

namespace ant::arch::io_apic {

// Maps them and masks every input. False if there is none.
bool init(const AcpiInfo& info, std::uint8_t first_vector, std::uint32_t destination);
void mask(unsigned irq);
void unmask(unsigned irq);
void set_level_active_low(unsigned irq);

}  // namespace ant::arch::io_apic
