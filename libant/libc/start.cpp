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
// Defined by a program that needs more stack than the core gives.
[[gnu::weak]] extern const unsigned long ant_stack_bytes;
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
    block.put_pair(AT_UID, info.user_id);
    block.put_pair(AT_EUID, info.user_id);
    block.put_pair(AT_GID, info.user_id);
    block.put_pair(AT_EGID, info.user_id);
    block.put_pair(AT_SECURE, 0);
    block.put_pair(AT_HWCAP, hardware_capabilities());
    block.put_pair(AT_CLKTCK, clock_ticks_per_second);
    block.put_pair(AT_RANDOM, reinterpret_cast<std::uint64_t>(&info.random));
    block.put_pair(AT_NULL, 0);
}

[[noreturn]] void enter(int argc, char** argv) { __libc_start_main(ant_c_main, argc, argv); }

// On a stack of that size, with nothing mapped below it.
[[noreturn]] void enter_on_large_stack(int argc, char** argv, std::uint64_t bytes) {
    constexpr std::uint64_t stack_end = std::uint64_t{31} << 40;  // far from everything else: see memory_calls.cpp
    const auto mapped = ant::sys::memory_map(stack_end - bytes, bytes, ant::abi::Protection::read_write);
    if (!mapped) ant::panic("no stack of %lu KiB: %s", bytes / 1024, error_text(mapped.error()));
    asm volatile("movq %0, %%rsp\n\txorl %%ebp, %%ebp\n\tcallq *%1\n\tud2"
                 :
                 : "r"(stack_end), "r"(enter), "D"(argc), "S"(argv)
                 : "memory");
    __builtin_unreachable();
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
    const auto argc = static_cast<int>(info->argc);
    auto** argv = reinterpret_cast<char**>(words + 1);
    if (&ant_stack_bytes != nullptr) enter_on_large_stack(argc, argv, ant_stack_bytes);
    enter(argc, argv);
}

extern "C" long ant_foreign_call(long number, long a, long b, long c, long d, long e, long f) {
    return ant::foreign::dispatch(number, {a, b, c, d, e, f});
}
