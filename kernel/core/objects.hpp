// The kernel objects: slots, processes, control ICAs. All come from fixed pools.
//
// A *slot* is a server as its clients know it: functions, queues, calls in work, areas and the page tables of
// the ICA window that map them, rights, device. A *process* animates a slot. Replacing a server changes the
// process behind the slot. A slot without a process is *vacant*: its process has failed, and it waits for the next.
//
// One lock (interrupts off on the one CPU) guards everything here.
#pragma once

#include "list.hpp"
#include "machine.hpp"
#include "page_pool.hpp"
#include "types.hpp"

#include <span>

namespace ant::core {

struct Replacement;

// Data ICAs that travel with one call beyond the first.
struct DataListRecord {
    u32 count;
    DataListRecord* next_free;
    struct {
        Pfn pfn;
        abi::DataMode mode;
    } entry[abi::max_data_list];
};

// One stage of a call, as the core keeps it. The copy in the page (abi::Frame) is for the server to read.
struct CallFrame {
    Slot* requester;
    u32 requester_generation;
    u32 flags;  // abi::flag
    u32 function;
    Pfn data;  // data ICA that went with the request, or no_page
    DataListRecord* list;
};

// The descriptor of a control ICA.
struct alignas(128) Control {
    enum class State : u8 {
        free,
        owned,     // by `holder`, not in a call
        queued,    // in the request queue of `holder`
        held,      // current or deferred at `holder`
        returned,  // in the result queue of `holder`
    };
    Link<Control> link;  // request queue, result queue, or list of deferred calls
    Slot* holder = nullptr;
    abi::ControlIca* page = nullptr;  // through the direct map
    u64 leaf = 0;                     // the leaf entry that maps it
    Slot* origin = nullptr;           // who reserved it, and is charged for it
    u32 origin_generation = 0;
    Slot* waiting = nullptr;  // the slot whose process waits in a synchronous request
    u64 id = 0;               // survives redelivery
    u64 deadline = 0;         // of an asynchronous call, 0 = none
    u64 address = 0;          // in the ICA window
    // What becomes of the answer to a call.
    enum class Way : u8 {
        straight,  // to the requester, who waits: all stages behind the first return directly, and nothing came with any of them
        to_relay,  // through the server that passed it on last, and nothing came with that
        other,
    };
    // Written as one word (Standing).
    alignas(8) State state = State::free;
    bool deferred = false;  // held and linked into holder->deferred
    Way way = Way::other;   // while in a call; what is not `other` is true
    u8 reserved = 0;
    u16 op = 0;    // of the newest frame's function
    u8 depth = 0;  // frames in use
    u8 reserved_too = 0;
    u32 index = 0;
    bool abandoned = false;  // its requester gave up: the late answer frees it
    u32 result_error = 0;    // returned: Error
    std::int64_t result_value = 0;
    Pfn result_data = no_page;
    DataListRecord* result_list = nullptr;
    u32 result_function = 0;
    u32 deferred_at = 0;  // Watch::looks of its holder when it was put aside
    CallFrame frames[abi::max_stages];

    // The lower half is compared at once.
    using Standing = u64;
    static constexpr unsigned op_shift = 32, depth_shift = 48;
    static constexpr Standing in_hand = static_cast<u8>(State::owned);
    [[nodiscard]] static constexpr Standing held_on(Way way) {
        return static_cast<u8>(State::held) | static_cast<u32>(way) << 16;
    }
    // Held by the first server, whose function has this number.
    [[nodiscard]] static constexpr Standing of_op(u16 op) {
        return held_on(Way::straight) | u64{op} << op_shift | u64{1} << depth_shift;
    }
    [[nodiscard]] bool stands(Standing standing) const {
        u32 now;
        __builtin_memcpy(&now, &state, sizeof now);
        return now == static_cast<u32>(standing);
    }
    // Held, and not put aside.
    [[nodiscard]] bool is_current() const {
        u16 now;
        __builtin_memcpy(&now, &state, sizeof now);
        return now == static_cast<u16>(State::held);
    }
    void set_standing(Standing standing) { __builtin_memcpy(static_cast<void*>(&state), &standing, sizeof standing); }
};
static_assert(offsetof(Control, way) == offsetof(Control, state) + 2 && offsetof(Control, op) == offsetof(Control, state) + 4 &&
              offsetof(Control, depth) == offsetof(Control, state) + 6);

// Four sums side by side, so that one need not wait for the other. Each step is reversible: no change of a single word
// is ever missed.
struct ImageHash {
    u64 lane[4] = {1, 2, 3, 4};
};

// Going through the pages of an image's segments, in steps.
struct ImageCursor {
    u32 segment = 0;
    u64 offset = 0;  // in that segment
    ImageHash hash;  // of what lies before it
};

struct Process {
    enum class State : u8 { free, loading, ready, running, receiving, calling, waiting, registering, handing_over, ending };

