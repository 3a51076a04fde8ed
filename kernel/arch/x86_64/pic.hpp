// The pair of 8259 interrupt controllers.
#pragma once

#include <cstdint>

namespace ant::arch::pic {

// Lines 0..15 become vectors first_vector + line, all masked.
void init(std::uint8_t first_vector);
void mask(unsigned line);
void unmask(unsigned line);
void acknowledge(unsigned line);
bool spurious(unsigned line);
void set_level_triggered(unsigned line);

}  // namespace ant::arch::pic
