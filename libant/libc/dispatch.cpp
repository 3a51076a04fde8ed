// Linux's call numbers to the functions that answer them.
#include <ant/process.hpp>

#include <asm/unistd_64.h>

#include "file_calls.hpp"
#include "foreign.hpp"
#include "memory_calls.hpp"
#include "poll_calls.hpp"
#include "process_calls.hpp"
#include "socket_calls.hpp"
#include "socket_options.hpp"
#include "time_calls.hpp"

namespace ant::foreign {

namespace {

const char* text(long argument) { return pointer<const char>(argument); }

Answer file_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_read:
            return call_read(a);
        case __NR_write:
            return call_write(a);
        case __NR_readv:
            return call_readv(a);
        case __NR_writev:
            return call_writev(a);
        case __NR_open:
            return call_open(text(a.a), static_cast<int>(a.b));
        case __NR_openat:
            return call_open(text(a.b), static_cast<int>(a.c));
        case __NR_close:
            return call_close(a);
        case __NR_lseek:
            return call_lseek(a);
        case __NR_fcntl:
            return call_fcntl(a);
        case __NR_ioctl:
            return call_ioctl(a);
        case __NR_dup:
            return call_dup(a);
        case __NR_dup2:
            return call_dup2(a);
        case __NR_dup3:
            return call_dup3(a);
        case __NR_fstat:
            return call_fstat(a);
        case __NR_stat:
        case __NR_lstat:
            return call_stat(text(a.a), a.b);
        case __NR_newfstatat:
            return call_newfstatat(a);
        case __NR_access:
            return call_access(text(a.a), static_cast<int>(a.b));
        case __NR_faccessat:
            return call_access(text(a.b), static_cast<int>(a.c));
        case __NR_readlink:
            return -ENOENT;
        case __NR_getcwd:
            return call_getcwd(a);
        case __NR_umask:
            return 022;
        case __NR_getrandom:
            return call_getrandom(a);
        case __NR_poll:
            return call_poll(a);
        case __NR_ppoll:
            return call_ppoll(a);
        case __NR_select:
            return call_select(a);
        case __NR_pselect6:
            return call_pselect6(a);
        default:
            known = false;
            return 0;
    }
}

Answer socket_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_socket:
            return call_socket(a);
        case __NR_bind:
            return call_bind(a);
        case __NR_listen:
            return call_listen(a);
        case __NR_accept:
            return call_accept(a, 0);
        case __NR_accept4:
            return call_accept(a, static_cast<int>(a.d));
        case __NR_connect:
            return call_connect(a);
        case __NR_shutdown:
            return call_shutdown(a);
        case __NR_sendto:
            return call_sendto(a);
        case __NR_recvfrom:
            return call_recvfrom(a);
        case __NR_sendmsg:
            return call_sendmsg(a);
        case __NR_recvmsg:
            return call_recvmsg(a);
        case __NR_getsockname:
            return call_getsockname(a);
        case __NR_getpeername:
            return call_getpeername(a);
        case __NR_setsockopt:
            return call_setsockopt(a);
        case __NR_getsockopt:
            return call_getsockopt(a);
        default:
            known = false;
            return 0;
    }
}

Answer memory_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_brk:
            return call_brk(a);
        case __NR_mmap:
            return call_mmap(a);
        case __NR_munmap:
            return call_munmap(a);
        case __NR_mprotect:
            return call_mprotect(a);
        case __NR_mremap:
            return call_mremap(a);
        case __NR_madvise:
            return 0;
        default:
            known = false;
            return 0;
    }
}

Answer time_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_clock_gettime:
            return call_clock_gettime(a);
        case __NR_clock_getres:
            return call_clock_getres(a);
        case __NR_gettimeofday:
            return call_gettimeofday(a);
        case __NR_time:
            return call_time(a);
        case __NR_nanosleep:
            return call_nanosleep(a);
        case __NR_clock_nanosleep:
            return call_clock_nanosleep(a);
        case __NR_sched_yield:
            wait_us(0);
            return 0;
        default:
            known = false;
            return 0;
    }
}

Answer process_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_exit:
        case __NR_exit_group:
            return call_exit(a);
        case __NR_getpid:
        case __NR_gettid:
        case __NR_getpgrp:
        case __NR_set_tid_address:
            return own_pid();
        case __NR_getppid:
        case __NR_getuid:
        case __NR_geteuid:
        case __NR_getgid:
        case __NR_getegid:
        case __NR_set_robust_list:
        case __NR_sigaltstack:
            return 0;
        case __NR_uname:
            return call_uname(a);
        case __NR_arch_prctl:
            return call_arch_prctl(a);
        case __NR_futex:
            return call_futex(a);
        case __NR_prlimit64:
            return call_prlimit(a);
        case __NR_rt_sigaction:
            return call_sigaction(a);
        case __NR_rt_sigprocmask:
            return call_sigprocmask(a);
        case __NR_kill:
        case __NR_tkill:
            return call_signal_to(a.a, a.b);
        case __NR_tgkill:
            return call_signal_to(a.b, a.c);
        case __NR_sched_getaffinity:
            return call_getaffinity(a);
        default:
            known = false;
            return 0;
    }
}

}  // namespace

Answer dispatch(long number, const Arguments& arguments) {
    for (auto* group : {file_call, socket_call, memory_call, time_call, process_call}) {
        bool known = true;
        const Answer result = group(number, arguments, known);
        if (known) return result;
    }
    return -ENOSYS;
}

}  // namespace ant::foreign