    arch::UserContext context;  // first: entry.S relies on it
    u64 cr3 = 0;                // 152
    u64 cpu_ticks = 0;          // 160: see cpu_ticks_of
    u64 foreign_entry = 0;      // 168: handler for system calls of another system, and its stack
    u64 foreign_stack = 0;      // 176
    u64 progress = 0;           // of a system call that goes in steps
    Slot* slot = nullptr;       // null: replaces a server and has not registered, or was replaced
    State state = State::free;
    u8 priority = 0;       // set_priority
    u8 own_priority = 0;   // what it is when it is not raised
    bool special = false;  // has FPU, thread pointer or I/O ports to switch
    bool uses_fpu = false;
    // What keeps another process from handing the CPU over to it just so: compared with the first word of Scheduler.
    alignas(8) u32 more_important = 0;  // bits of the priorities above its own
    u32 opposed_special = 1;
    void set_special(bool is) {
        special = is;
        opposed_special = is ? 3 : 1;
    }
    void set_priority(unsigned level) {
        own_priority = static_cast<u8>(level);
        raise_to(level);
    }
    void raise_to(unsigned level) {
        priority = static_cast<u8>(level);
        more_important = level >= 31 ? 0 : ~u32{0} << (level + 1);
    }
    u64 deadline = 0;  // when a time-out or wait ends, 0 = none
    u64 identity = 0;  // pid | number of the slot << 32: what a Frame says of a requester
    Link<Process> ready;
    Control* call = nullptr;  // calling: the synchronous request
    machine::Space space;
    u32 pid = 0;
    u32 flags = 0;  // abi::process_flag
    u32 version = 0;
    u32 exit_status = 0;
    u64 ticks_when_ready = ~u64{0};  // cpu_ticks when it was last looked whether it starves
    u32 periods_starved = 0;
    u32 private_pages = 0, quota_pages = 0;
    u64 started = 0;     // ticks
    u64 load_ticks = 0;  // how long its program took to load
    u64 thread_pointer = 0;
    u64 teardown_cursor = 0;  // ending: how far
    u8 teardown_stage = 0;
    Pfn fpu_page = no_page;
    Image* image = nullptr;
    ImageCursor loaded;                  // loading: how far
    Process* loads = nullptr;            // the process for which its system call under way loads a program,
    Image* completes = nullptr;          // or the image that it makes
    Replacement* replacement = nullptr;  // of which this is the new process
    u64 stop_after = 0;                  // instructions until its end (injection.hpp), 0 = not counted
    bool counts = false;                 // a call has been delivered since
    char program[abi::name_bytes] = {};
};

// What the core saw of a server with a deadline when it looked last (watch.cpp).
struct Watch {
    u32 deadline_us = 0;  // longest time between two receives; 0: nobody looks
    bool on = false;
    u8 silent = 0;      // looks in a row without a sign of life
    u32 looks = 0;      // ever, without those at which the server could not have got on
    u32 began = 0;      // `looks` when its process began to serve
    u64 last_look = 0;  // ticks
    u64 alive_at = 0;   // the last look that saw a sign of life
    u64 detection = 0;  // ticks from there until it was found to hang; 0: it was not
    u64 signs = 0;      // turns and calls served at the last look
    u64 call = 0;       // identifier of the current call then
    u64 cpu_ticks = 0;  // of the process, at the last look that counted
    struct {
        u32 count = 0;   // in a row, with the quota used up
        u32 since = 0;   // `looks` at the first of them
    } refused[2];        // reservations, by AreaKind
    u32 over_quota = 0;  // reservations refused since the process began to serve
};

// Its process writes the state format of the one before it (probation.cpp).
struct Probation {
    bool on = false;
    u64 format = 0;
    u64 until = 0;  // ticks; 0: not before there is another process
};

// What became of the last process of a slot that failed.
struct LastFailure {
    u32 vector = 0, fault = 0;  // of the FaultRecord: vector and number
    u32 pid = 0, version = 0;
    u32 calls_failed = 0, calls_redelivered = 0;
    u64 time = 0;  // ticks
    char program[abi::name_bytes] = {};
};

struct Slot {
    Process* process = nullptr;
    u32 index = 0;
    u32 generation = 0;
    bool alive = false;
    u8 priority = 0;
    u64 callees = 0;  // groups whose functions it may call
    Control* current = nullptr;
    u64 events = 0;  // and these two, for its next receive
    static constexpr u64 tell_replacement = u64{1} << 63;
    static constexpr u64 tell_again = u64{1} << 62;  // `again` is not null
    // What is due at the next receive: interrupt lines delivered (low bits), the end of a blackout.
    static constexpr u8 first_receive = 0x80, first_handler = 0x40;
    // Read as one word (busy).
    alignas(8) u32 queued = 0;
    u16 result_count = 0;
    u8 duties = 0;
    [[nodiscard]] bool busy() const {
        u64 all;
        __builtin_memcpy(&all, &queued, sizeof all);
        return (all | events) != 0;
    }
    u8 reserved = 0;
    List<Control, &Control::link> requests;
    List<Control, &Control::link> results;
    List<Control, &Control::link> deferred;
    Control* again = nullptr;  // in `deferred`: from this call on they are to be delivered again
    u32 control_count = 0, deferred_count = 0;
    machine::Window window;
    Pfn first_area = no_page;  // list through PageInfo
    u32 area_count = 0, area_pages = 0, lent_count = 0;
    u32 quota_pages = 0, quota_calls = 0;
    u32 user_id = 0, privileges = 0;
    u8 group = 0xff;  // of the functions that it provides
    u32 function_count = 0;
    Pfn state_area = no_page;
    u32 state_format = 0;
    bool state_distrusted = false;  // whoever fetches it is told so
    u32 device = abi::no_device;
    u8 irq[3] = {abi::no_irq, abi::no_irq, abi::no_irq};  // of the device, then two more
    static constexpr unsigned max_bars = 6;
    abi::PortRange ports[4 + max_bars] = {};  // granted, then of the device; used ones first
    u32 port_ranges = 0;
    u32 replacements = 0;
    u64 calls_served = 0;
    u64 turns = 0;  // taken, put aside, passed on or polled; what comes and goes without a stop counts as served only
    Watch watch;
    Replacement* replacement = nullptr;  // under way
    u32 flags = 0;                       // abi::process_flag of its processes
    u32 life = 0;                        // unique: marks what its process keeps, until it sweeps
    u64 alive_since = 0;                 // ticks; its process has it since then
    u32 controls_freed = 0;              // vacant: control ICAs looked at, whether the failed process had owned them
    u32 failures = 0;
    LastFailure failure;
    Probation probation;
    u16 argument_bytes = 0, argc = 0, envc = 0;
    char arguments[abi::max_argument_bytes] = {};  // for its next process
    Pfn teardown_area = no_page;
    char name[abi::name_bytes] = {};

