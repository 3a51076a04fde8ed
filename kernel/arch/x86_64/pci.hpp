// PCI configuration space by the ports 0xcf8/0xcfc. Address: bus << 8 | device << 3 | function.
#pragma once

#include <cstdint>

namespace ant::arch::pci {

inline constexpr std::uint32_t max_address = 0xffff;

// `reg` is an offset into the 256 bytes; the low two bits are ignored. Absent functions read as all ones.
std::uint32_t read(std::uint32_t address, unsigned reg);
void write(std::uint32_t address, unsigned reg, std::uint32_t value);
bool present(std::uint32_t address);

struct Bar {
    std::uint64_t physical;  // or first port
    std::uint64_t bytes;     // 0: there is no such BAR
    bool ports;
    bool is_64;  // takes the next one as well
};

// The size is found by a probe the first time (decoding off meanwhile) and remembered, so that the
// device of a running driver is not disturbed when the next driver maps it.
Bar bar(std::uint32_t address, unsigned index);

// No more DMA, and no interrupt: nobody would make it end, and others may share the line. For a driver that died.
void quiesce(std::uint32_t address);
// The next driver is there. Bus mastering is for it to switch on.
void allow_interrupt(std::uint32_t address);

// Legacy interrupt line 0..15, or abi::no_irq.
std::uint8_t interrupt_line(std::uint32_t address);

}  // namespace ant::arch::pci
