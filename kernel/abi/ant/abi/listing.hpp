// Records that `list` writes into an area of the caller.
#pragma once

#include <ant/abi/syscall.hpp>

#include <cstdint>

namespace ant::abi {

enum class ListKind : std::uint32_t { processes, servers, areas, faults, history, functions, system, log, trace };

struct ProcessRecord {
    std::uint32_t pid, slot, priority, user_id;
    std::uint32_t state;  // ProcessState
    std::uint32_t private_pages, version, flags;
    std::uint64_t cpu_ns, started_ns;
    char name[name_bytes], program[name_bytes];
};
enum class ProcessState : std::uint32_t { ready, running, receiving, calling, waiting, registering, handing_over, ending };

struct ServerRecord {
    std::uint32_t slot, pid, version, replacements;
    std::uint32_t queued, current, deferred, results;
    std::uint32_t areas, area_pages, functions, controls;
    std::uint32_t state_format, device;
    std::uint64_t state_area;
    std::uint64_t calls_served;
    char name[name_bytes], program[name_bytes];
    std::uint32_t failures;                 // processes of this slot that failed
    std::uint32_t vacant;                   // 1: waits for its next process
    std::uint32_t deadline_us, probation;   // 1: on probation
    std::uint32_t quota_pages, over_quota;  // reservations refused since it started
};

struct AreaRecord {  // one per owner: slot, "core" (images, tables; control ICAs in nobody's hands), "free"
    std::uint32_t areas, pages, lent, controls;
    char owner[name_bytes];
};

struct FunctionRecord {
    std::uint32_t id, op, slot, provided;
    char name[name_bytes];
};

// FaultRecord::vector: a CPU exception below 32, or one of these.
namespace fault_vector {
inline constexpr std::uint32_t exit = 256, kill = 257;
inline constexpr std::uint32_t hang = 258;        // no return to receive within the deadline
inline constexpr std::uint32_t lost_reply = 259;  // a call that may not wait was not answered within the deadline
inline constexpr std::uint32_t panic = 260;       // it contradicted itself and said so (ant::panic)
inline constexpr std::uint32_t stopped = 261;     // process_stop_after
inline constexpr std::uint32_t runaway = 262;     // it reserved areas until its quota was used up
}  // namespace fault_vector

struct FaultRecord {
    std::uint32_t pid, slot, vector, error_code;
    std::uint64_t instruction, address, time_ns;
    std::uint64_t registers[16];  // rax rbx rcx rdx rsi rdi rbp rsp r8..r15
    std::uint32_t exit_status, calls_failed;
    char name[name_bytes], program[name_bytes];
    std::uint32_t number;  // counts all faults since boot, from 1
    std::uint32_t vacant;  // 1: the slot waits for its next process
    std::uint32_t version, calls_redelivered;
    char text[64];  // what ant::panic said
};

struct SystemRecord {
    std::uint64_t total_pages, free_pages, zeroed_pages, kernel_bytes, kernel_pool_bytes;
    std::uint64_t core_ns, idle_ns, uptime_ns, tsc_khz;
    std::uint64_t interrupts;
    std::uint64_t cr3_writes, invalidations, msr_writes, fpu_switches, device_accesses;
    std::uint64_t kernel_entry_ns;       // of the time stamp counter when the core was entered
    std::uint32_t audit_errors;          // 0: every page has one owner and every leaf entry agrees
    std::uint32_t interrupt_controller;  // 0 PIC, 1 IOAPIC
    std::uint32_t timer;                 // 0 PIT, 1 local APIC
    std::uint32_t features;              // 1 NX, 2 SMEP, 4 SMAP, 8 UMIP
    std::uint32_t damaged_images;        // programs in memory that were found changed: a device or the core wrote to them
    std::uint32_t reserved;
    std::uint64_t high_pages, high_free_pages;  // of all pages, those above 4 GiB: not for areas
    std::uint64_t kernel_constant_bytes;        // text and constants of the core
};

// What the trace buffer keeps, the oldest first; the newest `trace_records` of them.
enum class TraceKind : std::uint32_t {
    call,         // a system call: detail = its number less Syscall::first, a and b = its first two arguments
    leave,        // the core is left: pid = who runs now; a and b = rsi and rdi there (of receive: receipt and control ICA)
    interrupt,    // detail = vector
    replacement,  // detail = event 1..12 of P-time figure 5, a = slot
    failure,      // pid has failed: detail = FaultRecord::vector, a = slot
};
struct TraceRecord {
    std::uint64_t time_ns;  // since boot
    std::uint32_t pid;      // 0: nobody runs
    std::uint16_t kind;     // TraceKind
    std::uint16_t detail;
    std::uint64_t a, b;
};
inline constexpr unsigned trace_records = 16384;

}  // namespace ant::abi
