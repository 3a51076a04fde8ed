#include "boot.hpp"

#include "acpi.hpp"
#include "descriptors.hpp"
#include "features.hpp"
#include "instructions.hpp"
#include "interrupt_controller.hpp"
#include "kernel_space.hpp"
#include "log.hpp"
#include "multiboot.hpp"
#include "panic.hpp"
#include "serial.hpp"
#include "text_screen.hpp"
#include "timer.hpp"

#include <cstring>

extern "C" {
using Constructor = void (*)();
extern const Constructor kernel_constructors_start[];
extern const Constructor kernel_constructors_end[];
}

namespace ant::arch {

constinit std::uint64_t device_accesses = 0;

namespace {

constinit BootInfo boot_info = {};

}  // namespace

bool boot_option(const char* option, const char** value) {
    const std::size_t length = std::strlen(option);
    const char* at = boot_info.command_line;
    while (*at != 0) {
        while (*at == ' ') ++at;
        const char* word = at;
        while (*at != 0 && *at != ' ') ++at;
        if (static_cast<std::size_t>(at - word) < length || std::memcmp(word, option, length) != 0) continue;
        if (word[length] != '=' && word + length != at) continue;
        if (value != nullptr) *value = word[length] == '=' ? word + length + 1 : word + length;
        return true;
    }
    return false;
}

extern "C" [[noreturn]] void kernel_start(std::uint32_t magic, std::uint64_t multiboot_information) {
    detect_features();
    serial::init();
    load_descriptors();  // from here on a fault in the core is reported
    for (const Constructor* constructor = kernel_constructors_start; constructor < kernel_constructors_end; ++constructor)
        (*constructor)();

    if (!read_multiboot(magic, multiboot_information, boot_info)) panic("boot: no multiboot2 boot information");
    build_kernel_space(boot_info);
    text_screen::init(boot_info);
    read_acpi(boot_info);
    interrupts::init(acpi());
    timer::init();
    kernel_main(boot_info);
}

}  // namespace ant::arch
