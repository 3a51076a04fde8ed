#include "local_apic.hpp"

#include "boot.hpp"
#include "features.hpp"
#include "instructions.hpp"
#include "interrupt_controller.hpp"

namespace ant::arch::local_apic {

namespace {

// Intel SDM volume 3, table 11-1.
enum class Register : std::uint32_t {
    id = 0x20,
    task_priority = 0x80,
    end_of_interrupt = 0xb0,
    spurious = 0xf0,
    lvt_timer = 0x320,
    lvt_lint0 = 0x350,
    lvt_lint1 = 0x360,
    lvt_error = 0x370,
    timer_initial = 0x380,
    timer_current = 0x390,
    timer_divide = 0x3e0,
};

constexpr std::uint32_t masked = 1 << 16;
constexpr std::uint32_t deliver_nmi = 4 << 8;
constexpr std::uint32_t deliver_external = 7 << 8;
constexpr std::uint32_t software_enable = 1 << 8;
constexpr std::uint32_t divide_by_1 = 0xb;

constexpr std::uint64_t base_x2apic = 1 << 10;
constexpr std::uint64_t base_enable = 1 << 11;
constexpr std::uint64_t base_address = 0x000f'ffff'ffff'f000;

constinit volatile std::uint32_t* registers = nullptr;

void write(Register number, std::uint32_t value) {
    ++device_accesses;
    registers[static_cast<std::uint32_t>(number) / 4] = value;
}
std::uint32_t read(Register number) {
    ++device_accesses;
    return registers[static_cast<std::uint32_t>(number) / 4];
}

// The page of registers exists in xAPIC mode only.
std::uint64_t enable_hardware() {
    std::uint64_t base = read_msr(msr::apic_base);
    if ((base & base_x2apic) != 0) {
        base &= ~(base_x2apic | base_enable);
        write_msr(msr::apic_base, base);
    }
    if ((base & base_enable) == 0) write_msr(msr::apic_base, base |= base_enable);
    return base & base_address;
}

}  // namespace

bool init(bool virtual_wire) {
    if (!features().apic) return false;
    const std::uint64_t physical = enable_hardware();
    registers = static_cast<volatile std::uint32_t*>(map_device(physical, 4096));
    if (registers == nullptr) return false;
    write(Register::task_priority, 0);
    write(Register::lvt_timer, masked | interrupts::timer_vector);
    write(Register::lvt_error, masked | interrupts::spurious_vector);
    write(Register::lvt_lint0, virtual_wire ? deliver_external : masked | deliver_external);
    write(Register::lvt_lint1, deliver_nmi);
    write(Register::spurious, software_enable | interrupts::spurious_vector);
    write(Register::timer_divide, divide_by_1);
    write(Register::timer_initial, 0);
    return true;
}

bool present() { return registers != nullptr; }

std::uint32_t id() { return read(Register::id) >> 24; }

void acknowledge() { write(Register::end_of_interrupt, 0); }

void start_timer(std::uint32_t count) { write(Register::timer_initial, count); }

std::uint32_t timer_count() { return read(Register::timer_current); }

void mask_timer(bool mask) { write(Register::lvt_timer, (mask ? masked : 0) | interrupts::timer_vector); }

}  // namespace ant::arch::local_apic
