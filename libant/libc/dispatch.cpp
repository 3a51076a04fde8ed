// Linux's call numbers to the functions that answer them.
#include <ant/process.hpp>

#include <asm/unistd_64.h>
#include <linux/fcntl.h>

#include "disk_files.hpp"
#include "file_calls.hpp"
#include "file_status.hpp"
#include "foreign.hpp"
#include "memory_calls.hpp"
#include "path_calls.hpp"
#include "paths.hpp"
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
        case __NR_pread64:
            return call_pread(a);
        case __NR_pwrite64:
            return call_pwrite(a);
        case __NR_open:
            return call_openat(AT_FDCWD, text(a.a), static_cast<int>(a.b), static_cast<unsigned>(a.c));
        case __NR_openat:
            return call_openat(a.descriptor(), text(a.b), static_cast<int>(a.c), static_cast<unsigned>(a.d));
        case __NR_creat:
            return call_openat(AT_FDCWD, text(a.a), O_CREAT | O_WRONLY | O_TRUNC, static_cast<unsigned>(a.b));
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
        case __NR_ftruncate:
            return call_ftruncate(a);
        case __NR_fsync:
            return call_fsync(a, false);
        case __NR_fdatasync:
            return call_fsync(a, true);
        case __NR_sync:
        case __NR_syncfs:
            return call_sync();
        case __NR_fadvise64:
        case __NR_msync:
            return 0;
        case __NR_flock:
            return call_flock(a);
        case __NR_getdents64:
            return call_getdents(a);
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

unsigned bits(long argument) { return static_cast<unsigned>(argument); }

Answer status_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_fstat:
            return call_fstat(a);
        case __NR_stat:
            return call_fstatat(AT_FDCWD, text(a.a), a.b, 0);
        case __NR_lstat:
            return call_fstatat(AT_FDCWD, text(a.a), a.b, AT_SYMLINK_NOFOLLOW);
        case __NR_newfstatat:
            return call_fstatat(a.descriptor(), text(a.b), a.c, static_cast<int>(a.d));
        case __NR_statx:
            return call_statx(a);
        case __NR_statfs:
            return call_statfs(text(a.a), a.b);
        case __NR_fstatfs:
            return call_fstatfs(a);
        case __NR_access:
            return call_accessat(AT_FDCWD, text(a.a), static_cast<int>(a.b));
        case __NR_faccessat:
        case __NR_faccessat2:
            return call_accessat(a.descriptor(), text(a.b), static_cast<int>(a.c));
        case __NR_umask:
            return call_umask(a);
        case __NR_chmod:
            return call_chmodat(AT_FDCWD, text(a.a), bits(a.b));
        case __NR_fchmodat:
            return call_chmodat(a.descriptor(), text(a.b), bits(a.c));
        case __NR_fchmod:
            return call_fchmod(a);
        case __NR_chown:
            return call_chownat(AT_FDCWD, text(a.a), bits(a.b), bits(a.c), 0);
        case __NR_lchown:
            return call_chownat(AT_FDCWD, text(a.a), bits(a.b), bits(a.c), AT_SYMLINK_NOFOLLOW);
        case __NR_fchownat:
            return call_chownat(a.descriptor(), text(a.b), bits(a.c), bits(a.d), static_cast<int>(a.e));
        case __NR_fchown:
            return call_fchown(a);
        case __NR_utimensat:
            return call_utimensat(a);
        default:
            known = false;
            return 0;
    }
}

Answer path_call(long number, const Arguments& a, bool& known) {
    switch (number) {
        case __NR_chdir:
            return call_chdir(text(a.a));
        case __NR_fchdir:
            return call_fchdir(a);
        case __NR_getcwd:
            return call_getcwd(a);
        case __NR_mkdir:
            return call_mkdirat(AT_FDCWD, text(a.a), bits(a.b));
        case __NR_mkdirat:
            return call_mkdirat(a.descriptor(), text(a.b), bits(a.c));
        case __NR_rmdir:
            return call_unlinkat(AT_FDCWD, text(a.a), AT_REMOVEDIR);
        case __NR_unlink:
            return call_unlinkat(AT_FDCWD, text(a.a), 0);
        case __NR_unlinkat:
            return call_unlinkat(a.descriptor(), text(a.b), static_cast<int>(a.c));
        case __NR_rename:
            return call_renameat(AT_FDCWD, text(a.a), AT_FDCWD, text(a.b), 0);
        case __NR_renameat:
            return call_renameat(a.descriptor(), text(a.b), static_cast<int>(a.c), text(a.d), 0);
        case __NR_renameat2:
            return call_renameat(a.descriptor(), text(a.b), static_cast<int>(a.c), text(a.d), bits(a.e));
        case __NR_link:
            return call_linkat(AT_FDCWD, text(a.a), AT_FDCWD, text(a.b), 0);
        case __NR_linkat:
            return call_linkat(a.descriptor(), text(a.b), static_cast<int>(a.c), text(a.d), static_cast<int>(a.e));
        case __NR_symlink:
            return call_symlinkat(text(a.a), AT_FDCWD, text(a.b));
        case __NR_symlinkat:
            return call_symlinkat(text(a.a), static_cast<int>(a.b), text(a.c));
        case __NR_readlink:
            return call_readlinkat(AT_FDCWD, text(a.a), pointer<char>(a.b), static_cast<std::size_t>(a.c));
        case __NR_readlinkat:
            return call_readlinkat(a.descriptor(), text(a.b), pointer<char>(a.c), static_cast<std::size_t>(a.d));
        case __NR_truncate:
            return call_truncate(text(a.a), a.b);
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
        case __NR_getuid:
        case __NR_geteuid:
        case __NR_getgid:
        case __NR_getegid:
            return own_user();
        case __NR_getppid:
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
    for (auto* group : {file_call, status_call, path_call, socket_call, memory_call, time_call, process_call}) {
        bool known = true;
        const Answer result = group(number, arguments, known);
        if (known) return result;
    }
    return -ENOSYS;
}

}  // namespace ant::foreign
