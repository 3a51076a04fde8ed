#include "trace.hpp"

#include "../syscall/syscalls.hpp"
#include "lifecycle.hpp"
#include "objects.hpp"

namespace ant::core {

extern "C" {
constinit u32 syscall_limit = syscall_count;
}
constinit Trace trace = {};

namespace {

constexpr std::size_t buffer_pages = abi::trace_records * sizeof(abi::TraceRecord) / page_size;
static_assert(buffer_pages * page_size == abi::trace_records * sizeof(abi::TraceRecord));
constinit Pfn buffer = no_page;

}  // namespace

Result<> trace_begin() {
    if (buffer == no_page) {
        buffer = pool.allocate(buffer_pages, PageKind::core);
        if (buffer == no_page) return Failure(Error::no_memory);
        trace.records = static_cast<abi::TraceRecord*>(machine::page(buffer));
    }
    trace.count = 0;
    trace.on = true;
    syscall_limit = 0;
    return {};
}

void trace_end() {
    trace.on = false;
    syscall_limit = syscall_count;
}

void trace_forget() {
    trace_end();
    trace.count = 0;
    trace.records = nullptr;
    if (buffer != no_page) pool.release(buffer, buffer_pages);
    buffer = no_page;
}

u32 trace_kept() { return static_cast<u32>(trace.count < abi::trace_records ? trace.count : abi::trace_records); }

const abi::TraceRecord& traced(u32 n) { return trace.records[(trace.count - trace_kept() + n) % abi::trace_records]; }

void trace_add(abi::TraceKind kind, u32 pid, u32 detail, u64 a, u64 b) {
    trace.records[trace.count++ % abi::trace_records] = {
        machine::ticks_to_ns(machine::now() - boot_facts.boot_tsc), pid, static_cast<u16>(kind), static_cast<u16>(detail), a, b};
}

// Called by entry.S around the handler of a system call.
extern "C" void trace_call(u64 number, u64 a, u64 b) {
    trace_event(abi::TraceKind::call, arch::cpu().current->pid, static_cast<u32>(number), a, b);
}
extern "C" void trace_leave(const Process* process) {
    trace_event(abi::TraceKind::leave, process->pid, 0, process->context.rsi, process->context.rdi);
}

}  // namespace ant::core
