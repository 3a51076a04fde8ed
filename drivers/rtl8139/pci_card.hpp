// The card on the PCI bus, before its registers are mapped.
#pragma once

#include <ant/syscalls.hpp>

#include <cstdint>

namespace rtl8139 {

inline constexpr std::uint32_t pci_identity = 0x8139'10ec;  // device << 16 | vendor

class PciCard {
public:
    explicit PciCard(std::uint32_t device) : device_{device} {}

    // nullptr, or what is wrong.
    [[nodiscard]] const char* problem() const {
        if (device_ == ant::abi::no_device) return "no card";
        if (read(identity) != pci_identity) return "the device is not an RTL8139";
        const std::uint32_t memory_bar = read(bar_1);
        if ((memory_bar & bar_is_ports) != 0 || (memory_bar & bar_address) == 0) return "the card has no memory window";
        return nullptr;
    }
    void enable_registers() const { change_command(memory_enable, 0); }
    // The chip may reach memory from now on: it has to be reset before, lest it goes on with what it was doing.
    void enable_bus_master() const { change_command(master_enable, interrupt_disable); }
    [[nodiscard]] unsigned revision() const { return read(class_revision) & 0xff; }
    [[nodiscard]] unsigned bus() const { return device_ >> 8; }
    [[nodiscard]] unsigned slot() const { return device_ >> 3 & 0x1f; }
    [[nodiscard]] unsigned function() const { return device_ & 7; }

private:
    static constexpr std::uint32_t identity = 0x00, command = 0x04, class_revision = 0x08, bar_1 = 0x14;
    static constexpr std::uint32_t memory_enable = 1 << 1, master_enable = 1 << 2, interrupt_disable = 1 << 10;
    static constexpr std::uint32_t command_mask = 0xffff;  // the upper half is status: ones written there clear it
    static constexpr std::uint32_t bar_is_ports = 1, bar_address = ~std::uint32_t{0xf};

    void change_command(std::uint32_t set, std::uint32_t clear) const {
        const std::uint32_t old = read(command) & command_mask;
        (void)ant::sys::pci_write(device_, command, (old | set) & ~clear);
    }
    [[nodiscard]] std::uint32_t read(std::uint32_t reg) const {
        return static_cast<std::uint32_t>(ant::sys::pci_read(device_, reg).value_or(~std::uint64_t{0}));
    }

    std::uint32_t device_;
};

}  // namespace rtl8139