    // The number that processes see: unique for a long time.
    [[nodiscard]] u32 id() const { return index | generation << 8; }
    // A process that fails leaves it vacant.
    [[nodiscard]] bool outlives_process() const { return (flags & abi::process_flag::restart) != 0 || replacement != nullptr; }
};

// The last group is no server's: it stands for the privileged functions of all.
inline constexpr u8 named_groups = max_groups - 1;
inline constexpr u64 privileged_right = u64{1} << named_groups;

struct alignas(64) Function {
    alignas(8) u32 id = 0;  // index | generation << 9; 0 = unused entry
    u32 no_flags = 0;       // read with the id: what a request without flags names
    [[nodiscard]] bool is_named(u64 function_flags) const {
        u64 name;
        __builtin_memcpy(&name, &id, sizeof name);
        return name == function_flags;
    }
    u16 op = 0;
    u8 group = 0;
    Slot* slot = nullptr;  // who provides it
    u64 open_to = 0;       // `right`, while somebody provides it
    u64 receipt = 0;       // of its requests, and how their control ICA stands then
    Control::Standing standing = 0;
    u64 right = 0;  // bit `group`, or privileged_right: as in Slot::callees
    bool takes_data = false;
    bool redeliver = false;  // safe to deliver again
    bool may_wait = false;   // may be put aside for longer than four deadlines
    u64 identity = 0;        // number of that slot | id << 32: what a Frame says of a callee
    char name[abi::name_bytes] = {};
};

extern Slot slots[max_slots];
extern Process processes[max_processes];
extern u32 processes_used;  // of these, from the first, some time: what is behind them is free
extern Control controls[max_controls];
extern Function functions[max_functions];
// The control zone: addresses of the ICA window at which there is no RAM.
extern Pfn control_zone;   // the page that would have the first of them
extern u64 control_base;   // the address
extern u32 controls_made;  // the first so many have a page; the rest have never been used
inline std::span<Control> made_controls() { return {controls, controls_made}; }

Slot* slot_by_name(const char* name);
Process* process_by_pid(u32 pid);
bool same_name(const char* a, const char* b);
void copy_name(char (&to)[abi::name_bytes], const char* from);
bool valid_name(const char (&name)[abi::name_bytes]);

}  // namespace ant::core
