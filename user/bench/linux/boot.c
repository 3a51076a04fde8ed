// When the first program runs, and what memory is used then. The counter was 0 at power-on; the kernel's clock at its entry.
#define _GNU_SOURCE
#include "figure.h"

#include <string.h>
#include <time.h>

static uint64_t memory_kib(const char* name) {
    char line[128];
    unsigned long long kib = 0;
    FILE* file = fopen("/proc/meminfo", "r");
    if (file == NULL) fail("/proc/meminfo");
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) sscanf(line + strlen(name), ": %llu", &kib);
    fclose(file);
    return kib;
}

// Argument: the machine's memory in MiB.
int main(int argc, char** argv) {
    const uint64_t since_power_on = ticks();
    struct timespec since_entry;
    if (argc != 2 || clock_gettime(CLOCK_BOOTTIME, &since_entry) != 0) return 1;
    print_value("boot.power_on_to_init", "ns", since_power_on);
    print_value("boot.kernel_to_init", "ns", (uint64_t)since_entry.tv_sec * 1000000000 + (uint64_t)since_entry.tv_nsec);
    print_value("memory.system", "bytes", ((uint64_t)atoi(argv[1]) * 1024 - memory_kib("MemFree")) * 1024);
    printf("bench boot done\n");
    return 0;
}
