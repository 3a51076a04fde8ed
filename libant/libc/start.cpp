// Builds what a Linux program expects on its stack, and gives control to musl.
#include <ant/process.hpp>
#include <ant/syscalls.hpp>

#include <linux/auxvec.h>

#include "../src/start.hpp"
#include "foreign.hpp"

extern "C" {
void ant_foreign_entry();
int ant_c_main(int argc, char** argv, char** environment) asm("main");
[[noreturn]] int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv);
}

namespace {

// Answers need no recursion and no large buffers; a line for the log is the deepest.
constexpr std::size_t handler_stack_bytes = 32 * 1024;
alignas(16) constinit char handler_stack[handler_stack_bytes] = {};

constexpr std::uint64_t clock_ticks_per_second = 100;
constexpr unsigned auxiliary_words = 2 * 20;
constexpr unsigned max_words = 1 + ant::abi::max_argument_bytes + 2 + auxiliary_words;

// argc, argv, environment, auxiliary vector: as at the top of a Linux program's stack.
class StartBlock {
public:
    explicit StartBlock(std::uint64_t* words) : words_{words} {}
    void put(std::uint64_t word) { words_[used_++] = word; }
    void put_pair(std::uint64_t type, std::uint64_t value) {
        put(type);
        put(value);
    }
    // -> behind the last of them
    const char* put_strings(const char* text, unsigned count) {
        for (; count != 0; --count) {
            put(reinterpret_cast<std::uint64_t>(text));
            text += __builtin_strlen(text) + 1;
        }
        put(0);
        return text;
    }

private:
    std::uint64_t* words_;
    unsigned used_ = 0;
};

std::uint64_t hardware_capabilities() {
    std::uint32_t eax = 1, ebx, ecx = 0, edx;
    asm("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return edx;
}

void put_auxiliary(StartBlock& block, const ant::abi::StartupInfo& info) {
    constexpr std::uint64_t program_header_bytes = 56;
    block.put_pair(AT_PHDR, info.program_headers);
    block.put_pair(AT_PHENT, program_header_bytes);
    block.put_pair(AT_PHNUM, info.program_header_count);
    block.put_pair(AT_PAGESZ, ant::abi::page_size);
    block.put_pair(AT_ENTRY, info.entry);
    block.put_pair(AT_UID, 0);
    block.put_pair(AT_EUID, 0);
    block.put_pair(AT_GID, 0);
    block.put_pair(AT_EGID, 0);
    block.put_pair(AT_SECURE, 0);
    block.put_pair(AT_HWCAP, hardware_capabilities());
    block.put_pair(AT_CLKTCK, clock_ticks_per_second);
    block.put_pair(AT_RANDOM, reinterpret_cast<std::uint64_t>(&info.random));
    block.put_pair(AT_NULL, 0);
}

}  // namespace

extern "C" [[noreturn]] void ant_c_start(const ant::abi::StartupInfo* info) {
    if (info->magic != ant::abi::startup_magic) ant::sys::process_exit(ant::panic_status);
    ant::set_startup(info);
    const auto stack_top = reinterpret_cast<std::uint64_t>(handler_stack + sizeof handler_stack);
    const auto handled = ant::sys::set_foreign_handler(ant_foreign_entry, stack_top);
    if (!handled) ant::panic("no handler for the C library's system calls: %s", error_text(handled.error()));

    static constinit std::uint64_t words[max_words] = {};
    StartBlock block{words};
    block.put(info->argc);
    const char* environment = block.put_strings(reinterpret_cast<const char*>(info->arguments), info->argc);
    block.put_strings(environment, info->envc);
    put_auxiliary(block, *info);
    __libc_start_main(ant_c_main, static_cast<int>(info->argc), reinterpret_cast<char**>(words + 1));
}

extern "C" long ant_foreign_call(long number, long a, long b, long c, long d, long e, long f) {
    return ant::foreign::dispatch(number, {a, b, c, d, e, f});
}
