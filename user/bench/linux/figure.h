// What the measuring programs for Linux share: the clock and the lines that tools/ant reads. One program per bench, compiled
// when it is measured (tools/antlib/linux_peer.py).
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// In the instruction-exact mode the counter goes up by one with each instruction, and stands for no idle time in between.
static inline uint64_t ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static inline int by_value(const void* a, const void* b) {
    const uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
    return x < y ? -1 : x > y;
}

// The median in front. Sorts the samples.
static inline void print_samples(const char* id, const char* unit, uint64_t* samples, unsigned n) {
    qsort(samples, n, sizeof *samples, by_value);
    printf("figure id=%s unit=%s n=%u value=%llu min=%llu p50=%llu p99=%llu max=%llu\n", id, unit, n,
           (unsigned long long)samples[n / 2], (unsigned long long)samples[0], (unsigned long long)samples[n / 2],
           (unsigned long long)samples[n * 99 / 100], (unsigned long long)samples[n - 1]);
}

static inline void print_value(const char* id, const char* unit, uint64_t value) {
    printf("figure id=%s unit=%s n=1 value=%llu\n", id, unit, (unsigned long long)value);
}

_Noreturn static inline void fail(const char* what) {
    perror(what);
    exit(1);
}
