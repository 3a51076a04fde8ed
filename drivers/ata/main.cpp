// Disk driver for IDE controllers with bus mastering: PIIX and whatever has its programming interface, in compatibility
// mode (the ports and interrupts of old) or native mode.
#include "controller.hpp"

#include <ant/abi/manifest.hpp>
#include <drivers/disk/program.hpp>

#include <optional>

namespace ata {
namespace {

constexpr std::uint32_t class_bus_master = 0x01'0180, class_mask = 0xff'ff80;
constexpr std::array<Ports, 2> compatible{Ports{0x1f0, 0x3f6, 0}, Ports{0x170, 0x376, 0}};

struct MachineBus {
    static std::uint8_t in8(std::uint16_t port) {
        std::uint8_t value;
        asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
        return value;
    }
    static std::uint16_t in16(std::uint16_t port) {
        std::uint16_t value;
        asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
        return value;
    }
    static void out8(std::uint16_t port, std::uint8_t value) {
        asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
    }
    static void out32(std::uint16_t port, std::uint32_t value) {
        asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
    }
};

class Hardware {
public:
    using Controller = ata::Controller<MachineBus, disk::SystemHost>;
    static constexpr std::uint32_t layout = 0x4154'4102;

    static const char* problem(const disk::PciDevice& device) {
        if (!device.present()) return "no controller";
        if ((device.read(disk::PciDevice::class_revision) >> 8 & class_mask) != class_bus_master) return "no IDE bus master";
        if (bus_master_ports(device) == 0) return "the bus master has no ports";
        return nullptr;
    }
    // Bits 0 and 2 of the interface byte: a channel is in native mode. (PCI IDE Controller Specification 1.0)
    explicit Hardware(const disk::PciDevice& device) : ports_{compatible} {
        const unsigned interface = device.read(disk::PciDevice::class_revision) >> 8 & 0xff;
        for (unsigned channel = 0; channel < 2; ++channel) {
            Ports& ports = ports_[channel];
            if ((interface >> 2 * channel & 1) != 0) {
                ports.command = ports_of(device.bar(2 * channel));
                ports.control = static_cast<std::uint16_t>(ports_of(device.bar(2 * channel + 1)) + 2);
            }
            ports.master = static_cast<std::uint16_t>(bus_master_ports(device) + 8 * channel);
        }
        device.change_command(disk::PciDevice::decode_ports, 0);
    }
    void connect(Controller::State& state, ant::block::Statistics& statistics) {
        controller_.emplace(bus_, host_, ports_, state, statistics);
    }
    Controller& controller() { return *controller_; }

private:
    static std::uint16_t ports_of(std::uint32_t bar) { return (bar & 1) != 0 ? bar & 0xfffc : 0; }
    static std::uint16_t bus_master_ports(const disk::PciDevice& device) { return ports_of(device.bar(4)); }

    std::array<Ports, 2> ports_;
    MachineBus bus_;
    disk::SystemHost host_;
    std::optional<Controller> controller_;
};

}  // namespace
}  // namespace ata

ANT_MANIFEST(.version = 1, .name = "ata", .priority = ant::abi::priority::driver, .flags = ant::abi::process_flag::device_ports,
             .state_writes = disk::state_format, .state_reads = 1 << 0 | 1 << disk::state_format, .deadline_us = 100'000,
             .quota_pages = 32768, .quota_calls = 8, .ports = {{0x1f0, 8}, {0x3f6, 1}, {0x170, 8}, {0x376, 1}}, .irq = {14, 15},
             .restart = 1, .pci_class = ata::class_bus_master, .pci_class_mask = ata::class_mask);

int main() {
    disk::Program<ata::Hardware>::run();
    return 1;
}
