// The registers of the adapter itself: BAR 5, mapped uncached into this process. No system call per access.
#pragma once

#include "registers.hpp"

#include "drivers/disk/system_host.hpp"

namespace ahci {

class MmioBus {
public:
    static constexpr unsigned bar = 5;

    explicit MmioBus(const disk::PciDevice& device) {
        device.change_command(disk::PciDevice::decode_memory, 0);
        if (!ant::sys::device_map(bar, page)) ant::panic("the registers cannot be mapped");
        // They need not begin at a page: 2 KiB are enough for most adapters.
        registers_ = page + (device.bar(bar) & (ant::abi::page_size - 1) & ~std::uint64_t{0xf});
    }
    [[nodiscard]] std::uint32_t read(Reg offset) const { return *at(offset); }
    void write(Reg offset, std::uint32_t value) const { *at(offset) = value; }

private:
    static constexpr std::uint64_t page = 0x1000'0000;
    [[nodiscard]] volatile std::uint32_t* at(Reg offset) const {
        return reinterpret_cast<volatile std::uint32_t*>(registers_ + offset);
    }

    std::uint64_t registers_;
};

}  // namespace ahci
