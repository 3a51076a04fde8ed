// Processes and slots: creation, exit, crash, kill. An end goes in steps, in the dying process's own time.
#pragma once

#include "objects.hpp"

#include <ant/abi/fault_listing.hpp>

namespace ant::core {

struct ProcessPlan {
    const abi::ProcessRequest* request;  // name of the slot, rights, device; for a new server also
    const char* arguments;               // request->argument_bytes, checked
    Slot* replaces;                      // not null: a new server for this slot, without a slot of its own
    unsigned priority;
};

// A process with nothing but the program in it: only complete_process and abandon_process may follow.
Result<Process*> load_process(Image& image, const char* program);
// The same in steps of a system call that asks for it: null while there is more to do.
Result<Process*> load_process_for(Process& asker, u32 image, const char* program);
void abandon_process(Process& loaded);
void abandon_load(Process& asker);
// Everything else: from here on it can be started. On failure it is abandoned.
Result<Process*> complete_process(Process& loaded, const ProcessPlan& plan);
// Starts with StartupInfo in rdi.
void start_process(Process& process);

// A fault as the arch layer saw it, or one of abi::fault_vector.
struct Fault {
    u32 vector;
    u32 error_code = 0;
    u64 address = 0;
    const char* text = "";  // what the process says of it
};
// Ends a process. Its slot ends with it: its calls are answered with an error, its areas come back; or the slot becomes
// vacant (Slot::outlives_process). The process may be the running one: then schedule() next.
void end_process(Process& process, const Fault& fault, u32 status);
// Ends a slot for good, with its process if it has one.
void end_slot(Slot& slot);
// Marks made with the number before mean nothing any more (PageInfo::kept_by).
void new_life(Slot& slot);
// From now on this process animates the slot.
void occupy(Slot& slot, Process& process);
// One step of the end; true when all is gone.
bool end_step(Process& process);

// A step of the end of some process, in the asker's own time: when it needs what that one still holds. False when there is none.
// Ends of calls may take pages from the asker and wake others: its system call ends with resume or schedule.
bool reap_step();

// After a hand-over: the old process ends, without its slot.
void retire_process(Process& process);

using abi::max_fault_records;
extern abi::FaultRecord fault_records[max_fault_records];
extern u32 fault_count;  // ever

// Startup facts that are the same for all.
struct BootFacts {
    u64 boot_tsc, tsc_khz;
    u64 boot_time_ns;
    u64 framebuffer;
    u32 framebuffer_width, framebuffer_height, framebuffer_pitch, framebuffer_bits;
    char command_line[128];
    u64 random[2];
};
extern BootFacts boot_facts;
u64 random_number();

}  // namespace ant::core
