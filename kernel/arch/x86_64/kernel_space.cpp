#include "kernel_space.hpp"

#include "features.hpp"
#include "instructions.hpp"
#include "panic.hpp"

#include <algorithm>
#include <cstring>

// Borders of the image, from the linker script.
extern "C" {
extern const std::uint8_t kernel_text_start[];
extern const std::uint8_t kernel_text_end[];
extern const std::uint8_t kernel_rodata_end[];
extern const std::uint8_t kernel_image_end[];
extern const std::uint8_t kernel_early_end[];
extern const std::uint8_t kernel_stack_guard[];
}

namespace ant::arch {

namespace {

constexpr std::uint64_t small_page = 4096;
constexpr std::uint64_t large_page = 2 * 1024 * 1024;
constexpr std::uint64_t identity_limit = std::uint64_t{4} << 30;  // of the early tables

namespace entry {
constexpr std::uint64_t present = 1 << 0;
constexpr std::uint64_t writable = 1 << 1;
constexpr std::uint64_t uncached = 1 << 3 | 1 << 4;
constexpr std::uint64_t large = 1 << 7;
constexpr std::uint64_t global = 1 << 8;
constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t address_mask = 0x000f'ffff'ffff'f000;
}  // namespace entry

namespace control {
constexpr std::uint64_t cr4_pge = 1 << 7;
constexpr std::uint64_t cr4_osfxsr = 1 << 9;
constexpr std::uint64_t cr4_osxmmexcpt = 1 << 10;
constexpr std::uint64_t cr4_umip = 1 << 11;
constexpr std::uint64_t cr4_smep = 1 << 20;
constexpr std::uint64_t cr4_smap = 1 << 21;
}  // namespace control

constexpr std::uint64_t device_bytes = 8 * 1024 * 1024;
constexpr std::uint64_t view_base = device_base + device_bytes;
constexpr std::uint64_t view_bytes = 1024 * 1024;

constinit std::uint64_t pml4 = 0;
constinit std::uint64_t table_base = 0;  // physical + this = where tables are mapped now
constinit std::uint64_t device_next = device_base;
constinit MemoryRange pool = {};  // memory for tables that is left

std::uint64_t image_address(const std::uint8_t* symbol) { return reinterpret_cast<std::uint64_t>(symbol) - kernel_base; }

std::uint64_t no_execute() { return features().nx ? entry::no_execute : 0; }

std::uint64_t* table_at(std::uint64_t physical) { return reinterpret_cast<std::uint64_t*>(table_base + physical); }

std::uint64_t new_table() {
    if (pool.first == pool.end) panic("boot: too few pages set aside for page tables");
    const std::uint64_t table = pool.first;
    pool.first += small_page;
    std::memset(table_at(table), 0, small_page);
    return table;
}

// The entry for `virtual_address` at `level` (1: page table ... 4: PML4), with all tables above it.
std::uint64_t& entry_for(std::uint64_t virtual_address, unsigned level) {
    std::uint64_t table = pml4;
    for (unsigned at = 4;; --at) {
        std::uint64_t& found = table_at(table)[virtual_address >> (12 + 9 * (at - 1)) & 511];
        if (at == level) return found;
        if ((found & entry::present) == 0) found = new_table() | entry::present | entry::writable;
        table = found & entry::address_mask;
    }
}

void map(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t bytes, std::uint64_t flags) {
    while (bytes > 0) {
        const bool large = bytes >= large_page && physical % large_page == 0 && virtual_address % large_page == 0;
        const std::uint64_t step = large ? large_page : small_page;
        entry_for(virtual_address, large ? 2 : 1) = physical | flags | entry::present | (large ? entry::large : 0);
        virtual_address += step;
        physical += step;
        bytes -= std::min(step, bytes);
    }
}

// Tables without pages in them, so that mapping something there later needs no memory.
void reserve_tables(std::uint64_t virtual_address, std::uint64_t bytes) {
    for (std::uint64_t offset = 0; offset < bytes; offset += large_page) entry_for(virtual_address + offset, 1);
}

// More than enough pages: what is not used stays free.
std::uint64_t table_pages_bound(const BootInfo& info) {
    std::uint64_t pages = 32;  // upper levels, image, devices
    for (unsigned i = 0; i < info.ram_count; ++i) pages += (info.ram[i].end - info.ram[i].first) / (std::uint64_t{1} << 30) + 6;
    return pages;
}

bool overlaps(const MemoryRange& range, std::uint64_t first, std::uint64_t end) { return range.first < end && first < range.end; }

// Free RAM in reach of the early tables, away from the image and the boot archive.
MemoryRange find_free(const BootInfo& info, std::uint64_t bytes) {
    const MemoryRange taken[] = {
        {image_address(kernel_text_start), image_address(kernel_early_end)},
        {info.module_start & ~(small_page - 1), (info.module_end + small_page - 1) & ~(small_page - 1)},
    };
    for (unsigned i = 0; i < info.ram_count; ++i) {
        std::uint64_t first = std::max<std::uint64_t>(info.ram[i].first, image_address(kernel_text_start));
        const std::uint64_t end = std::min(info.ram[i].end, identity_limit);
        for (unsigned round = 0; round < 2; ++round)
            for (const MemoryRange& range : taken)
                if (overlaps(range, first, first + bytes)) first = range.end;
        if (first < end && bytes <= end - first) return {first, first + bytes};
    }
    panic("boot: no memory for page tables");
}

void map_direct(std::uint64_t first, std::uint64_t end, std::uint64_t flags) {
    if (first < end) map(direct_base + first, first, end - first, flags | entry::global | no_execute());
}

// All RAM, writable, except that the image's text and constants are read-only here too.
void map_ram(const BootInfo& info) {
    const std::uint64_t fixed_first = image_address(kernel_text_start);
    const std::uint64_t fixed_end = image_address(kernel_rodata_end);
    for (unsigned i = 0; i < info.ram_count; ++i) {
        const auto [first, end] = info.ram[i];
        map_direct(first, std::min(end, fixed_first), entry::writable);
        map_direct(std::max(first, fixed_first), std::min(end, fixed_end), 0);
        map_direct(std::max(first, fixed_end), end, entry::writable);
    }
}

void map_image_part(const std::uint8_t* from, const std::uint8_t* to, std::uint64_t flags) {
    for (const std::uint8_t* page = from; page < to; page += small_page)
        entry_for(reinterpret_cast<std::uint64_t>(page), 1) = image_address(page) | flags | entry::present | entry::global;
}

void map_image() {
    map_image_part(kernel_text_start, kernel_text_end, 0);
    map_image_part(kernel_text_end, kernel_rodata_end, no_execute());
    map_image_part(kernel_rodata_end, kernel_image_end, entry::writable | no_execute());
    entry_for(reinterpret_cast<std::uint64_t>(kernel_stack_guard), 1) = 0;
}

void turn_on_protections() {
    const Features& cpu = features();
    std::uint64_t cr4 = read_cr4() | control::cr4_osfxsr | control::cr4_osxmmexcpt;
    if (cpu.pge) cr4 |= control::cr4_pge;
    if (cpu.umip) cr4 |= control::cr4_umip;
    if (cpu.smep) cr4 |= control::cr4_smep;
    if (cpu.smap) cr4 |= control::cr4_smap;
    write_cr4(cr4);
}

bool addressable(std::uint64_t physical, std::uint64_t bytes) {
    const std::uint64_t limit = std::uint64_t{1} << std::min(features().physical_bits, 52U);
    return bytes <= limit && physical <= limit - bytes;
}

}  // namespace

void build_kernel_space(BootInfo& info) {
    info.kernel_first = image_address(kernel_text_start);
    info.kernel_end = image_address(kernel_image_end);
    pool = find_free(info, table_pages_bound(info) * small_page);
    info.boot_allocated_first = pool.first;

    pml4 = new_table();
    map_ram(info);
    map_image();
    reserve_tables(device_base, device_bytes);
    reserve_tables(view_base, view_bytes);
    info.boot_allocated_end = pool.first;
    pool.end = pool.first;

    write_cr3(pml4);
    table_base = direct_base;
    turn_on_protections();
}

std::uint64_t kernel_pml4() { return pml4; }

void* map_device(std::uint64_t physical, std::size_t bytes) {
    const std::uint64_t offset = physical % small_page;
    if (bytes == 0 || bytes > device_bytes || !addressable(physical, bytes)) return nullptr;
    const std::uint64_t length = (offset + bytes + small_page - 1) & ~(small_page - 1);
    if (length > device_base + device_bytes - device_next) return nullptr;
    const std::uint64_t at = device_next;
    device_next += length;
    for (std::uint64_t page = 0; page < length; page += small_page)
        entry_for(at + page, 1) =
            (physical - offset + page) | entry::present | entry::writable | entry::uncached | entry::global | no_execute();
    return reinterpret_cast<void*>(at + offset);
}

const void* view_physical(std::uint64_t physical, std::size_t bytes) {
    const std::uint64_t offset = physical % small_page;
    if (bytes == 0 || offset + bytes > view_bytes || !addressable(physical, bytes)) return nullptr;
    for (std::uint64_t page = 0; page < offset + bytes; page += small_page) {
        entry_for(view_base + page, 1) = (physical - offset + page) | entry::present | no_execute();
        invalidate_page(view_base + page);
    }
    return reinterpret_cast<const void*>(view_base + offset);
}

}  // namespace ant::arch
