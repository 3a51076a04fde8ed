#include "panic.hpp"

#include "boot.hpp"
#include "instructions.hpp"
#include "log.hpp"
#include "power.hpp"
#include "serial.hpp"
#include "symbols.hpp"

#include <core/page_pool.hpp>

#include <ant/abi/listing.hpp>

#include <cstdarg>
#include <cstddef>
#include <iterator>

namespace ant::arch {

namespace {

constexpr unsigned max_trace_lines = 24;
constinit bool panicking = false;

constexpr const char* exception_names[] = {
    "divide error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack-segment fault",
    "general protection fault",
    "page fault",
    "reserved",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
    "virtualisation exception",
    "control protection exception",
};

void print_symbol(const char* label, std::uint64_t address) {
    std::uint64_t offset = 0;
    if (const std::string_view found = symbol_at(address, offset); !found.empty()) {
        char name[80] = {};
        found.copy(name, sizeof name - 1);
        log("%s %016lx %s+0x%lx\n", label, address, name, offset);
    } else {
        log("%s %016lx\n", label, address);
    }
}

// The bytes before a return address are a call: direct, or through a register or memory.
bool follows_call(std::uint64_t address) {
    const auto* code = reinterpret_cast<const std::uint8_t*>(address);
    if (code[-5] == 0xe8) return true;
    for (int length = 2; length <= 7; ++length)
        if (code[-length] == 0xff && (code[1 - length] >> 3 & 7) == 2) return true;
    return false;
}

// The kernel keeps no frame pointers: whatever on the stack looks like a return address is printed.
void print_stack(std::uint64_t stack) {
    const auto top = reinterpret_cast<std::uint64_t>(kernel_stack_top);
    const auto bottom = reinterpret_cast<std::uint64_t>(kernel_stack_bottom);
    stack = (stack + 7) & ~std::uint64_t{7};
    if (stack < bottom && stack >= bottom - 4096) {
        log("    (overflow: the stack pointer is in the guard page)\n");
        stack = bottom;
    }
    if (stack < bottom || stack > top) {
        log("    (the stack pointer %016lx is outside the kernel stack)\n", stack);
        return;
    }
    unsigned lines = 0;
    for (; stack < top && lines < max_trace_lines; stack += 8) {
        const std::uint64_t value = *reinterpret_cast<const std::uint64_t*>(stack);
        if (!in_kernel_text(value - 8) || !follows_call(value)) continue;
        print_symbol("   ", value);
        ++lines;
    }
}

// Once: a fault in here must not start over.
void begin() {
    disable_interrupts();
    if (panicking) {
        serial::write("panic: another fault while reporting\n");
        debug_exit(debug_exit_panic);
        stop_cpu();
    }
    panicking = true;
    serial::init();  // a driver may have left it in any state
    log_echo(true);
    log("\n*** panic of the inner core: ");
}

[[noreturn]] void end(std::uint64_t stack) {
    log("stack:\n");
    print_stack(stack);
    if (const std::size_t pages = core::pool.count_damaged(); pages != 0)
        log("damage: %lu free pages are not zero; a device or the core wrote to them\n", pages);
    log("*** stopped\n");
    debug_exit(debug_exit_panic);
    stop_cpu();
}

}  // namespace

const char* exception_name(std::uint64_t vector) {
    if (vector == abi::fault_vector::stopped) return "stopped as asked for";
    return vector < std::size(exception_names) ? exception_names[vector] : "unknown exception";
}

void panic(const char* format, ...) {
    begin();
    char reason[192];
    std::va_list arguments;
    va_start(arguments, format);
    format_list(reason, format, arguments);
    va_end(arguments);
    log("%s\n", reason);
    print_symbol("called from", reinterpret_cast<std::uint64_t>(__builtin_return_address(0)));
    end(reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
}

void panic_exception(const ExceptionState& state) {
    begin();
    log("%s (vector %lu, error code 0x%lx)\n", exception_name(state.vector), state.vector, state.error_code);
    print_symbol("at ", state.rip);
    log("cs  %016lx flags %016lx cr2 %016lx cr3 %016lx\n", state.cs, state.rflags, read_cr2(), read_cr3());
    log("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", state.rax, state.rbx, state.rcx, state.rdx);
    log("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", state.rsi, state.rdi, state.rbp, state.rsp);
    log("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", state.r8, state.r9, state.r10, state.r11);
    log("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", state.r12, state.r13, state.r14, state.r15);
    end(state.rsp);
}

}  // namespace ant::arch
