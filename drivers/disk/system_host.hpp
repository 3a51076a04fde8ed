// The driver's surroundings in the running system: areas, answers, time, its device on the PCI bus.
#pragma once

#include <ant/process.hpp>
#include <ant/server.hpp>

namespace disk {

struct SystemHost {
    static std::uint64_t pages_of(std::uint64_t area) {
        const auto info = ant::sys::ica_info(area);
        return info ? info->pages : 0;
    }
    static void answer(std::uint64_t control, const ant::Outcome& outcome) {
        (void)ant::Server::answer(control, outcome.error, outcome.value, outcome.data, outcome.list);
    }
    // Zeroed, physically contiguous; 0: none
    static std::uint64_t take_area(std::size_t pages) { return ant::sys::ica_reserve(pages).value_or(0); }
    static std::uint64_t now_us() { return ant::clock_us(); }
    static void pause_us(std::uint64_t us) { ant::wait_us(us); }
};

class PciDevice {
public:
    explicit PciDevice(std::uint32_t address) : address_{address} {}

    static constexpr std::uint32_t command = 0x04, class_revision = 0x08, first_bar = 0x10;
    static constexpr std::uint16_t decode_ports = 1 << 0, decode_memory = 1 << 1, bus_master = 1 << 2, no_interrupt = 1 << 10;

    [[nodiscard]] bool present() const { return address_ != ant::abi::no_device && (read(0) & 0xffff) != 0xffff; }
    [[nodiscard]] std::uint32_t read(std::uint32_t reg) const {
        return static_cast<std::uint32_t>(ant::sys::pci_read(address_, reg).value_or(~std::uint64_t{0}));
    }
    [[nodiscard]] std::uint32_t bar(unsigned index) const { return read(first_bar + 4 * index); }
    // The upper half of the register is status: ones written there would clear it.
    void change_command(std::uint16_t set, std::uint16_t clear) const {
        const std::uint32_t old = read(command) & 0xffff, now = (old | set) & ~std::uint32_t{clear};
        if (now != old) (void)ant::sys::pci_write(address_, command, now);
    }
    [[nodiscard]] unsigned bus() const { return address_ >> 8; }
    [[nodiscard]] unsigned slot() const { return address_ >> 3 & 0x1f; }
    [[nodiscard]] unsigned function() const { return address_ & 7; }

private:
    std::uint32_t address_;
};

}  // namespace disk
