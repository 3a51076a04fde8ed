// The registers of the adapter itself: BAR 5, mapped uncached into this process. No system call per access.
#pragma once

#include "registers.hpp"

#include "drivers/disk/system_host.hpp"

namespace ahci {

class MmioBus {
public:
    static constexpr unsigned bar = 5;

    explicit MmioBus(const disk::PciDevice& device) : device_{device} {
        device_.change_command(disk::PciDevice::decode_memory, disk::PciDevice::no_interrupt);
        if (!ant::sys::device_map(bar, address)) ant::panic("the registers cannot be mapped");
    }
    [[nodiscard]] std::uint32_t read(Reg offset) const { return *at(offset); }
    void write(Reg offset, std::uint32_t value) const { *at(offset) = value; }
    void allow_memory() const { device_.change_command(disk::PciDevice::bus_master, 0); }

private:
    static constexpr std::uint64_t address = 0x1000'0000;
    static volatile std::uint32_t* at(Reg offset) { return reinterpret_cast<volatile std::uint32_t*>(address + offset); }

    disk::PciDevice device_;
};

}  // namespace ahci
