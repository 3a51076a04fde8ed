// The core's own start: memory, tables, the first process.
#include "core/areas.hpp"
#include "core/controls.hpp"
#include "core/guardian.hpp"
#include "core/images.hpp"
#include "core/lifecycle.hpp"
#include "core/scheduler.hpp"

#include "arch/x86_64/acpi.hpp"
#include "arch/x86_64/boot.hpp"
#include "arch/x86_64/descriptors.hpp"
#include "arch/x86_64/features.hpp"
#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/interrupt_controller.hpp"
#include "arch/x86_64/log.hpp"
#include "arch/x86_64/panic.hpp"
#include "arch/x86_64/rtc.hpp"
#include "arch/x86_64/symbols.hpp"
#include "arch/x86_64/timer.hpp"

#include "boot_archive.hpp"

#include <cstring>

extern "C" [[noreturn]] void enter_first_process(ant::core::Process* process);

namespace ant::core {

namespace {

struct Range {
    u64 first, end;
};

constinit u64 core_bytes = 0;

constexpr u64 page_down(u64 a) { return a & ~u64{page_size - 1}; }
constexpr u64 page_up(u64 a) { return page_down(a + page_size - 1); }

// Calls f(first, end) for each part of the range that no `taken` one covers.
template <class F>
void outside(Range range, std::span<const Range> taken, F f) {
    if (range.first >= range.end) return;
    for (std::size_t i = 0; i < taken.size(); ++i) {
        const Range& t = taken[i];
        if (t.end <= range.first || t.first >= range.end) continue;
        outside({range.first, t.first}, taken.subspan(i + 1), f);
        outside({t.end, range.end}, taken.subspan(i + 1), f);
        return;
    }
    f(range.first, range.end);
}

void init_memory(const arch::BootInfo& info) {
    Range taken[4] = {{page_down(info.kernel_first), page_up(info.kernel_end)},
                      {info.boot_allocated_first, info.boot_allocated_end},
                      {page_down(info.module_start), page_up(info.module_end)},
                      {0, 0}};
    const u64 pages = info.ram[info.ram_count - 1].end >> page_shift;
    const u64 bytes = page_up(pages * sizeof(PageInfo));
    u64 place = 0;  // the last: memory below 4 GiB is for devices
    for (unsigned i = 0; i < info.ram_count; ++i)
        outside({info.ram[i].first, info.ram[i].end}, taken, [&](u64 first, u64 last) {
            if (last - first >= bytes) place = first;
        });
    if (place == 0) arch::panic("not enough memory: no room for %lu page descriptors", pages);
    taken[3] = {place, place + bytes};
    auto* descriptors = static_cast<PageInfo*>(arch::direct(place));
    for (u64 i = 0; i < pages; ++i) descriptors[i] = PageInfo{};
    pool.init({descriptors, pages});
    for (unsigned i = 0; i < info.ram_count; ++i)
        outside({info.ram[i].first, info.ram[i].end}, taken,
                [](u64 a, u64 b) { pool.add(static_cast<Pfn>(a >> page_shift), (b - a) >> page_shift); });
    core_bytes = bytes + (info.boot_allocated_end - info.boot_allocated_first) + (info.kernel_end - info.kernel_first);
}

// Time of day when the core was entered; 0: not known.
u64 boot_time_ns() {
    const u64 now_ns = arch::rtc::read(arch::acpi().century_register) * 1'000'000'000;
    const u64 since = machine::ticks_to_ns(machine::now() - arch::entry_tsc);
    return now_ns > since ? now_ns - since : 0;
}

void init_objects(const arch::BootInfo& info) {
    static_assert(arch::physical_limit % (max_controls * page_size) == 0);
    // Behind the end of RAM; aligned, so that its leaf tables lie side by side.
    const auto zone = static_cast<Pfn>((pool.size() + max_controls - 1) / max_controls * max_controls);
    arch::init_paging(zone, arch::features().nx);
    init_controls(zone);
    for (u32 i = 0; i < max_slots; ++i) slots[i].index = i;
    init_lists();
    boot_facts.boot_tsc = arch::entry_tsc;
    boot_facts.tsc_khz = arch::timer::tsc_khz();
    boot_facts.boot_time_ns = boot_time_ns();
    machine::tick_rate = boot_facts.tsc_khz / 1000;
    boot_facts.framebuffer = info.framebuffer;
    boot_facts.framebuffer_width = info.framebuffer_width;
    boot_facts.framebuffer_height = info.framebuffer_height;
    boot_facts.framebuffer_pitch = info.framebuffer_pitch;
    boot_facts.framebuffer_bits = info.framebuffer_bits;
    std::memcpy(boot_facts.command_line, info.command_line, sizeof boot_facts.command_line);
    boot_facts.random[0] = machine::now();
    boot_facts.random[1] = machine::hardware_random();
}

std::span<const std::byte> boot_archive(const arch::BootInfo& info) {
    if (info.module_end <= info.module_start) return {};
    return {static_cast<const std::byte*>(arch::direct(info.module_start)), info.module_end - info.module_start};
}

// The image is a copy: the archive stays whole.
Image& guardian_image(std::span<const std::byte> archive) {
    const auto file = find_in_archive(archive, "guardian");
    if (file.empty()) arch::panic("the boot archive has no program 'guardian'");
    const std::size_t pages = page_up(file.size()) >> page_shift;
    const Pfn first = pool.allocate(pages, PageKind::image);
    if (first == no_page) arch::panic("not enough memory for the guardian's program");
    pool.zero_run(first, pages, 0, pages);
    std::memcpy(machine::page(first), file.data(), file.size());
    const auto layout = parse_image(file);
    if (!layout) arch::panic("the guardian's program is not a valid image");
    Image& image = images[0];
    set_up_image(image, first, static_cast<u32>(pages), *layout, false);
    return image;
}

Process& create_guardian(const arch::BootInfo& info) {
    const auto archive = boot_archive(info);
    if (archive.empty()) arch::panic("no boot archive: GRUB must load it as a module");
    abi::ProcessRequest request{};
    request.priority = abi::priority::guardian;
    request.privileges = ~u32{0};
    request.flags = abi::process_flag::restart;
    request.version = abi::guardian_program::version;
    request.deadline_us = abi::guardian_program::deadline_us;
    request.device = abi::no_device;
    request.irq[0] = request.irq[1] = abi::no_irq;
    request.quota_pages = request.quota_calls = ~u32{0};
    request.argc = 1;
    request.argument_bytes = sizeof "guardian";
    copy_name(request.name, "guardian");
    copy_name(request.program, "guardian");
    copy_name(request.callees[0], "*");
    const Pfn first = static_cast<Pfn>(info.module_start >> page_shift);
    const std::size_t pages = (page_up(info.module_end) - page_down(info.module_start)) >> page_shift;
    pool.adopt(first, pages, PageKind::area);
    set_boot_archive(first, archive.size());
    Image& image = guardian_image(archive);
    const auto loaded = load_process(image, "guardian");
    if (!loaded) arch::panic("the guardian could not be loaded: %s", error_text(loaded.error()));
    const auto created = complete_process(**loaded, {&request, "guardian", nullptr, request.priority});
    if (!created) arch::panic("the guardian could not be created: %s", error_text(created.error()));
    if (!adopt_guardian(**created, image)) arch::panic("not enough memory to map the boot archive");
    return **created;
}

}  // namespace

}  // namespace ant::core

