// What the boot loader told, and the kernel's address space.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ant::arch {

// Physical memory begins at this virtual address (RAM only; devices are mapped by `map_device`).
inline constexpr std::uint64_t direct_base = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t device_base = 0xffff'8080'0000'0000;
inline constexpr std::uint64_t kernel_base = 0xffff'ffff'8000'0000;

// RAM above this would not fit into the ICA window, whose last 4 MiB are for the control zone, and is left alone.
inline constexpr std::uint64_t physical_limit = (std::uint64_t{512} << 30) - (std::uint64_t{4} << 20);

struct MemoryRange {
    std::uint64_t first;  // page aligned
    std::uint64_t end;    // page aligned, first byte behind
};

inline constexpr unsigned max_ram_ranges = 32;

// All addresses are physical. Everything is copied out of the loader's memory.
struct BootInfo {
    // Usable RAM, sorted and disjoint. Page 0 is never in it. The three ranges below are *inside* it.
    MemoryRange ram[max_ram_ranges];
    unsigned ram_count;
    std::uint64_t kernel_first, kernel_end;                  // the kernel image with its bss and stacks
    std::uint64_t module_start, module_end;                  // boot archive: exact bytes; 0, 0 if there is none
    std::uint64_t boot_allocated_first, boot_allocated_end;  // page tables made during boot, kept for ever

    // As in abi::StartupInfo: 16 bits with height 25 is VGA text; address 0 is no screen.
    std::uint64_t framebuffer;
    std::uint32_t framebuffer_width, framebuffer_height, framebuffer_pitch, framebuffer_bits;

    bool has_rsdp;
    bool uefi;
    std::uint8_t rsdp[36];  // the loader's copy; version 1 fills 20 bytes
    char command_line[128];
    char loader[32];
};

// Time stamp counter at the first instruction of the core.
extern "C" std::uint64_t entry_tsc;

// Written by the core. Called on the boot stack with interrupts off, after everything here is
// initialised: features, serial port, final page tables, GDT, TSS, IDT, ACPI, interrupt controller
// (all lines masked), timer (calibrated, disarmed).
[[noreturn]] void kernel_main(const BootInfo& info);

// The kernel's command line has the word `option` or `option=...`. `value`, if wanted, points behind the '='.
bool boot_option(const char* option, const char** value = nullptr);

// Physical address of the master PML4. Its entries 256..511 are final: each space copies them.
std::uint64_t kernel_pml4();

// RAM through the direct map.
inline void* direct(std::uint64_t physical) { return reinterpret_cast<void*>(direct_base + physical); }
inline std::uint64_t physical_of(const void* direct_pointer) {
    return reinterpret_cast<std::uint64_t>(direct_pointer) - direct_base;
}

// Maps device memory, uncached, for the core's own use and for ever. nullptr: the device area (8 MiB) is full.
void* map_device(std::uint64_t physical, std::size_t bytes);

// A look at physical memory that may lie outside the direct map (firmware tables): at most 1 MiB,
// valid until the next call. nullptr if the range is out of reach.
const void* view_physical(std::uint64_t physical, std::size_t bytes);

// The boot stack, which is the kernel stack from then on; the page below it is not mapped.
extern "C" std::uint8_t kernel_stack_bottom[];
extern "C" std::uint8_t kernel_stack_top[];

}  // namespace ant::arch
