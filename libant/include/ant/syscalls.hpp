// The system calls as C++ functions. One to one with ant/abi/syscall.hpp, which says what they do.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/abi/listing.hpp>
#include <ant/abi/result.hpp>
#include <ant/abi/syscall.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::sys {

using abi::Syscall;
using u64 = std::uint64_t;

struct Raw {
    Error error;
    u64 rdx, rsi, rdi, r8, r9;
};

#ifdef ANT_FAKE_CORE
// Host tests play the core themselves.
Raw raw(Syscall number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0);
#else
// The core keeps rsp and rbp only. It never writes below rsp, but a red zone would still be wrong
// for the foreign handler, so user programs of ours are built with -mno-red-zone.
[[gnu::always_inline]] inline Raw raw(Syscall number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0) {
    u64 rax = static_cast<u64>(number);
    register u64 r10 asm("r10") = d;
    register u64 r8 asm("r8") = e;
    register u64 r9 asm("r9");
    asm volatile("syscall"
                 : "+a"(rax), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8), "=r"(r9)
                 :
                 : "rcx", "rbx", "r11", "r12", "r13", "r14", "r15", "memory");
    return {static_cast<Error>(rax), c, b, a, r8, r9};
}
#endif

inline Result<> check(const Raw& r) {
    if (r.error != Error::none) return Failure(r.error);
    return {};
}
inline Result<u64> first(const Raw& r) {
    if (r.error != Error::none) return Failure(r.error);
    return r.rdx;
}

constexpr u64 pair(std::uint32_t low, std::uint32_t high) { return low | u64{high} << 32; }
inline u64 address_of(const void* p) { return reinterpret_cast<u64>(p); }

// Areas
inline Result<u64> ica_reserve(std::size_t pages, abi::AreaKind kind = abi::AreaKind::data) {
    return first(raw(Syscall::ica_reserve, pages, static_cast<u64>(kind)));
}
inline Result<> ica_release(u64 address) { return check(raw(Syscall::ica_release, address)); }
inline Result<u64> ica_split(u64 address, std::size_t pages) { return first(raw(Syscall::ica_split, address, pages)); }
struct AreaInfo {
    std::size_t pages;
    bool on_loan;
};
inline Result<AreaInfo> ica_info(u64 address) {
    const Raw r = raw(Syscall::ica_info, address);
    if (r.error != Error::none) return Failure(r.error);
    return AreaInfo{r.rdx, r.rsi != 0};
}

// Servers
struct Registration {
    abi::Registered how;
    u64 write_format;  // to be written until event::settled; ~0: the server's own choice
};
inline Result<Registration> server_register(u64 readable_formats, u64 flags = 0) {
    const Raw r = raw(Syscall::server_register, readable_formats, flags);
    if (r.error != Error::none) return Failure(r.error);
    return Registration{static_cast<abi::Registered>(r.rdx), r.rsi};
}
inline Result<u64> function_register(const char* name, std::uint32_t op) {
    return first(raw(Syscall::function_register, address_of(name), op));
}
inline Result<> function_withdraw(std::uint32_t function) { return check(raw(Syscall::function_withdraw, function)); }
struct Found {
    std::uint32_t id;
    bool provided;  // false: known by name only; its server has not registered it yet
};
inline Result<Found> function_find(const char* name) {
    const Raw r = raw(Syscall::function_find, address_of(name));
    if (r.error != Error::none) return Failure(r.error);
    return Found{static_cast<std::uint32_t>(r.rdx), r.rsi != 0};
}
inline Result<> state_register(u64 area, std::uint32_t format) { return check(raw(Syscall::state_register, area, format)); }
struct State {
    u64 address;  // 0: none registered
    std::uint32_t format;
    bool distrusted = false;  // processes that believed it failed one after the other: it is damaged, however sound it looks
};
inline Result<State> state_fetch() {
    const Raw r = raw(Syscall::state_fetch);
    if (r.error != Error::none) return Failure(r.error);
    return State{r.rdx, static_cast<std::uint32_t>(r.rsi), r.rdi != 0};
}
// Recovery
inline Result<> area_keep(const u64* areas, std::size_t count) {
    return check(raw(Syscall::area_keep, address_of(areas), count));
}
inline Result<u64> area_sweep() { return first(raw(Syscall::area_sweep)); }
inline void phase(abi::Phase phase) { raw(Syscall::phase, static_cast<u64>(phase)); }
inline Result<> slot_end(std::uint32_t slot) { return check(raw(Syscall::slot_end, slot)); }
inline Result<> process_poke(std::uint32_t pid, u64 address, const void* bytes, std::size_t count) {
    return check(raw(Syscall::process_poke, pid, address, address_of(bytes), count));
}
inline Result<> process_stop_after(std::uint32_t pid, u64 instructions) {
    return check(raw(Syscall::process_stop_after, pid, instructions));
}

