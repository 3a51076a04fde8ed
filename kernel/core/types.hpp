// Limits and identifiers of the inner core.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/abi/listing.hpp>
#include <ant/abi/result.hpp>
#include <ant/abi/syscall.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::core {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

using abi::page_size;
inline constexpr unsigned page_shift = 12;
inline constexpr std::size_t pages_per_large = abi::large_page_size / page_size;

inline constexpr unsigned max_slots = 96;
inline constexpr unsigned max_loads = 8;          // processes that get their program just now
inline constexpr unsigned max_processes = 112;    // a replacement needs a second process for its slot
inline constexpr unsigned max_controls = 1024;    // control ICAs: their zone is 4 MiB
inline constexpr unsigned controls_at_boot = 32;  // of these have their page from the start
inline constexpr unsigned max_functions = 512;
inline constexpr unsigned max_functions_of_slot = 64;
inline constexpr unsigned max_groups = 64;  // names of slots that provide functions
inline constexpr unsigned max_images = 64;
inline constexpr unsigned max_data_lists = 256;
inline constexpr unsigned max_queue = 256;  // requests waiting at one server

using Pfn = u32;  // page frame number: physical address >> 12
inline constexpr Pfn no_page = 0xffff'ffff;
constexpr u64 physical_of(Pfn pfn) { return u64{pfn} << page_shift; }
constexpr u64 address_of(Pfn pfn) { return abi::ica_base + physical_of(pfn); }

struct Slot;
struct Process;
struct Control;
struct Image;

// An internal contradiction of the inner core.
[[noreturn]] void contradiction(const char* what);

}  // namespace ant::core
