// System calls of the inner core.
//
// Convention: number in rax; arguments in rdi, rsi, rdx, r10, r8, r9; SYSCALL. Out: rax = Error;
// results in rdx, rsi, rdi, r8, r9. The core keeps rsp and rbp; *every other register is lost*
// (cleared), so the caller saves what it needs. Flags are kept.
// A number below `first` is not AnT's: the core sends it back to the process, to the handler that
// it named with `set_foreign_handler` (see docs/calls.md), as Linux programs need.
#pragma once

#include <ant/abi/error.hpp>

#include <cstdint>

namespace ant::abi {

enum class Syscall : std::uint32_t {
    first = 0x1000,
    // Calls ------------------------------------------------------------------------------------
    // request(function | flags << 32, control, offset | bytes << 32, data, timeout_us): waits for the
    //   result. timeout_us 0 = no limit. -> rdx = value, rsi = data ICA of the result or 0. Error::timed_out
    //   with rdi = 1: the time has passed, and the control ICA is gone (the late answer frees it).
    request = 0x1000,
    // request_async(function | flags << 32, control, offset | bytes << 32, data, timeout_us): the
    //   control ICA leaves the caller; the result arrives by `receive`.
    request_async,
    // receive(timeout_us): 0 = no limit, ~0 = poll. -> rsi = Receipt | op << 8, rdi = control, rdx =
    //   event mask (cleared by this), r8 = value (results), r9 = data ICA. A call still current is
    //   thereby deferred; interrupt events delivered by the call before are acknowledged.
    //   Error::timed_out when the time has passed with nothing there (rdx is valid then too).
    receive,
    // reply(control, value, data | DataMode, error | list << 32): answers a call that the caller
    //   holds. `list` 1: the parameter area of the current frame begins with a DataList.
    reply,
    // reply_and_receive(control, value, data | DataMode, error | list << 32, timeout_us): as `receive`
    reply_and_receive,
    // forward(function | flags << 32, control, offset | bytes << 32, data): multi-stage request
    forward,
    forward_and_receive,  // (..., timeout_us) as `receive`

    // Areas --------------------------------------------------------------------------------------
    // ica_reserve(pages, AreaKind | ica_dirty): -> rdx = address. Zeroed.
    ica_reserve,
    ica_release,  // (address)
    ica_split,    // (address, pages): the tail becomes an area of its own -> rdx = its address
    ica_info,     // (address): of an own area or one lent to the caller -> rdx = pages, rsi = 1 if on loan

    // Servers ------------------------------------------------------------------------------------
    // server_register(readable_formats, register_flag): the process is ready to serve. readable_formats is a
    //   mask of state formats 0..63. -> rdx = Registered: unless it starts fresh, all of the former
    //   process's areas, calls, functions, devices are its own now. rsi = the state format that it has to
    //   write until event::settled, ~0 = its own choice. Before this call a process that replaces another
    //   owns nothing and may only use memory_*, log, function_find, clock.
    server_register,
    function_register,  // (name, op | function_attribute): op 0..255 -> rdx = function identifier. "SLOT.something"
    function_withdraw,  // (function)
    function_find,      // (name): -> rdx = function identifier, rsi = 1 if somebody provides it now
    state_register,     // (area address, format 0..63)
    state_fetch,        // (): -> rdx = address or 0, rsi = format, rdi = 1: not to be trusted (ReplaceRequest)
    hand_over,          // (): the old server, after Receipt::replacement. Does not return, unless
                        //   the replacement failed: then Error::cancelled, and it goes on serving
    server_replace,     // (ReplaceRequest*): starts; Event::replacement tells the end -> rdx = ticket
    replace_result,     // (ReplaceResult*): the oldest finished one; would_block if none

    // Processes ----------------------------------------------------------------------------------
    image_create,         // (area, bytes): the area becomes a program image of the core -> rdx = image
    image_release,        // (image, or all_images that the slot has created): processes that run it keep it
    process_create,       // (ProcessRequest*): created and started -> rdx = pid, rsi = slot
    process_kill,         // (pid, exit status): a slot with process_flag::restart waits for its next process
    process_exit,         // (status, text, bytes): the text goes into the fault record
    wait,                 // (microseconds): gives up the CPU for that time; 0 = yield
    list,                 // (ListKind, area, start): fills the area -> rdx = records, rsi = bytes each
    memory_map,           // (address, bytes, Protection): private zeroed pages
    memory_unmap,         // (address, bytes)
    memory_protect,       // (address, bytes, Protection)
    set_foreign_handler,  // (entry, stack top): for system calls of another system
    set_thread_pointer,   // (address): FS base; needs the manifest's TLS flag
    log,                  // (text, bytes): a line for the core's log (and the serial port until a
                          //   console driver has it)

    // Devices ------------------------------------------------------------------------------------
    pci_read,      // (address bus<<8|device<<3|function, register): -> rdx. Own device or privilege::devices
    pci_write,     // (address, register, value)
    device_map,    // (bar, virtual address): maps the memory BAR of the own device, uncached -> rdx = bytes
    physical_map,  // (physical, bytes, virtual address): privilege::physical; memory that is not RAM only
    power,         // (PowerAction)
    trace,         // (TraceAction): -> rdx = whether it was on, rsi = records kept; privilege::list

