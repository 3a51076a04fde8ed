// The same as bench-disk, for Linux: reads and writes a file with O_DIRECT, one call at a time (tools/antlib/bench_disk.py).
#define _GNU_SOURCE
#include "figure.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char* name;
    int random, write;
} kinds[] = {{"seq.read", 0, 0}, {"rand.read", 1, 0}, {"seq.write", 0, 1}, {"rand.write", 1, 1}};
// The time of idling is known to a hundredth of a second only: not fewer operations.
static const struct { uint32_t bytes, operations; } sizes[] = {{4096, 4096}, {65536, 1024}, {1 << 20, 64}};
static const uint64_t file_bytes = 64 << 20;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// Idle and waiting for the disk, of /proc/stat.
static uint64_t idle_ns(void) {
    unsigned long long user, nice, system, idle, waiting;
    FILE* file = fopen("/proc/stat", "r");
    if (file == NULL || fscanf(file, "cpu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &waiting) != 5) exit(1);
    fclose(file);
    return (idle + waiting) * 10000000;
}

static uint64_t place(int random, uint64_t places, uint64_t n) { return random ? (n * 0x9e3779b97f4a7c15 + 12345) % places : n; }

static void print(const char* kind, uint32_t bytes, const char* what, const char* unit, uint64_t* value, unsigned n) {
    qsort(value, n, sizeof *value, by_value);
    printf("figure id=%s.%u.%s unit=%s n=%u value=%.3f min=%.3f p50=%.3f p99=%.3f max=%.3f\n", kind, bytes, what, unit, n,
           (double)value[n / 2] / 1000, (double)value[0] / 1000, (double)value[n / 2] / 1000, (double)value[n - 1] / 1000,
           (double)value[n - 1] / 1000);
}

int main(int argc, char** argv) {
    const unsigned runs = argc > 2 ? (unsigned)atoi(argv[2]) : 3;
    const int file = argc > 1 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
    void* buffer;
    if (file < 0 || posix_memalign(&buffer, 4096, 1 << 20) != 0 || runs == 0 || runs > 16) return 1;
    memset(buffer, 0x5a, 1 << 20);
    for (unsigned k = 0; k < 4; ++k) {
        for (unsigned s = 0; s < 3; ++s) {
            const uint64_t total = (uint64_t)sizes[s].bytes * sizes[s].operations;
            uint64_t speed[16], instructions[16];
            for (unsigned r = 0; r <= runs; ++r) {  // the first is not counted: the emulator translates what has not run before
                fsync(file);
                const uint64_t idle = idle_ns(), start = now_ns();
                for (uint64_t i = 0; i < sizes[s].operations; ++i) {
                    const off_t at = (off_t)(place(kinds[k].random, file_bytes / sizes[s].bytes, i) * sizes[s].bytes);
                    const ssize_t done =
                        kinds[k].write ? pwrite(file, buffer, sizes[s].bytes, at) : pread(file, buffer, sizes[s].bytes, at);
                    if (done != (ssize_t)sizes[s].bytes) return 1;
                }
                if (kinds[k].write) fdatasync(file);
                const uint64_t elapsed = now_ns() - start, waited = idle_ns() - idle;
                if (r == 0) continue;
                speed[r - 1] = total * 1000000 / elapsed;
                instructions[r - 1] = (elapsed > waited ? elapsed - waited : 0) * 1000000 / total;
            }
            print(kinds[k].name, sizes[s].bytes, "mb_per_s", "MB/s", speed, runs);
            print(kinds[k].name, sizes[s].bytes, "kinsn_per_mb", "kinsn/MB", instructions, runs);
        }
    }
    printf("bench disk done\n");
    return 0;
}
