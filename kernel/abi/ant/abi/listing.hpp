// Records that `list` writes into an area of the caller.
#pragma once

#include <ant/abi/syscall.hpp>

#include <cstdint>

namespace ant::abi {

enum class ListKind : std::uint32_t { processes, servers, areas, faults, history, functions, system, log };

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
};

struct AreaRecord {  // one per owner: slot, "core" (images, tables), "free"
    std::uint32_t areas, pages, lent, controls;
    char owner[name_bytes];
};

struct FunctionRecord {
    std::uint32_t id, op, slot, provided;
    char name[name_bytes];
};

struct FaultRecord {
    std::uint32_t pid, slot, vector, error_code;  // vector 256: exit, 257: killed
    std::uint64_t instruction, address, time_ns;
    std::uint64_t registers[16];  // rax rbx rcx rdx rsi rdi rbp rsp r8..r15
    std::uint32_t exit_status, calls_failed;
    char name[name_bytes], program[name_bytes];
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
};

}  // namespace ant::abi
