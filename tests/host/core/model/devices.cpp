// What the system calls use of the arch layer beside the machine: nothing is there.
#include <kernel/arch/x86_64/log.hpp>
#include <kernel/arch/x86_64/pci.hpp>
#include <kernel/arch/x86_64/power.hpp>

#include <stdexcept>

namespace ant::arch {

void log(const char*, ...) {}
void power_off(unsigned) { throw std::runtime_error("power off"); }
void reboot() { throw std::runtime_error("reboot"); }

namespace pci {
std::uint32_t read(std::uint32_t, unsigned) { return ~0U; }
void write(std::uint32_t, unsigned, std::uint32_t) {}
Bar bar(std::uint32_t, unsigned) { return {}; }
}  // namespace pci

}  // namespace ant::arch
