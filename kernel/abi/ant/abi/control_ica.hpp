// The control ICA: one page that carries a call (P-ipc table 1).
//
// The inner core writes header and frames for the server to read; it keeps its own call stack and
// never reads them back, so whatever a process writes here harms only itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ant::abi {

inline constexpr std::size_t page_size = 4096;
inline constexpr std::size_t large_page_size = 2 * 1024 * 1024;

// One window of virtual addresses, the same in every process: address = ica_base + physical address.
inline constexpr std::uint64_t ica_base = 0x0000'4000'0000'0000;
inline constexpr std::uint64_t ica_window_bytes = std::uint64_t{512} << 30;

// How a data ICA travels with a request or a reply.
enum class DataMode : std::uint8_t {
    none = 0,
    move = 1,        // ownership goes to the other side (peeled here, mapped there)
    lend_read = 2,   // the owner keeps it; the callee has it mapped read-only until it answers
    lend_write = 3,  // the same, writable
};

// Flags of a request (P-ipc table 1, `flag`). The low two bits are the DataMode of the data ICA.
namespace flag {
inline constexpr std::uint32_t data_mask = 0x3;
inline constexpr std::uint32_t data_list = 0x4;       // the parameter area begins with a DataList
inline constexpr std::uint32_t async = 0x8;           // written by the core: the requester does not wait
inline constexpr std::uint32_t direct_return = 0x10;  // of a forward: the result need not pass through this relay
inline constexpr std::uint32_t io_wait = 0x40;        // the requester expects a wait for I/O (a hint, for listings)
inline constexpr std::uint32_t redelivered = 0x80;    // written by the core: an earlier process of this slot has had the call
}  // namespace flag

inline constexpr unsigned max_stages = 8;      // frames on one control ICA
inline constexpr unsigned max_data_list = 32;  // data ICAs that travel with one call

struct Frame {                    // pairs of words are written as one
    std::uint64_t previous;       // address of the frame before, 0 in the first
    std::uint32_t requester_pid;  // process information of the requester
    std::uint32_t requester_slot;
    std::uint32_t user_id;      // user information of the requester
    std::uint32_t flags;        // flag::*
    std::uint32_t callee_slot;  // process information of the callee
    std::uint32_t function;     // function identifier it was called by
    std::uint64_t parameters;   // address of the parameter area (inside this page)
    std::uint32_t parameter_bytes;
    std::uint32_t error;  // of the result: ant::Error
    std::int64_t value;   // return value
    std::uint64_t data;   // address of the data ICA, 0 if none
};
static_assert(sizeof(Frame) == 64);
static_assert(offsetof(Frame, requester_pid) == 8 && offsetof(Frame, user_id) == 16 && offsetof(Frame, callee_slot) == 24 &&
              offsetof(Frame, parameter_bytes) == 40);

struct ControlIca {
    std::uint64_t currentp;  // address of the newest frame
    std::uint64_t call_id;   // survives redelivery
    std::uint64_t reserved[6];
    Frame frames[max_stages];
};
static_assert(sizeof(ControlIca) == 576);

// Parameters may lie anywhere in [parameter_base, page_size).
inline constexpr std::size_t parameter_base = sizeof(ControlIca);
inline constexpr std::size_t parameter_capacity = page_size - parameter_base;

// Several data ICAs with one call: the parameter area begins with this (flag::data_list).
// The core checks `address` and `mode` and fills in `pages`; addresses are starts of areas.
struct DataListEntry {
    std::uint64_t address;
    std::uint32_t pages;
    std::uint32_t mode;  // DataMode
};
struct DataList {
    std::uint32_t count;
    std::uint32_t reserved;
    DataListEntry entries[];
};

}  // namespace ant::abi
