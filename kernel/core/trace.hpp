// The trace buffer: what happened in the core, with time stamps (ListKind::trace).
//
// Off, it costs the call path nothing: entry.S compares the number of a system call with `syscall_limit`, which is 0
// while tracing is on, so that every call then takes the way of the unusual ones.
#pragma once

#include "types.hpp"

namespace ant::core {

// Calls with a lower number, counted from Syscall::first, go straight to their handler.
extern "C" u32 syscall_limit;

struct Trace {
    abi::TraceRecord* records = nullptr;  // a ring of abi::trace_records, or none
    u64 count = 0;                        // of all, since it was switched on
    bool on = false;
};
extern Trace trace;

// no_memory: there is no room for the buffer.
Result<> trace_begin();
void trace_end();
void trace_forget();
[[nodiscard]] u32 trace_kept();
// The n-th of those kept, the oldest first.
[[nodiscard]] const abi::TraceRecord& traced(u32 n);

void trace_add(abi::TraceKind kind, u32 pid, u32 detail, u64 a, u64 b);
inline void trace_event(abi::TraceKind kind, u32 pid, u32 detail, u64 a = 0, u64 b = 0) {
    if (trace.on) [[unlikely]]
        trace_add(kind, pid, detail, a, b);
}

}  // namespace ant::core
