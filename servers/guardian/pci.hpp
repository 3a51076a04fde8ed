// Enumeration of PCI functions by configuration reads.
#pragma once

#include <cstdint>

namespace ant::guardian_server {

// A PCI address as the system calls take it: bus << 8 | device << 3 | function.
constexpr std::uint32_t pci_address(unsigned bus, unsigned device, unsigned function) {
    return bus << 8 | device << 3 | function;
}

// Calls `found(address, id, class)` for each function, id = device << 16 | vendor, class = class << 16 | subclass << 8 |
// interface. `read(address, register)` reads a
// register, all ones where nobody answers. Follows bridges from bus 0, so that a machine with one bus costs few reads.
template <class Read, class Found>
class PciScan {
public:
    PciScan(Read read, Found found) : read_{read}, found_{found} {}
    void run() {
        visit(0);
        // Marking a bus makes it due; a bridge that points back finds its bus already marked.
        for (unsigned bus = 0; bus < 256; ++bus) {
            if (!due_[bus]) continue;
            due_[bus] = false;
            scan_bus(bus);
            // A bridge may lead to a bus with a smaller number than its own.
            bus = ~0u;
        }
    }

private:
    static constexpr unsigned reg_id = 0x00, reg_class = 0x08, reg_header = 0x0c, reg_buses = 0x18;
    static constexpr unsigned class_pci_bridge = 0x0604;

    void visit(unsigned bus) {
        if (seen_[bus]) return;
        seen_[bus] = true;
        due_[bus] = true;
    }
    void scan_bus(unsigned bus) {
        for (unsigned device = 0; device < 32; ++device) {
            if (!scan_function(pci_address(bus, device, 0))) continue;
            const bool multi_function = (read_(pci_address(bus, device, 0), reg_header) >> 16 & 0x80) != 0;
            for (unsigned function = 1; multi_function && function < 8; ++function)
                scan_function(pci_address(bus, device, function));
        }
    }
    bool scan_function(std::uint32_t address) {
        const std::uint32_t id = read_(address, reg_id);
        if ((id & 0xffff) == 0xffff || id == 0) return false;
        const std::uint32_t class_code = read_(address, reg_class) >> 8;
        found_(address, id, class_code);
        const unsigned header = read_(address, reg_header) >> 16 & 0x7f;
        if (header == 1 && class_code >> 8 == class_pci_bridge) visit(read_(address, reg_buses) >> 8 & 0xff);
        return true;
    }

    Read read_;
    Found found_;
    bool seen_[256] = {};
    bool due_[256] = {};
};

}  // namespace ant::guardian_server
