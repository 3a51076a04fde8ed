// OS server for one SATA adapter in AHCI mode ("disk", "disk.1", ...), of any maker.
#include "controller.hpp"
#include "mmio_bus.hpp"

#include "drivers/disk/program.hpp"

#include <ant/abi/manifest.hpp>

ANT_MANIFEST(.version = 1, .name = "ahci", .priority = ant::abi::priority::driver, .state_writes = disk::state_format,
             .state_reads = 1 << 0 | 1 << disk::state_format, .deadline_us = 100'000, .quota_pages = 32768, .restart = 1,
             .callees = "guardian console", .pci_class = 0x01'06'01);

namespace ahci {
namespace {

class Hardware {
public:
    using Controller = ahci::Controller<MmioBus, disk::SystemHost>;
    static constexpr std::uint32_t layout = 0x41'02;  // 'A', and a number

    static const char* problem(const disk::PciDevice& device) {
        if (!device.present()) return "no SATA adapter";
        const std::uint32_t registers = device.bar(MmioBus::bar);
        if ((registers & 1) != 0 || (registers & ~std::uint32_t{0xf}) == 0) return "the SATA adapter has no registers in memory";
        return nullptr;
    }
    explicit Hardware(const disk::PciDevice& device) : bus_{device} {}
    void connect(State& state, ant::block::Statistics& statistics) { controller_.emplace(bus_, host_, state, statistics); }
    Controller& controller() { return *controller_; }

private:
    MmioBus bus_;
    disk::SystemHost host_;
    std::optional<Controller> controller_;
};

}  // namespace
}  // namespace ahci

int main() {
    disk::Program<ahci::Hardware>::run();
    return 1;
}
