/* The C library on AnT: formatted output with floating point, memory, arguments, environment, time. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int failures;

static void check(const char* what, int good) {
    printf("chello: %s: %s\n", what, good ? "ok" : "FAILED");
    if (!good) ++failures;
}

static void test_format(void) {
    char text[64];
    snprintf(text, sizeof text, "%.6f %5.1e %d", 3.0 * atan2(1.0, 1.0) + 0.5, 12345.678, -7);
    check("printf %f", strcmp(text, "2.856194 1.2e+04 -7") == 0);
    check("strtod", fabs(strtod("2.5e3", NULL) - 2500.0) < 1e-9);
}

static void test_memory(void) {
    enum { blocks = 200 };
    char* block[blocks];
    int good = 1;
    for (int i = 0; i < blocks; ++i) {
        size_t bytes = (size_t)(i * 997 % 40000 + 1);
        block[i] = malloc(bytes);
        if (block[i] == NULL) {
            good = 0;
            continue;
        }
        memset(block[i], i, bytes);
    }
    for (int i = 0; i < blocks; ++i) {
        if (block[i] == NULL) continue;
        size_t bytes = (size_t)(i * 997 % 40000 + 1);
        good &= block[i][0] == (char)i && block[i][bytes - 1] == (char)i;
        free(block[i]);
    }
    check("malloc and free", good);

    char* large = malloc(300000);
    if (large != NULL) memset(large, 0x5a, 300000);
    char* larger = realloc(large, 900000);
    check("realloc", larger != NULL && larger[0] == 0x5a && larger[299999] == 0x5a);
    free(larger != NULL ? larger : large);

    char* zeroed = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int clean = zeroed != MAP_FAILED;
    for (int i = 0; clean && i < 65536; ++i) clean &= zeroed[i] == 0;
    check("mmap", clean && munmap(zeroed, 65536) == 0);
}

static void test_time(void) {
    struct timespec before, after, pause = {0, 5000000};
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t ns = (int64_t)(after.tv_sec - before.tv_sec) * 1000000000 + (after.tv_nsec - before.tv_nsec);
    check("nanosleep", ns >= 5000000);
    char text[32];
    time_t now = time(NULL);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    printf("chello: time %s\n", text);
}

/* A system call must leave the floating-point registers alone. */
static void test_registers(void) {
    double sum = 0;
    for (int i = 1; i <= 1000; ++i) {
        sum += 1.0 / i;
        getppid();
    }
    check("floating point across system calls", fabs(sum - 7.485470860550345) < 1e-12);
}

static void test_files(void) {
    unsigned char random[16] = {0};
    char line[64] = "";
    FILE *urandom = fopen("/dev/urandom", "rb"), *hosts = fopen("/etc/hosts", "r");
    check("/dev/urandom", urandom != NULL && fread(random, 1, sizeof random, urandom) == sizeof random);
    check("/etc/hosts", hosts != NULL && fgets(line, sizeof line, hosts) != NULL && strstr(line, "localhost") != NULL);
    if (urandom != NULL) fclose(urandom);
    if (hosts != NULL) fclose(hosts);
    FILE* missing = fopen("/no/such/file", "r");
    check("no such file", missing == NULL);
    if (missing != NULL) fclose(missing);
}

int main(int argc, char** argv) {
    printf("chello: hello from the C library, pid %d\n", (int)getpid());
    for (int i = 0; i < argc; ++i) printf("chello: argv[%d]=%s\n", i, argv[i]);
    const char* path = getenv("PATH");
    printf("chello: PATH=%s\n", path != NULL ? path : "(unset)");
    test_format();
    test_memory();
    test_time();
    test_registers();
    test_files();
    if (argc > 1 && strcmp(argv[1], "read") == 0) {
        char line[128];
        while (fgets(line, sizeof line, stdin) != NULL) printf("chello: read %zu: %s", strlen(line), line);
    }
    printf("chello: %s\n", failures == 0 ? "all good" : "some checks failed");
    return failures == 0 ? 0 : 1;
}
