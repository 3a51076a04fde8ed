#include "hardware.hpp"

#include <kernel/core/page_pool.hpp>

#include <cstring>
#include <stdexcept>

namespace ant::arch {
constinit Cpu boot_cpu{};
}

namespace ant::core {
void contradiction(const char* what) { throw std::logic_error(what); }
}  // namespace ant::core

namespace ant::model {

Hardware& hardware() {
    static Hardware instance;
    return instance;
}

void Hardware::reset(std::size_t pages) {
    if (pages > capacity_) {
        ram_.reset(static_cast<std::byte*>(std::aligned_alloc(core::page_size, pages * core::page_size)));
        capacity_ = pages;
    }
    constexpr int garbage = 0xa5;  // RAM is not zero at boot
    std::memset(ram_.get(), garbage, pages * core::page_size);
    pages_ = pages;
    windows_.assign(pages, {});
    spaces_.assign(pages, {});
    for (bool& line : masked) line = true;
    armed = ~u64{0};
    quiesced.clear();
    allowed.clear();
    audit_log.clear();
    damage_log.clear();
    damaged_pages.clear();
    complaints_.clear();
    control_pages.clear();
    at_open_interrupts = {};
    loaded = 0;
    stale.clear();
}

std::string Hardware::complaints() const {
    std::string all;
    for (const std::string& one : complaints_) all += one + "; ";
    return all;
}

u64 Hardware::loaded_window() {
    if (loaded == 0) return 0;
    const SpaceTables& tables = space(loaded);
    return tables.alive ? tables.window : 0;
}

bool Hardware::stale_translation() {
    if (stale.empty()) return false;
    const SpaceTables& tables = space(loaded);
    for (const Stale& s : stale) {
        Rights rights = Rights::none;
        u64 frame = 0;
        if (s.address >= abi::ica_base) {
            frame = (s.address - abi::ica_base) >> core::page_shift;
            if (tables.window != 0) rights = window(tables.window).leaves[frame];
        } else if (const auto found = tables.pages.find(s.address); found != tables.pages.end()) {
            frame = found->second.pfn;
            rights = found->second.protection == abi::Protection::read_write ? Rights::read_write : Rights::read_only;
        }
        const bool same = rights != Rights::none && frame == s.frame && (!s.writable || rights == Rights::read_write);
        if (!same) return true;
    }
    return false;
}

}  // namespace ant::model

namespace ant::machine {

using model::hardware;

u64 now() { return hardware().clock; }
void arm_timer(u64 deadline) { hardware().armed = deadline; }
void* page(Pfn pfn) {
    if (pfn >= hardware().pages()) throw std::logic_error("access behind the end of RAM");
    return hardware().ram(pfn);
}
void zero_page(Pfn pfn) { std::memset(page(pfn), 0, core::page_size); }

void log_audit(const char* what, Pfn pfn) { hardware().audit_log.push_back(std::string(what) + " " + std::to_string(pfn)); }

void log_damage(const char* program) { hardware().damage_log.push_back(program); }

void log_damage(Pfn free_page) { hardware().damaged_pages.push_back(free_page); }

void mask_interrupt(core::u8 irq) { hardware().masked[irq] = true; }
void unmask_interrupt(core::u8 irq) { hardware().masked[irq] = false; }
core::u8 device_interrupt(u32 device) { return device < 16 ? static_cast<core::u8>(device) : abi::no_irq; }
abi::PortRange device_ports(u32, unsigned bar) { return bar == 4 ? abi::PortRange{0xc040, 16} : abi::PortRange{}; }
void quiesce_device(u32 device) { hardware().quiesced.push_back(device); }
void allow_device_interrupt(u32 device) { hardware().allowed.push_back(device); }

void load_root(u64 root) {
    hardware().loaded = root;
    hardware().stale.clear();
}
void leave_space(u64 root) {
    if (hardware().loaded != root) return;
    load_root(0);
    arch::cpu().loaded = nullptr;
}
void break_at(u64 address) { hardware().breakpoint = address; }

void invalidate(u64 address) {
    std::erase_if(hardware().stale,
                  [address](const model::Stale& s) { return s.address == (address & ~u64{core::page_size - 1}); });
}

void open_interrupts() {
    if (hardware().at_open_interrupts) hardware().at_open_interrupts();
}
void wait_for_interrupt() { throw model::Idle{}; }

void describe(abi::SystemRecord&) {}
void echo_log(bool) {}
u32 copy_log(void*, std::size_t, u64) { return 0; }
bool is_ram(u64 physical) { return physical >> core::page_shift < hardware().pages(); }
u64 hardware_random() { return 4; }
void load_thread_pointer(u64) {}
void switch_special(core::Process*, core::Process&) {}
void forget_special(core::Process&) {}

}  // namespace ant::machine