    // Recovery (docs/recovery.md) ---------------------------------------------------------------
    area_keep,           // (addresses, count): the caller's data areas in this array outlive area_sweep
    area_sweep,          // (): releases every other data area of the caller but its state; those on loan when the loan
                         //   ends -> rdx = areas released
    phase,               // (Phase): the new process of a slot has got that far
    slot_end,            // (slot): ends a slot for good, with its process; privilege::processes
    process_poke,        // (pid, address, bytes, count): overwrites a process's text or data, in a private copy;
                         //   privilege::replace. At most max_poke bytes, inside one page
    process_stop_after,  // (pid, instructions): ends it as if by a fault after so many of its own
                         //   instructions, counted from its next delivered call; privilege::replace
    count_
};

enum class Receipt : std::uint8_t {
    event = 0,  // only events (rdx)
    request = 1,
    result = 2,
    replacement = 3,  // the server is to be replaced: save what is not yet in areas, then hand_over
};

// In rsi, with a result.
namespace receipt_flag {
inline constexpr std::uint64_t relayed = 1 << 16;  // a call that this process had forwarded, and holds again
inline constexpr std::uint64_t listed = 1 << 17;   // areas came with it: their DataList lies, checked, where frame 0 says
}  // namespace receipt_flag

// Event mask delivered with every receive.
namespace event {
inline constexpr std::uint64_t interrupt = 1 << 0;    // an interrupt of the own device
inline constexpr std::uint64_t interrupt_1 = 1 << 1;  // of the second interrupt line granted (console: keyboard)
inline constexpr std::uint64_t interrupt_2 = 1 << 2;  // of the third
inline constexpr std::uint64_t interrupts = 7;
inline constexpr std::uint64_t replacement = 1 << 4;    // a replacement that this process asked for has ended
inline constexpr std::uint64_t process_ended = 1 << 5;  // a process ended (privilege::processes); see ListKind::faults
inline constexpr std::uint64_t settled = 1 << 6;        // the caller's probation is over: it may write its newest state format
}  // namespace event

// Of a function, said when it is registered.
namespace function_attribute {
inline constexpr std::uint32_t takes_data = 0x100;  // data ICAs may come with a request; without it they are refused
inline constexpr std::uint32_t privileged = 0x200;  // only for callers with privilege::replace
inline constexpr std::uint32_t redeliver = 0x400;   // safe to deliver again when the server fails while it works on it
inline constexpr std::uint32_t may_wait = 0x800;    // may be deferred without limit; others are due within the deadline
}  // namespace function_attribute

// Second argument of server_register.
namespace register_flag {
inline constexpr std::uint64_t redeliver = 1;  // deferred calls come again after a planned replacement as well
}
// How server_register found the slot.
enum class Registered : std::uint32_t { fresh = 0, replaced = 1, restarted = 2 };  // restarted: after a failure

// Parts of a replacement's time, in this order. The core knows most; a new server says when it has its state and
// its device (`phase`).
enum class Phase : std::uint32_t { detect, stop, create, load, registration, state, device, first };
inline constexpr unsigned phases = 8;
inline constexpr unsigned max_poke = 64;

inline constexpr std::uint64_t poll = ~std::uint64_t{0};

enum class AreaKind : std::uint32_t { data = 0, control = 1 };
inline constexpr std::uint32_t ica_dirty = 0x100;  // contents the caller itself may have seen before: not used yet

enum class Protection : std::uint32_t { none = 0, read = 1, read_write = 2, read_execute = 3 };
enum class PowerAction : std::uint32_t { off = 0, reboot = 1 };

enum class TraceAction : std::uint32_t { ask = 0, on = 1, off = 2, forget = 3 };  // on begins anew; forget gives the buffer back

// What a process may do beyond calling servers.
namespace privilege {
inline constexpr std::uint32_t processes = 1 << 0;  // create, kill, images
inline constexpr std::uint32_t replace = 1 << 1;    // servers; and call the privileged functions of any server
inline constexpr std::uint32_t devices = 1 << 2;    // PCI configuration of every device
inline constexpr std::uint32_t power = 1 << 3;
inline constexpr std::uint32_t physical = 1 << 4;  // map device memory by physical address
inline constexpr std::uint32_t list = 1 << 5;
}  // namespace privilege

inline constexpr unsigned name_bytes = 32;  // names end with a NUL inside this
inline constexpr unsigned priorities = 32;  // 0 lowest (idle work) ... 31 guardian
namespace priority {
inline constexpr unsigned background = 2, application = 8, server = 16, driver = 24, guardian = 30;
}

struct PortRange {
    std::uint16_t first;
    std::uint16_t count;  // 0 = unused
};

inline constexpr std::uint32_t no_device = 0xffff'ffff;
inline constexpr std::uint8_t no_irq = 0xff;
inline constexpr unsigned max_callees = 16;

namespace process_flag {
inline constexpr std::uint32_t fpu = 1 << 0;           // x87/SSE state, switched lazily
inline constexpr std::uint32_t tls = 1 << 1;           // FS base
inline constexpr std::uint32_t restart = 1 << 2;       // the slot outlives a process that fails: somebody will animate it anew
inline constexpr std::uint32_t device_ports = 1 << 3;  // its device has registers at I/O ports that it uses
}  // namespace process_flag

struct ProcessRequest {
    std::uint32_t image;
    std::uint32_t priority;
    std::uint32_t user_id;
    std::uint32_t privileges;
    std::uint32_t flags;  // process_flag
    std::uint32_t version;
    std::uint32_t device;          // PCI address, or no_device
    std::uint8_t irq[2];           // legacy interrupt lines beside the device's own, or no_irq
    std::uint16_t argument_bytes;  // at `arguments`: argc strings then environment strings, each with NUL
    std::uint16_t argc, envc;
    PortRange ports[4];
    std::uint32_t quota_pages;  // areas it may reserve
    std::uint32_t quota_calls;  // control ICAs it may reserve
    std::uint32_t deadline_us;  // longest time between two receives, 0 = none; beyond it the server is taken to hang
    std::uint32_t reserved;
    char name[name_bytes];  // of the slot, unique
    char program[name_bytes];
    char callees[max_callees][name_bytes];  // names of the slots whose functions it may call; "*" = all
    std::uint64_t arguments;                // address, at most max_argument_bytes
};
inline constexpr unsigned max_argument_bytes = 2048;

struct ReplaceRequest {
    char name[name_bytes];  // slot
    char program[name_bytes];
    std::uint32_t image;
    std::uint32_t version;
    std::uint32_t as_paper;      // 1: the order of events in P-time figure 5
    std::uint32_t timeout_us;    // until registration, and again until hand-over
    std::uint32_t probation_us;  // 0 = none. Until it is over the new server writes the old one's state format
    std::uint32_t transaction;   // 0 = alone. Requests with the same number commit together, when `members` of them are
    std::uint32_t members;       // prepared, or fail together
    std::uint32_t distrust;      // 1: the new server is told not to trust the state that it finds
};

inline constexpr unsigned replacement_events = 12;
struct ReplaceResult {
    std::uint32_t ticket;
    Error error;
    char name[name_bytes];
    std::uint32_t old_pid, new_pid;
    std::uint32_t old_version, new_version;
    std::uint32_t areas, calls;  // handed over
    std::uint32_t exit_status;   // of a new server that exited early
    std::uint32_t as_paper;
    std::uint64_t start_ns;  // since boot
    std::uint64_t total_ns;
    std::uint64_t blackout_ns;                   // see docs/replacement.md
    std::uint64_t event_ns[replacement_events];  // P-time figure 5, events 1..12, ns after the first; 0 = did not happen
    std::uint64_t phase_ns[phases];              // durations by Phase; 0 = not known
    std::uint32_t failure;                       // 0: planned; otherwise FaultRecord::vector of what ended the old process
    std::uint32_t fault;                         // and that record's number
    std::uint32_t transaction;
    std::uint32_t calls_failed, calls_redelivered;  // answered with an error; delivered again
    std::uint32_t reserved;
};

// Handed to a new process in rdi: an address in its own memory.
struct StartupInfo {
    std::uint64_t magic;  // startup_magic
    std::uint32_t pid, slot;
    std::uint32_t argc, envc;
    std::uint64_t arguments;        // argc strings, then envc strings, back to back
    std::uint64_t program_headers;  // AT_PHDR
    std::uint32_t program_header_count;
    std::uint32_t replacing;  // 1: started to replace a server
    std::uint64_t entry;
    std::uint64_t stack_top, stack_bytes;
    std::uint64_t heap_start;  // first free private address, page aligned
    std::uint64_t tsc_khz;
    std::uint64_t boot_tsc;  // time stamp at which the core was entered
    std::uint64_t random[2];
    std::uint64_t boot_archive, boot_archive_bytes;  // guardian only: an area of its own, then its bytes
    std::uint64_t framebuffer;                       // physical address or 0
    std::uint32_t framebuffer_width, framebuffer_height, framebuffer_pitch, framebuffer_bits;  // bits 16 with height 25: VGA text
    std::uint32_t device, irq;                                                                 // own PCI device
    char name[name_bytes];
    char command_line[128];      // of the core
    std::uint64_t boot_time_ns;  // time of day at boot_tsc, since 1970; 0: not known
    std::uint32_t user_id;
    std::uint32_t reserved;
};
inline constexpr std::uint32_t all_images = 0;
// Exit status of ant::panic.
inline constexpr std::uint32_t panic_status = 254;

// What the core says of the guardian that it starts itself, and the guardian's manifest of itself.
namespace guardian_program {
inline constexpr std::uint32_t version = 1, deadline_us = 1'000'000;
}

inline constexpr std::uint64_t startup_magic = 0x3154'5241'5453'5441;

}  // namespace ant::abi
