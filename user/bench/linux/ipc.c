// Round trips between two processes under Linux: what `ant bench ipc` measures, by the means that Linux has. `bytes` go there and
// back.
#define _GNU_SOURCE
#include "figure.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { futex_wait = 0, futex_wake = 1 };  // linux/futex.h, which the C library does not bring
enum { rounds = 1000, warm_up = 100, largest = 2 << 20 };
static const uint32_t sizes[] = {1, 64, 256, 1024, 4096, 16384, 65536, 262144, 1 << 20, largest};
static char* buffer;
static uint64_t samples[rounds];

static void give(int to, uint32_t bytes) {
    for (uint32_t done = 0; done < bytes;) {
        const ssize_t n = write(to, buffer + done, bytes - done);
        if (n <= 0) fail("write");
        done += (uint32_t)n;
    }
}

static void take(int from, uint32_t bytes) {
    for (uint32_t done = 0; done < bytes;) {
        const ssize_t n = read(from, buffer + done, bytes - done);
        if (n <= 0) fail("read");
        done += (uint32_t)n;
    }
}

static void name_of(char* name, size_t room, const char* kind, uint32_t bytes) {
    if (bytes == 1)
        snprintf(name, room, "ipc.%s.null", kind);
    else
        snprintf(name, room, "ipc.%s.%u", kind, bytes);
}

static void ended(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) fail("the other process");
}

// One descriptor to write to and one to read from on either side.
static void through(const char* kind, int to_child, int at_child, int to_parent, int at_parent) {
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; ++s) {
        const uint32_t bytes = sizes[s];
        const unsigned count = bytes >= 65536 ? rounds / 50 : rounds;
        const pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) {
            for (unsigned i = 0; i < warm_up + count; ++i) take(at_child, bytes), give(to_parent, bytes);
            _exit(0);
        }
        for (unsigned i = 0; i < warm_up + count; ++i) {
            const uint64_t start = ticks();
            give(to_child, bytes), take(at_parent, bytes);
            if (i >= warm_up) samples[i - warm_up] = ticks() - start;
        }
        ended(child);
        char name[64];
        name_of(name, sizeof name, kind, bytes);
        print_samples(name, "instructions", samples, count);
    }
}

static void wait_for(uint32_t* flag) {
    while (!__atomic_exchange_n(flag, 0, __ATOMIC_ACQ_REL)) syscall(SYS_futex, flag, futex_wait, 0, NULL, NULL, 0);
}

static void wake(uint32_t* flag) {
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, flag, futex_wake, 1, NULL, NULL, 0);
}

// Only wakes: data would be in shared memory, with no isolation.
static void by_futex(void) {
    uint32_t* flags = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (flags == MAP_FAILED) fail("mmap");
    uint32_t *there = flags, *back = flags + 64;
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        for (unsigned i = 0; i < warm_up + rounds; ++i) wait_for(there), wake(back);
        _exit(0);
    }
    for (unsigned i = 0; i < warm_up + rounds; ++i) {
        const uint64_t start = ticks();
        wake(there), wait_for(back);
        if (i >= warm_up) samples[i - warm_up] = ticks() - start;
    }
    ended(child);
    print_samples("ipc.futex.null", "instructions", samples, rounds);
}

int main(void) {
    int there[2], back[2], pair[2];
    buffer = mmap(NULL, largest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (buffer == MAP_FAILED || pipe(there) != 0 || pipe(back) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        fail("setup");
    memset(buffer, 1, largest);
    setvbuf(stdout, NULL, _IONBF, 0);  // a child must not print it again
    by_futex();
    through("pipe", there[1], there[0], back[1], back[0]);
    through("unix", pair[0], pair[1], pair[1], pair[0]);
    printf("bench ipc done\n");
    return 0;
}
