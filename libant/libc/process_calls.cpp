#include "process_calls.hpp"

#include <ant/process.hpp>
#include <ant/syscalls.hpp>

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/resource.h>
#include <linux/utsname.h>

#include "descriptors.hpp"

namespace ant::foreign {

namespace {

constexpr std::uint32_t status_mask = 0xff;
constexpr std::uint32_t signalled = 128;  // exit status of a process that a signal ended, as shells have it
constexpr std::size_t kernel_sigaction_bytes = 32;

constinit std::uint64_t thread_pointer = 0;

void copy_text(char (&to)[65], const char* from) { (void)format(to, sizeof to, "%s", from); }

}  // namespace

Answer own_pid() { return startup().pid; }

Answer own_user() { return startup().user_id; }

Answer call_exit(const Arguments& arguments) { exit(static_cast<std::uint32_t>(arguments.a) & status_mask); }

Answer call_uname(const Arguments& arguments) {
    auto& name = *pointer<struct new_utsname>(arguments.a);
    copy_text(name.sysname, "AnT");
    copy_text(name.nodename, "ant");
    copy_text(name.release, "1.0");
    copy_text(name.version, "1");
    copy_text(name.machine, "x86_64");
    copy_text(name.domainname, "(none)");
    return 0;
}

Answer call_arch_prctl(const Arguments& arguments) {
    switch (arguments.a) {
        case ARCH_SET_FS: {
            const auto set = sys::set_thread_pointer(static_cast<std::uint64_t>(arguments.b));
            if (set) thread_pointer = static_cast<std::uint64_t>(arguments.b);
            return answer(set);
        }
        case ARCH_GET_FS:
            *pointer<std::uint64_t>(arguments.b) = thread_pointer;
            return 0;
        default:
            return -EINVAL;
    }
}

// With one thread a wait would never end, and a wake finds nobody.
Answer call_futex(const Arguments& arguments) {
    switch (arguments.b & FUTEX_CMD_MASK) {
        case FUTEX_WAKE:
            return 0;
        case FUTEX_WAIT:
            return -EAGAIN;
        default:
            return -ENOSYS;
    }
}

Answer call_prlimit(const Arguments& arguments) {
    if (arguments.b < 0 || arguments.b >= 16) return -EINVAL;
    if (arguments.c != 0) return -EPERM;
    if (arguments.d == 0) return 0;
    std::uint64_t limit = ~std::uint64_t{0};
    if (arguments.b == RLIMIT_NOFILE) limit = Descriptors::limit;
    if (arguments.b == RLIMIT_STACK) limit = startup().stack_bytes;
    *pointer<struct rlimit64>(arguments.d) = {limit, limit};
    return 0;
}

Answer call_sigaction(const Arguments& arguments) {
    if (arguments.c != 0) __builtin_memset(pointer<void>(arguments.c), 0, kernel_sigaction_bytes);
    return 0;
}

Answer call_sigprocmask(const Arguments& arguments) {
    if (arguments.c != 0) __builtin_memset(pointer<void>(arguments.c), 0, static_cast<std::size_t>(arguments.d));
    return 0;
}

// A signal to oneself (raise, abort) ends the program; there is nobody else to send one to.
Answer call_signal_to(long process, long signal) {
    if (process != own_pid() && process != 0) return -ESRCH;
    if (signal == 0) return 0;
    exit(signalled + static_cast<std::uint32_t>(signal));
}

Answer call_getaffinity(const Arguments& arguments) {
    if (static_cast<std::size_t>(arguments.b) < sizeof(std::uint64_t)) return -EINVAL;
    *pointer<std::uint64_t>(arguments.c) = 1;
    return sizeof(std::uint64_t);
}

}  // namespace ant::foreign
