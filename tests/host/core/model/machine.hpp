// The model of the machine that the core runs on in the host tests: the names of kernel/arch/x86_64/machine.hpp,
// with simulated RAM, page tables that check each mapping, a TLB, and a clock that the tests advance.
#pragma once

#include <kernel/arch/x86_64/context.hpp>
#include <kernel/arch/x86_64/cpu.hpp>
#include <kernel/core/types.hpp>

#include <functional>

namespace ant::machine {

using core::Pfn;
using core::u32;
using core::u64;

u64 now();
inline constexpr u64 tick_rate = 10;
inline u64 ticks_per_us() { return tick_rate; }
inline u64 ticks_to_ns(u64 ticks) { return ticks * 1000 / tick_rate; }
void arm_timer(u64 deadline);

void* page(Pfn pfn);
void zero_page(Pfn pfn);

// A slot's page tables of the ICA window. Tables come from the core's pool, as the real ones do.
class Window {
public:
    [[nodiscard]] bool create();
    [[nodiscard]] bool destroy(unsigned limit);
    [[nodiscard]] bool prepare(Pfn first, std::size_t pages);
    void map(Pfn first, std::size_t pages, bool writable);
    void unmap(Pfn first, std::size_t pages);
    // From one to the other; false, and nothing changed, when a table is not there yet.
    [[nodiscard]] static bool move(Window& from, Window& to, Pfn first, std::size_t pages);
    static u64 control_leaf(Pfn page);
    void map_control(u32 index, u64 leaf);
    void unmap_control(u32 index);
    [[nodiscard]] u64 root() const { return root_; }
    [[nodiscard]] std::size_t mapped() const;

private:
    u64 root_ = 0;
};

// A process's own page tables.
class Space {
public:
    [[nodiscard]] bool create();
    [[nodiscard]] bool destroy(unsigned limit);

    static constexpr u64 user_first = 0x10000;
    static constexpr u64 user_end = 0x0000'3fff'ffff'f000;

    [[nodiscard]] bool map(u64 address, Pfn pfn, abi::Protection protection);
    [[nodiscard]] bool map_device(u64 address, u64 physical);
    Pfn unmap(u64 address);
    void protect(u64 address, abi::Protection protection);
    [[nodiscard]] bool mapped(u64 address) const;
    [[nodiscard]] u64 translate(u64 address, bool write) const;
    void set_window(const Window* window);
    [[nodiscard]] u64 root() const { return root_; }
    [[nodiscard]] u32 tables() const;  // below the root
    void each_page(const std::function<void(Pfn)>& f) const;

private:
    u64 root_ = 0;
};

enum class Leaf { none, read_only, read_write, foreign };
Leaf leaf_of(const Window& window, Pfn pfn, Pfn frame);
void log_audit(const char* what, Pfn pfn);
void log_damage(const char* program);
void log_damage(Pfn free_page);

void mask_interrupt(core::u8 irq);
void unmask_interrupt(core::u8 irq);
core::u8 device_interrupt(u32 device);
abi::PortRange device_ports(u32 device, unsigned bar);
void quiesce_device(u32 device);
void allow_device_interrupt(u32 device);

void break_at(u64 address);
void invalidate(u64 address);
void load_root(u64 root);
struct Answer {
    u64 rax = 0, rdx = 0, rsi = 0, rdi = 0, r8 = 0, r9 = 0;
};
inline void leave(arch::UserContext& context, const Answer& answer) {
    context.rax = answer.rax;
    context.rdx = answer.rdx;
    context.rsi = answer.rsi;
    context.rdi = answer.rdi;
    context.r8 = answer.r8;
    context.r9 = answer.r9;
}
void leave_space(u64 root);

void open_interrupts();
[[noreturn]] void wait_for_interrupt();  // throws model::Idle

void describe(abi::SystemRecord& record);
void echo_log(bool on);
u32 copy_log(void* to, std::size_t capacity, u64 from);
bool is_ram(u64 physical);
u64 hardware_random();
void load_thread_pointer(u64 address);
void switch_special(core::Process* from, core::Process& to);
void forget_special(core::Process& process);

}  // namespace ant::machine
