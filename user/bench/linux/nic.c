// P-nic's experiment under Linux, as bench-nic and bench-nic-ap have it: a program computes for 1 ms and sends 1024 bytes by
// turns, while COMMAND unloads the module of its network card and loads it again. nic HOST PORT SAMPLES COMMAND;
// tools/antlib/bench_nic.py reads what it prints. Rounds go on until the command has ended and all is acknowledged: the card's
// address is gone for a while.
#define _GNU_SOURCE
#include "connection.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { least_rounds = 50, most_rounds = 4000, message_bytes = 1024 };
static const uint64_t computation_ns = 1000000;
struct round {
    uint64_t at, computed, sent;
};
static struct round rounds[most_rounds];
struct swap {  // shared with the process that does it
    volatile uint64_t begin, end;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void count_to(uint64_t end) {
    for (uint64_t n = 0; n < end; ++n) __asm__ volatile("" : "+r"(n));
}

// How far one gets in 1 ms; the best of several tries is one that nobody has interrupted.
static uint64_t counts_per_computation(void) {
    const uint64_t trial = 20000;
    uint64_t best = computation_ns;
    for (int i = 0; i < 10; ++i) {
        const uint64_t begin = now_ns();
        count_to(trial);
        const uint64_t taken = now_ns() - begin;
        if (taken < best) best = taken;
    }
    return trial * computation_ns / best;
}

static pid_t start_swap(const char* command, unsigned after_us, struct swap* swap) {
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child != 0) return child;
    usleep(after_us);
    swap->begin = now_ns();
    const int status = system(command);
    swap->end = now_ns();
    _exit(status != 0);
}

static int unacknowledged(int stream) {
    int bytes = 0;
    if (ioctl(stream, TIOCOUTQ, &bytes) != 0) fail("TIOCOUTQ");
    return bytes;
}

static void sample(const char* variant, const char* command, unsigned moment_us, struct swap* swap) {
    static char message[message_bytes];
    const int stream = connection("swallow", 0);
    const uint64_t end = counts_per_computation();
    swap->begin = swap->end = 0;
    const pid_t child = command != NULL ? start_swap(command, moment_us, swap) : 0;
    uint64_t last_progress = now_ns(), longest = 0, acknowledged = 0, given = 0;
    unsigned n = 0;
    for (; n < least_rounds || (command != NULL && n < most_rounds && (swap->end == 0 || unacknowledged(stream) != 0)); ++n) {
        const uint64_t begin = now_ns();
        count_to(end);
        const uint64_t computed = now_ns();
        if (send(stream, message, sizeof message, 0) != sizeof message) fail("send");
        rounds[n] = (struct round){begin, computed - begin, now_ns() - computed};
        given += sizeof message;
        const uint64_t now = now_ns(), taken = given - (uint64_t)unacknowledged(stream);
        if (now - last_progress > longest) longest = now - last_progress;
        if (taken != acknowledged) acknowledged = taken, last_progress = now;
    }
    int status = 0;
    if (child != 0 && (waitpid(child, &status, 0) != child || status != 0)) fail(command);
    close(stream);
    printf("sample %s\n", variant);
    if (command != NULL)
        printf("replaced at=%llu total=%llu unacknowledged=%llu\n", (unsigned long long)swap->begin,
               (unsigned long long)(swap->end - swap->begin), (unsigned long long)longest);
    for (unsigned i = 0; i < n; ++i)
        printf("round %llu %llu %llu\n", (unsigned long long)rounds[i].at, (unsigned long long)rounds[i].computed,
               (unsigned long long)rounds[i].sent);
}

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    host = argv[1], port = argv[2];
    const int samples = atoi(argv[3]);
    struct swap* swap = mmap(NULL, sizeof *swap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (swap == MAP_FAILED) fail("mmap");
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    for (int i = 0; i < samples; ++i) sample("none", NULL, 0, swap);
    fflush(stdout);  // a child must not print it again
    srand(1);
    for (int i = 0; i < samples; ++i) {
        sample("module", argv[4], 15000 + (unsigned)rand() % 20000, swap);
        fflush(stdout);
    }
    printf("bench network done\n");
    return 0;
}
