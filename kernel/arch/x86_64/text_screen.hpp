// The VGA text screen, if the machine booted with one: early log and panic only.
#pragma once

#include "boot.hpp"

#include <string_view>

namespace ant::arch::text_screen {

void init(const BootInfo& info);
void write(std::string_view text);

}  // namespace ant::arch::text_screen
