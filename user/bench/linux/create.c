// Creating a process under Linux, as `ant bench create`: vfork, exec and the end of a program of a given size whose file is in
// memory. Arguments: pairs of a name and a program.
#define _GNU_SOURCE
#include "figure.h"

#include <sys/wait.h>
#include <unistd.h>

enum { runs = 200, warm_up = 10 };
static uint64_t samples[runs];

static uint64_t one(const char* program) {
    char* const arguments[] = {(char*)program, NULL};
    char* const environment[] = {NULL};
    int status;
    const uint64_t start = ticks();
    const pid_t child = vfork();
    if (child < 0) fail("vfork");
    if (child == 0) {
        execve(program, arguments, environment);
        _exit(1);
    }
    if (waitpid(child, &status, 0) != child || status != 0) fail(program);
    return ticks() - start;
}

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        for (int run = -warm_up; run < runs; ++run) {
            const uint64_t took = one(argv[i + 1]);
            if (run >= 0) samples[run] = took;
        }
        char name[64];
        snprintf(name, sizeof name, "create.%s", argv[i]);
        print_samples(name, "instructions", samples, runs);
    }
    printf("bench create done\n");
    return 0;
}
