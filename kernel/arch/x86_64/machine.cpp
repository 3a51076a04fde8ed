// kernel/core's view of this hardware: everything of machine.hpp that is not inline.
#include "machine.hpp"

#include "../../core/objects.hpp"
#include "../../core/scheduler.hpp"
#include "boot.hpp"
#include "descriptors.hpp"
#include "features.hpp"
#include "fpu.hpp"
#include "interrupt_controller.hpp"
#include "log.hpp"
#include "panic.hpp"
#include "pci.hpp"
#include "timer.hpp"

#include <cstring>

namespace ant::arch {

constinit Cpu boot_cpu{};

namespace {

constexpr core::u64 task_switched = 8;  // CR0.TS
constexpr core::u32 fs_base = 0xc000'0100;

bool fpu_open = false;  // CR0.TS is clear

void open_fpu(bool open) {
    if (open == fpu_open) return;
    fpu_open = open;
    if (open) {
        asm volatile("clts");
    } else {
        core::u64 cr0;
        asm volatile("mov %%cr0, %0" : "=r"(cr0));
        asm volatile("mov %0, %%cr0" ::"r"(cr0 | task_switched));
    }
}

void* fpu_state(const core::Process& process) { return machine::page(process.fpu_page); }

}  // namespace

bool load_fpu(core::Process& process) {
    if (!process.uses_fpu) return false;
    const bool first = process.fpu_page == core::no_page;
    if (first) process.fpu_page = core::pool.allocate_zeroed(core::PageKind::core);
    if (process.fpu_page == core::no_page) return false;
    Cpu& c = cpu();
    open_fpu(true);
    ++c.counters.fpu_switches;
    if (c.fpu_owner != nullptr) asm volatile("fxsave64 (%0)" ::"r"(fpu_state(*c.fpu_owner)) : "memory");
    if (first) {
        constexpr core::u32 default_mxcsr = 0x1f80;
        asm volatile("fninit; ldmxcsr %0" ::"m"(default_mxcsr));
        asm volatile("fxsave64 (%0)" ::"r"(fpu_state(process)) : "memory");
        // What another process left in the registers is not this one's to see.
        std::memset(static_cast<std::byte*>(fpu_state(process)) + 32, 0, 512 - 32);
    }
    asm volatile("fxrstor64 (%0)" ::"r"(fpu_state(process)) : "memory");
    c.fpu_owner = &process;
    return true;
}

}  // namespace ant::arch

namespace ant::machine {

using core::u16;
using core::u8;

constinit u64 tick_rate = 0;
u64 ticks_to_ns(u64 ticks) { return arch::timer::ticks_to_ns(ticks); }

void arm_timer(u64 deadline) { arch::timer::arm(deadline); }

void zero_page(Pfn pfn) {
    void* to = page(pfn);
    u64 words = core::page_size / 8;
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(u64{0}) : "memory");
}

void leave_space(u64 root) {
    auto& cpu = arch::cpu();
    u64 loaded;
    asm volatile("mov %%cr3, %0" : "=r"(loaded));
    if (loaded != root) return;
    load_root(arch::kernel_pml4());
    ++cpu.counters.cr3_writes;
    cpu.loaded = nullptr;
}

Leaf leaf_of(const Window& window, Pfn pfn, Pfn frame) {
    const u64 e = window.leaf(pfn);
    if (e == 0) return Leaf::none;
    const bool large = (e & arch::entry::large) != 0;
    const u64 wanted = large ? frame & ~u64{core::pages_per_large - 1} : frame;
    if ((e & arch::entry::address_mask) >> core::page_shift != wanted) return Leaf::foreign;
    return (e & arch::entry::writable) != 0 ? Leaf::read_write : Leaf::read_only;
}

void log_audit(const char* what, Pfn pfn) { arch::log("audit: %s (page %x)\n", what, pfn); }

void log_damage(const char* program) {
    arch::log("damage: the program %s in memory is not what it was; a device or the core wrote to it\n", program);
}

void log_damage(Pfn free_page) { arch::log("damage: free page %x is not zero; a device or the core wrote to it\n", free_page); }

void mask_interrupt(u8 irq) { arch::interrupts::mask(irq); }
void unmask_interrupt(u8 irq) { arch::interrupts::unmask(irq); }

void quiesce_device(u32 device) { arch::pci::quiesce(device); }
void allow_device_interrupt(u32 device) { arch::pci::allow_interrupt(device); }

u8 device_interrupt(u32 device) {
    const u8 irq = arch::pci::interrupt_line(device);
    if (irq != abi::no_irq) arch::interrupts::configure_pci(irq);
    return irq;
}

abi::PortRange device_ports(u32 device, unsigned bar) {
    const auto info = arch::pci::bar(device, bar);
    if (!info.ports) return {};
    return {.first = static_cast<core::u16>(info.physical), .count = static_cast<core::u16>(info.bytes)};
}

void echo_log(bool on) { arch::log_echo(on); }

u32 copy_log(void* to, std::size_t capacity, u64 from) {
    return static_cast<u32>(arch::log_read(from, {static_cast<char*>(to), capacity}));
}

void load_thread_pointer(u64 address) {
    ++arch::cpu().counters.msr_writes;
    asm volatile("wrmsr" ::"c"(arch::fs_base), "a"(static_cast<u32>(address)), "d"(static_cast<u32>(address >> 32)));
}

void switch_special(core::Process*, core::Process& to) {
    auto& cpu = arch::cpu();
    arch::open_fpu(cpu.fpu_owner == &to);
    if (to.thread_pointer != 0) load_thread_pointer(to.thread_pointer);
    if (to.special && to.slot != nullptr && to.slot->port_ranges != 0)
        arch::set_io_ports(to.slot->id(), {to.slot->ports, to.slot->port_ranges});
    else
        arch::clear_io_ports();
    constexpr u32 open = core::Scheduler::special_open;
    core::scheduler.special = (core::scheduler.special & ~open) | (to.special ? open : 0);
}

void forget_special(core::Process& process) {
    auto& cpu = arch::cpu();
    if (cpu.fpu_owner == &process) cpu.fpu_owner = nullptr;
    if (cpu.current != &process || !process.special) return;
    arch::open_fpu(false);
    arch::clear_io_ports();
}

u64 hardware_random() {
    constexpr u32 rdrand_bit = 1u << 30;
    u32 a = 1, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    u64 value = now();
    if ((c & rdrand_bit) != 0) asm volatile("rdrand %0" : "=r"(value) : : "cc");
    return value;
}

}  // namespace ant::machine

namespace ant::core {

void contradiction(const char* what) { arch::panic("%s", what); }

}  // namespace ant::core