inline Result<> hand_over() { return check(raw(Syscall::hand_over)); }
inline Result<u64> server_replace(const abi::ReplaceRequest& request) {
    return first(raw(Syscall::server_replace, address_of(&request)));
}
inline Result<> replace_result(abi::ReplaceResult& result) { return check(raw(Syscall::replace_result, address_of(&result))); }

// Processes
inline Result<u64> image_create(u64 area, std::size_t bytes) { return first(raw(Syscall::image_create, area, bytes)); }
inline Result<> image_release(u64 image) { return check(raw(Syscall::image_release, image)); }
struct Created {
    std::uint32_t pid, slot;
};
inline Result<Created> process_create(const abi::ProcessRequest& request) {
    const Raw r = raw(Syscall::process_create, address_of(&request));
    if (r.error != Error::none) return Failure(r.error);
    return Created{static_cast<std::uint32_t>(r.rdx), static_cast<std::uint32_t>(r.rsi)};
}
inline Result<> process_kill(std::uint32_t pid, std::uint32_t status) { return check(raw(Syscall::process_kill, pid, status)); }
// The text says why; it goes into the fault record.
[[noreturn]] inline void process_exit(std::uint32_t status, const char* text = nullptr, std::size_t bytes = 0) {
    for (;;) raw(Syscall::process_exit, status, address_of(text), bytes);
}
inline void wait(u64 microseconds) { raw(Syscall::wait, microseconds); }
struct Listing {
    std::size_t records, record_bytes;
};
// Fills `area` with records from the `start`-th on.
inline Result<Listing> list(abi::ListKind kind, u64 area, u64 start = 0) {
    const Raw r = raw(Syscall::list, static_cast<u64>(kind), area, start);
    if (r.error != Error::none) return Failure(r.error);
    return Listing{r.rdx, r.rsi};
}
inline Result<> memory_map(u64 address, std::size_t bytes, abi::Protection protection) {
    return check(raw(Syscall::memory_map, address, bytes, static_cast<u64>(protection)));
}
inline Result<> memory_unmap(u64 address, std::size_t bytes) { return check(raw(Syscall::memory_unmap, address, bytes)); }
inline Result<> memory_protect(u64 address, std::size_t bytes, abi::Protection protection) {
    return check(raw(Syscall::memory_protect, address, bytes, static_cast<u64>(protection)));
}
inline Result<> set_foreign_handler(void (*entry)(), u64 stack_top) {
    return check(raw(Syscall::set_foreign_handler, reinterpret_cast<u64>(entry), stack_top));
}
inline Result<> set_thread_pointer(u64 address) { return check(raw(Syscall::set_thread_pointer, address)); }
inline void log(const char* text, std::size_t bytes) { raw(Syscall::log, address_of(text), bytes); }

// Devices
inline Result<u64> pci_read(std::uint32_t device, std::uint32_t reg) { return first(raw(Syscall::pci_read, device, reg)); }
inline Result<> pci_write(std::uint32_t device, std::uint32_t reg, std::uint32_t value) {
    return check(raw(Syscall::pci_write, device, reg, value));
}
inline Result<u64> device_map(unsigned bar, u64 address) { return first(raw(Syscall::device_map, bar, address)); }
inline Result<> physical_map(u64 physical, std::size_t bytes, u64 address) {
    return check(raw(Syscall::physical_map, physical, bytes, address));
}
inline Result<> power(abi::PowerAction action) { return check(raw(Syscall::power, static_cast<u64>(action))); }

}  // namespace ant::sys
