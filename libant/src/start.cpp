#include "start.hpp"

#include <ant/process.hpp>
#include <ant/syscalls.hpp>

// Set by the linker around the constructors of static objects.
using Constructor = void (*)();
extern "C" const Constructor __init_array_start[];
extern "C" const Constructor __init_array_end[];

extern "C" [[noreturn]] void ant_start(const ant::abi::StartupInfo* info) {
    if (info->magic != ant::abi::startup_magic) ant::sys::process_exit(ant::panic_status);
    ant::set_startup(info);
    for (const Constructor* constructor = __init_array_start; constructor != __init_array_end; ++constructor) (*constructor)();
    ant::exit(static_cast<std::uint32_t>(main()));
}
