// The first serial port, polled: for the core before a console driver exists, and for a panic.
#pragma once

#include <string_view>

namespace ant::arch::serial {

// 115200 8N1. False if no 16550 answers.
bool init();
bool present();

// Never waits without bound, whatever the port does.
void write(std::string_view text);

}  // namespace ant::arch::serial
