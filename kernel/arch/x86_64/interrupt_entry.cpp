// Interrupts and exceptions, behind entry.S.
#include "../../core/injection.hpp"
#include "../../core/interrupt_lines.hpp"
#include "../../core/lifecycle.hpp"
#include "../../core/scheduler.hpp"
#include "../../core/trace.hpp"

#include "fpu.hpp"
#include "instructions.hpp"
#include "interrupt_controller.hpp"
#include "log.hpp"
#include "panic.hpp"
#include "timer.hpp"

namespace ant::arch {

using core::Process;

namespace {

constexpr std::uint64_t exceptions = 32, debug = 1, non_maskable = 2, no_device_available = 7, page_fault = 14;

// As entry.S pushes it.
struct Saved {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    std::uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};

std::uint64_t fault_address() {
    std::uint64_t address;
    asm volatile("mov %%cr2, %0" : "=r"(address));
    return address;
}

// True when the running process has had its turn.
bool handle_interrupt(std::uint64_t vector) {
    ++cpu().counters.interrupts;
    const Process* running = cpu().current;
    core::trace_event(abi::TraceKind::interrupt, running != nullptr ? running->pid : 0, static_cast<core::u32>(vector));
    const bool by_apic = vector == interrupts::timer_vector;
    if (by_apic || (vector == interrupts::first_vector && !timer::uses_local_apic())) {
        timer::acknowledge();
        return core::timer_expired();
    }
    if (vector < interrupts::first_vector || vector >= interrupts::first_vector + core::interrupt_line_count) return false;
    const auto irq = static_cast<core::u8>(vector - interrupts::first_vector);
    if (interrupts::spurious(irq)) return false;
    core::interrupt_arrived(irq);  // masks the line
    interrupts::acknowledge(irq);
    return false;
}

[[noreturn]] void die(const Saved& s) {
    panic_exception({s.vector, s.error_code, s.rip, s.cs, s.rflags, s.rax, s.rbx, s.rcx, s.rdx, s.rsi, s.rdi,
                     s.rbp,    s.rsp,        s.r8,  s.r9, s.r10,    s.r11, s.r12, s.r13, s.r14, s.r15});
}

}  // namespace

namespace {

Process* after_interrupt(Process& p, std::uint64_t vector, std::uint64_t error_code) {
    if (vector >= exceptions) {
        const bool rotate = handle_interrupt(vector);
        if (p.state != Process::State::running) return core::schedule();  // its time to register was over
        if (!rotate) return core::resume(p);
        core::make_ready(p);
        return core::schedule();
    }
    if (vector == no_device_available && load_fpu(p)) return &p;
    if (const auto reached = vector == debug ? core::reached_damage(p) : core::Reached::no; reached != core::Reached::no) {
        if (reached == core::Reached::by_target) log("injection: pid %u reaches what was changed at %lx\n", p.pid, p.context.rip);
        if (p.stop_after == 0) return &p;
    }
    if (vector == debug && p.stop_after != 0) {
        if (!core::last_instruction(p)) return &p;
        vector = abi::fault_vector::stopped;
    }
    const std::uint64_t address = vector == page_fault ? fault_address() : 0;
    log("fault: %s in %s (pid %u) at %lx, address %lx, error %lx\n", exception_name(vector),
        p.slot != nullptr ? p.slot->name : p.program, p.pid, p.context.rip, address, error_code);
    core::end_process(p, {static_cast<core::u32>(vector), static_cast<core::u32>(error_code), address}, 0);
    return core::schedule();
}

}  // namespace

extern "C" Process* interrupt_from_user(std::uint64_t vector, std::uint64_t error_code) {
    Process* next = after_interrupt(*cpu().current, vector, error_code);
    core::trace_event(abi::TraceKind::leave, next->pid, 0, next->context.rsi, next->context.rdi);
    return next;
}

extern "C" void interrupt_from_kernel(Saved& saved) {
    // Some CPUs (Bochs's) raise the trap of a user's trap flag after SYSCALL, though that has cleared the flag, with the user's
    // stack pointer: so it has a stack of its own. The next one comes in user mode. Breakpoints are in programs only.
    if (saved.vector == debug) {
        saved.rflags &= ~trap_flag;
        return;
    }
    if (saved.vector < exceptions) die(saved);
    // Whoever is running has its turn checked when it goes on.
    (void)handle_interrupt(saved.vector);
}

extern "C" void interrupt_at_any_time(const Saved& saved) {
    if (saved.vector != non_maskable) die(saved);
    log("non-maskable interrupt\n");
}

}  // namespace ant::arch
