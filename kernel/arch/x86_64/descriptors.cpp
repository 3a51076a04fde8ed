#include "descriptors.hpp"

#include "instructions.hpp"
#include "interrupt_controller.hpp"

#include <core/interrupt_lines.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

namespace ant::arch {

// One CPU so far: descriptor tables, TSS and exception stacks are single.
alignas(4096) constinit TaskState task_state = {};

namespace {

struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t ist;
    std::uint8_t type;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr std::uint8_t interrupt_gate = 0x8e;
constexpr std::uint8_t user_interrupt_gate = 0xee;

constexpr unsigned vector_debug = 1;
constexpr unsigned vector_nmi = 2;
constexpr unsigned vector_breakpoint = 3;
constexpr unsigned vector_double_fault = 8;
constexpr unsigned vector_machine_check = 18;

// The order of the user's two is SYSRET's: data, then code.
alignas(16) constinit std::uint64_t gdt[] = {
    0,
    0x00af'9b00'0000'ffff,  // 0x08 kernel code
    0x00cf'9300'0000'ffff,  // 0x10 kernel data
    0x00cf'f300'0000'ffff,  // 0x18 user data
    0x00af'fb00'0000'ffff,  // 0x20 user code
    0,                      // 0x28 TSS, two entries
    0,
};

alignas(16) constinit std::array<Gate, 256> idt = {};

constexpr std::size_t exception_stack_bytes = 4096;
alignas(16) constinit std::uint8_t exception_stacks[4][exception_stack_bytes] = {};

void fill_gdt() {
    const auto base = reinterpret_cast<std::uint64_t>(&task_state);
    const std::uint64_t limit = sizeof(TaskState) - 1;
    gdt[5] = limit | (base & 0xff'ffff) << 16 | std::uint64_t{0x89} << 40 | (base >> 24 & 0xff) << 56;
    gdt[6] = base >> 32;
}

void fill_task_state() {
    for (unsigned i = 0; i < std::size(exception_stacks); ++i)
        task_state.ist[i] = reinterpret_cast<std::uint64_t>(exception_stacks[i] + exception_stack_bytes);
    task_state.rsp[0] = task_state.ist[ist_double_fault - 1];  // until the core sets it
    std::memset(task_state.port_bitmap, 0xff, sizeof task_state.port_bitmap);
    clear_io_ports();
}

std::uint8_t stack_of(unsigned vector) {
    switch (vector) {
        case vector_debug:
            return ist_debug;
        case vector_nmi:
            return ist_nmi;
        case vector_double_fault:
            return ist_double_fault;
        case vector_machine_check:
            return ist_machine_check;
        default:
            return 0;
    }
}

static_assert(interrupts::first_vector + core::interrupt_line_count <= line_stubs);
static_assert(interrupts::timer_vector == 0xef && interrupts::spurious_vector == 0xff);  // entry.S

const std::uint8_t* stub_of(unsigned vector) {
    if (vector < line_stubs) return interrupt_stubs + std::size_t{vector} * stub_bytes;
    return vector == interrupts::timer_vector ? timer_stub : spurious_stub;
}

void fill_idt() {
    for (unsigned vector = 0; vector < idt.size(); ++vector) {
        const auto stub = reinterpret_cast<std::uint64_t>(stub_of(vector));
        idt[vector] = {
            .offset_low = static_cast<std::uint16_t>(stub),
            .selector = kernel_code_selector,
            .ist = stack_of(vector),
            .type = vector == vector_breakpoint ? user_interrupt_gate : interrupt_gate,
            .offset_middle = static_cast<std::uint16_t>(stub >> 16),
            .offset_high = static_cast<std::uint32_t>(stub >> 32),
            .reserved = 0,
        };
    }
}

void load_tables() {
    const TablePointer gdt_pointer{sizeof gdt - 1, reinterpret_cast<std::uint64_t>(gdt)};
    const TablePointer idt_pointer{sizeof idt - 1, reinterpret_cast<std::uint64_t>(idt.data())};
    asm volatile(
        "lgdt %0\n\t"
        "pushq %2\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "lretq\n"
        "1:\n\t"
        "movl %3, %%eax\n\t"
        "movl %%eax, %%ss\n\t"
        "xorl %%eax, %%eax\n\t"
        "movl %%eax, %%ds\n\t"
        "movl %%eax, %%es\n\t"
        "lidt %1\n\t"
        "ltr %w4"
        :
        : "m"(gdt_pointer), "m"(idt_pointer), "i"(kernel_code_selector), "i"(kernel_data_selector), "r"(task_selector)
        : "rax", "memory");
}

void set_up_system_calls() {
    constexpr std::uint64_t user_base = user_data_selector - 8;                             // SYSRET adds 8 for data, 16 for code
    constexpr std::uint64_t cleared_flags = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 18;  // TF IF DF NT AC
    write_msr(msr::star, user_base << 48 | std::uint64_t{kernel_code_selector} << 32);
    write_msr(msr::lstar, reinterpret_cast<std::uint64_t>(&syscall_entry));
    write_msr(msr::cstar, 0);
    write_msr(msr::fmask, cleared_flags);
}

constexpr unsigned max_ranges = 10;
struct OpenPorts {
    std::array<abi::PortRange, max_ranges> ranges;
    std::size_t count;
    std::uint32_t owner;
};
constinit OpenPorts open = {};

unsigned end_of(const abi::PortRange& range) { return std::min(unsigned{range.first} + range.count, 0x10000U); }

void write_bits(const abi::PortRange& range, bool opened) {
    for (unsigned port = range.first; port < end_of(range); ++port) {
        const auto bit = static_cast<std::uint8_t>(1U << port % 8);
        std::uint8_t& byte = task_state.port_bitmap[port / 8];
        byte = static_cast<std::uint8_t>(opened ? byte & ~bit : byte | bit);
    }
}

}  // namespace

void load_descriptors() {
    fill_gdt();
    fill_task_state();
    fill_idt();
    load_tables();
    set_up_system_calls();
}

void set_io_ports(std::uint32_t owner, std::span<const abi::PortRange> ranges) {
    if (open.owner != owner || open.count == 0) {
        ranges = ranges.first(std::min(ranges.size(), open.ranges.size()));
        for (std::size_t i = 0; i < open.count; ++i) write_bits(open.ranges[i], false);
        for (const abi::PortRange& range : ranges) write_bits(range, true);
        std::copy(ranges.begin(), ranges.end(), open.ranges.begin());
        open.count = ranges.size();
        open.owner = owner;
    }
    task_state.port_bitmap_base = offsetof(TaskState, port_bitmap);
}

}  // namespace ant::arch