extern "C" const std::uint8_t kernel_constant_bytes[];  // the linker's: the number is its address

namespace ant::machine {

void describe(abi::SystemRecord& record) {
    record.kernel_bytes = core::core_bytes;
    record.kernel_constant_bytes = reinterpret_cast<u64>(kernel_constant_bytes);
    for (core::Pfn p = 0; p < core::pool.size(); ++p) {
        const auto kind = core::pool[p].kind;
        if (kind == core::PageKind::table || kind == core::PageKind::core) record.kernel_pool_bytes += core::page_size;
    }
    record.device_accesses = arch::device_accesses;
    record.interrupt_controller = arch::interrupts::uses_io_apic() ? 1 : 0;
    record.timer = arch::timer::uses_local_apic() ? 1 : 0;
    const auto& f = arch::features();
    record.features = (f.nx ? 1u : 0) | (f.smep ? 2u : 0) | (f.smap ? 4u : 0) | (f.umip ? 8u : 0);
}

bool is_ram(u64 physical) {
    return (physical >> core::page_shift) < core::pool.size() &&
           core::pool[static_cast<Pfn>(physical >> core::page_shift)].kind != core::PageKind::reserved;
}

}  // namespace ant::machine

[[noreturn]] void ant::arch::kernel_main(const BootInfo& info) {
    boot_cpu.stack_top = reinterpret_cast<std::uint64_t>(kernel_stack_top);
    set_interrupt_stack(boot_cpu.stack_top);
    set_symbols(core::find_in_archive(core::boot_archive(info), "symbols"));
    core::init_memory(info);
    core::init_objects(info);
    core::Process& guardian = core::create_guardian(info);
    log("AnT inner core: %lu MiB, TSC %lu MHz\n", (core::pool.total_pages() * core::page_size) >> 20, timer::tsc_khz() / 1000);
    boot_cpu.idle_ticks = 0 - machine::now();
    core::start_process(guardian);
    enter_first_process(core::schedule());
}
