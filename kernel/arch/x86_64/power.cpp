// Power off and reset: what the firmware's tables say, then what usually works.
#include "acpi.hpp"
#include "boot.hpp"
#include "instructions.hpp"
#include "power.hpp"

namespace ant::arch {

namespace {

constexpr std::uint16_t sci_enable = 1 << 0;
constexpr std::uint16_t sleep_enable = 1 << 13;
constexpr std::uint16_t sleep_type_mask = 7 << 10;
constexpr unsigned patience = 1'000'000;  // polls

void wait_a_while() {
    for (unsigned i = 0; i < patience; ++i) pause();
}

void enable_acpi(const AcpiInfo& info) {
    if (info.smi_command == 0 || info.acpi_enable == 0 || (in16(info.pm1a_control) & sci_enable) != 0) return;
    out8(info.smi_command, info.acpi_enable);
    for (unsigned i = 0; i < patience && (in16(info.pm1a_control) & sci_enable) == 0; ++i) pause();
}

void sleep(std::uint16_t control, std::uint16_t type) {
    const auto rest = static_cast<std::uint16_t>(in16(control) & ~sleep_type_mask);
    out16(control, static_cast<std::uint16_t>(rest | type << 10 | sleep_enable));
}

void power_off_by_acpi(const AcpiInfo& info) {
    if (!info.has_s5 || info.pm1a_control == 0) return;
    enable_acpi(info);
    sleep(info.pm1a_control, info.sleep_type_a);
    if (info.pm1b_control != 0) sleep(info.pm1b_control, info.sleep_type_b);
    wait_a_while();
}

// Ports of the emulators' own chip sets, where tables are missing.
void power_off_emulator() {
    out16(0x604, 0x2000);
    out16(0xb004, 0x2000);
}

void reset_by_acpi(const AcpiInfo& info) {
    if (!info.has_reset) return;
    if (info.reset_space == 1) {
        out8(static_cast<std::uint16_t>(info.reset_address), info.reset_value);
    } else if (auto* address = static_cast<volatile std::uint8_t*>(map_device(info.reset_address, 1))) {
        *address = info.reset_value;
    }
    wait_a_while();
}

void reset_by_chip_set() {
    out8(0xcf9, 0x02);
    out8(0xcf9, 0x06);
    wait_a_while();
}

void reset_by_keyboard_controller() {
    for (unsigned i = 0; i < patience && (in8(0x64) & 2) != 0; ++i) pause();
    out8(0x64, 0xfe);
    wait_a_while();
}

}  // namespace

void debug_exit(unsigned status) {
    const char* value = nullptr;
    if (boot_option("debug_exit", &value) && *value == '1') out8(debug_exit_port, static_cast<std::uint8_t>(status));
}

void power_off(unsigned status) {
    disable_interrupts();
    debug_exit(status);
    power_off_by_acpi(acpi());
    power_off_emulator();
    stop_cpu();
}

void reboot() {
    disable_interrupts();
    reset_by_acpi(acpi());
    reset_by_chip_set();
    reset_by_keyboard_controller();
    // Without handlers an exception becomes a triple fault, which resets the CPU.
    const struct [[gnu::packed]] {
        std::uint16_t limit;
        std::uint64_t base;
    } no_handlers{0, 0};
    asm volatile("lidt %0; ud2" : : "m"(no_handlers));
    stop_cpu();
}

}  // namespace ant::arch
