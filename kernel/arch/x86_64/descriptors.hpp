// GDT, TSS with I/O permission bitmap, IDT, and the model-specific registers of SYSCALL.
#pragma once

#include <ant/abi/syscall.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ant::arch {

inline constexpr std::uint16_t kernel_code_selector = 0x08;
inline constexpr std::uint16_t kernel_data_selector = 0x10;
inline constexpr std::uint16_t user_data_selector = 0x1b;
inline constexpr std::uint16_t user_code_selector = 0x23;
inline constexpr std::uint16_t task_selector = 0x28;

// Stacks of the interrupt stack table, for the exceptions that may come at any instruction.
inline constexpr unsigned ist_nmi = 1;
inline constexpr unsigned ist_double_fault = 2;
inline constexpr unsigned ist_machine_check = 3;
inline constexpr unsigned ist_debug = 4;

inline constexpr std::size_t port_bitmap_bytes = 8192;

// The 64-bit TSS (Intel SDM volume 3, 8.7) with the bitmap behind it. One per CPU.
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved_0;
    std::uint64_t rsp[3];
    std::uint64_t reserved_1;
    std::uint64_t ist[7];  // ist[n - 1] is IST n
    std::uint64_t reserved_2;
    std::uint16_t reserved_3;
    std::uint16_t port_bitmap_base;
    std::uint8_t port_bitmap[port_bitmap_bytes + 1];  // the CPU reads one byte beyond
};
static_assert(offsetof(TaskState, port_bitmap) == 104);

extern TaskState task_state;
inline constexpr std::uint16_t ports_closed = sizeof(TaskState);

// GDT, TSS, IDT (from `interrupt_stubs`) and SYSCALL (to `syscall_entry`) of this CPU.
void load_descriptors();

// rsp on entry from user mode by interrupt or exception.
inline void set_interrupt_stack(std::uint64_t top) { task_state.rsp[0] = top; }

// The process that runs next may use exactly these ports, which never change for the same `owner`. The bitmap is kept: a
// switch back to that owner after `clear_io_ports` costs one comparison.
void set_io_ports(std::uint32_t owner, std::span<const abi::PortRange> ranges);

// No port at all: one store.
inline void clear_io_ports() { task_state.port_bitmap_base = ports_closed; }

}  // namespace ant::arch

// Written in entry.S.
// Of exceptions and interrupt lines, then of the two other vectors (entry.S).
inline constexpr unsigned line_stubs = 48, stub_bytes = 16;
extern "C" const std::uint8_t interrupt_stubs[line_stubs * stub_bytes], timer_stub[], spurious_stub[];
extern "C" void syscall_entry();
