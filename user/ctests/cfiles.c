/* Files through the C library: contents, names, directories, locks, mappings, and the errno of what must fail.
 * cfiles [DIRECTORY]     all checks, in DIRECTORY (/home)
 * cfiles lock FILE MS    keeps a record lock on FILE for so long, and waits for it unless MS is 0
 * cfiles write FILE MIB SEED, cfiles check FILE MIB SEED     a long file, in large pieces */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int failures;

static void check(const char* what, int good) {
    if (!good) printf("cfiles: %s: FAILED, errno %d (%s)\n", what, errno, strerror(errno));
    if (!good) ++failures;
}

static void fails(const char* what, long result, int expected) {
    int good = result == -1 && errno == expected;
    if (!good) printf("cfiles: %s: FAILED, result %ld, errno %d, expected %d\n", what, result, errno, expected);
    if (!good) ++failures;
}

static void fill(uint8_t* data, size_t bytes, uint64_t seed) {
    for (size_t i = 0; i < bytes; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(seed >> 56);
    }
}

static void test_contents(void) {
    static uint8_t out[300001], in[300001];
    fill(out, sizeof out, 1);
    int f = open("data", O_RDWR | O_CREAT | O_EXCL, 0666);
    check("create", f >= 0);
    if (f < 0) return;
    fails("create again", open("data", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
    check("write", write(f, out, sizeof out) == sizeof out);
    check("seek",
          lseek(f, -5, SEEK_END) == (off_t)sizeof out - 5 && read(f, in, 10) == 5 && memcmp(in, out + sizeof out - 5, 5) == 0);
    check("pread", pread(f, in, sizeof in, 0) == sizeof in && memcmp(in, out, sizeof in) == 0);
    check("pread behind the end", pread(f, in, 10, 1 << 20) == 0);
    check("a hole", pwrite(f, "end", 3, 1000000) == 3 && pread(f, in, 16, 500000) == 16 && in[0] == 0 && in[15] == 0);
    struct stat status;
    check("fstat",
          fstat(f, &status) == 0 && status.st_size == 1000003 && S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0644);
    check("times", llabs((long long)(status.st_mtime - time(NULL))) < 3600);
    check("ftruncate", ftruncate(f, 100) == 0 && fstat(f, &status) == 0 && status.st_size == 100);
    fails("negative size", ftruncate(f, -1), EINVAL);
    check("fsync", fsync(f) == 0 && fdatasync(f) == 0);
    close(f);
    fails("closed", write(f, "x", 1), EBADF);
    f = open("data", O_RDONLY);
    fails("write to a file opened for reading", write(f, "x", 1), EBADF);
    close(f);
    check("append", (f = open("data", O_WRONLY | O_APPEND)) >= 0 && write(f, "tail", 4) == 4 && lseek(f, 0, SEEK_CUR) == 104);
    close(f);
    check("O_TRUNC", (f = open("data", O_WRONLY | O_TRUNC)) >= 0 && fstat(f, &status) == 0 && status.st_size == 0);
    close(f);
}

static void test_streams(void) {
    FILE* f = fopen("text", "w+");
    check("fopen", f != NULL);
    if (f == NULL) return;
    for (int i = 0; i < 5000; ++i) fprintf(f, "line %d\n", i);
    check("fseek", fseek(f, 0, SEEK_SET) == 0);
    char line[64];
    int good = 1;
    for (int i = 0; i < 5000; ++i) {
        char expected[64];
        snprintf(expected, sizeof expected, "line %d\n", i);
        good &= fgets(line, sizeof line, f) != NULL && strcmp(line, expected) == 0;
    }
    check("fgets", good && fgets(line, sizeof line, f) == NULL && feof(f));
    check("ftell", ftell(f) == 48890);
    fclose(f);
    f = tmpfile();
    check("tmpfile", f != NULL && fputs("gone", f) >= 0 && fflush(f) == 0 && fseek(f, 1, SEEK_SET) == 0 && fgetc(f) == 'o');
    if (f != NULL) fclose(f);
}

static void test_names(void) {
    struct stat status;
    check("mkdir", mkdir("dir", 0777) == 0);
    fails("mkdir again", mkdir("dir", 0777), EEXIST);
    fails("mkdir below nothing", mkdir("none/dir", 0777), ENOENT);
    fails("below a file", open("text/x", O_RDONLY), ENOTDIR);
    fails("open a directory for writing", open("dir", O_WRONLY), EISDIR);
    fails("O_DIRECTORY", open("text", O_RDONLY | O_DIRECTORY), ENOTDIR);
    check("rename", rename("text", "dir/text") == 0 && stat("text", &status) == -1 && errno == ENOENT);
    fails("rename nothing", rename("none", "some"), ENOENT);
    fails("rename into itself", rename("dir", "dir/sub"), EINVAL);
    fails("rmdir of a full one", rmdir("dir"), ENOTEMPTY);
    fails("rmdir of a file", rmdir("dir/text"), ENOTDIR);
    fails("unlink of a directory", unlink("dir"), EISDIR);
    check("link", link("dir/text", "hard") == 0 && stat("hard", &status) == 0 && status.st_nlink == 2);
    fails("link over a name", link("dir/text", "hard"), EEXIST);
    check("symlink", symlink("dir/text", "soft") == 0 && lstat("soft", &status) == 0 && S_ISLNK(status.st_mode));
    char target[16] = "";
    check("readlink", readlink("soft", target, sizeof target) == 8 && memcmp(target, "dir/text", 8) == 0);
    fails("readlink of a file", readlink("hard", target, sizeof target), EINVAL);
    check("through a link", stat("soft", &status) == 0 && S_ISREG(status.st_mode));
    fails("O_NOFOLLOW", open("soft", O_RDONLY | O_NOFOLLOW), ELOOP);
    check("a loop", symlink("loop", "loop") == 0);
    fails("through a loop", open("loop", O_RDONLY), ELOOP);
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    fails("a name too long", open(name, O_WRONLY | O_CREAT, 0666), ENAMETOOLONG);
    fails("renameat2", syscall(SYS_renameat2, AT_FDCWD, "hard", AT_FDCWD, "soft", 1), EEXIST);
    check("chmod", chmod("hard", 0600) == 0 && stat("hard", &status) == 0 && (status.st_mode & 0777) == 0600);
    struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
    check("utimensat", utimensat(AT_FDCWD, "hard", times, 0) == 0 && stat("hard", &status) == 0 && status.st_mtime == 1100000000);
    check("access", access("hard", R_OK | W_OK) == 0);
    fails("access to nothing", access("none", F_OK), ENOENT);
    struct statvfs space;
    check("statvfs", statvfs(".", &space) == 0 && space.f_bavail > 0 && space.f_bsize >= 1024);
}

static void test_directories(void) {
    char where[64] = "", name[32];
    check("chdir", chdir("dir/../dir/.") == 0 && getcwd(where, sizeof where) != NULL && strstr(where, "/dir") != NULL);
    fails("chdir to a file", chdir("text"), ENOTDIR);
    for (int i = 0; i < 100; ++i) {
        snprintf(name, sizeof name, "entry%d", i);
        int f = open(name, O_WRONLY | O_CREAT, 0666);
        close(f);
    }
    DIR* folder = opendir(".");
    int seen = 0, dots = 0;
    for (struct dirent* entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        seen += strncmp(entry->d_name, "entry", 5) == 0 && entry->d_type == DT_REG;
        dots += strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    check("readdir", seen == 100 && dots == 2);
    if (folder != NULL) {
        rewinddir(folder);
        check("rewinddir", readdir(folder) != NULL);
        check("unlinkat", unlinkat(dirfd(folder), "entry99", 0) == 0 && access("entry99", F_OK) == -1);
        closedir(folder);
    }
    for (int i = 0; i < 99; ++i) {
        snprintf(name, sizeof name, "entry%d", i);
        check("unlink", unlink(name) == 0);
    }
    check("back", chdir("..") == 0);
}

static void test_mappings(void) {
    static uint8_t out[10000];
    fill(out, sizeof out, 2);
    int f = open("mapped", O_RDWR | O_CREAT, 0666);
    check("write", write(f, out, sizeof out) == sizeof out);
    uint8_t* in = mmap(NULL, sizeof out, PROT_READ, MAP_PRIVATE, f, 0);
    check("mmap", in != MAP_FAILED && memcmp(in, out, sizeof out) == 0 && in[sizeof out] == 0);
    if (in != MAP_FAILED) munmap(in, sizeof out);
    in = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 4096);
    check("mmap from the middle", in != MAP_FAILED && memcmp(in, out + 4096, 4096) == 0);
    if (in != MAP_FAILED) {
        in[0] ^= 1;
        uint8_t byte;
        check("a copy", pread(f, &byte, 1, 4096) == 1 && byte == out[4096]);
    }
    check("shared and writable", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) == MAP_FAILED && errno == ENODEV);
    close(f);
}

static void test_locks(void) {
    int a = open("locked", O_RDWR | O_CREAT, 0666), b = open("locked", O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    check("record lock", fcntl(a, F_SETLK, &lock) == 0);
    check("one's own is not in the way", fcntl(b, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
    check("flock", flock(a, LOCK_EX) == 0);
    fails("flock of another descriptor", flock(b, LOCK_EX | LOCK_NB), EAGAIN);
    check("unlocked", flock(a, LOCK_UN) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0);
    close(a);
    close(b);
}

static void clean(void) {
    for (const char* const* name = (const char*[]){"data", "dir/text", "hard", "soft", "loop", "mapped", "locked", "text", NULL};
         *name; ++name)
        unlink(*name);
    rmdir("dir");
}

static int hold_lock(const char* path, int ms) {
    int f = open(path, O_RDWR | O_CREAT, 0666);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (f < 0 || fcntl(f, ms != 0 ? F_SETLKW : F_SETLK, &lock) != 0) {
        printf("cfiles: no lock: %s\n", strerror(errno));
        return 1;
    }
    printf("cfiles: locked\n");
    fflush(stdout);
    usleep((useconds_t)ms * 1000);
    return 0;
}

// Two of these, with the files the other way round, would wait for each other for ever.
static int lock_both(const char* first, const char* second) {
    int a = open(first, O_RDWR | O_CREAT, 0666), b = open(second, O_RDWR | O_CREAT, 0666);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, other;
    int good = a >= 0 && b >= 0 && fcntl(a, F_SETLK, &lock) == 0;
    do {
        usleep(10000);
        other = lock;
        good = good && fcntl(b, F_GETLK, &other) == 0;
    } while (good && other.l_type == F_UNLCK);
    good = good && fcntl(b, F_SETLKW, &lock) == 0;
    printf("cfiles: %s\n", good ? "both locked" : strerror(errno));
    return good ? 0 : 1;
}

static int who(const char* path) {
    struct stat status = {0};
    int f = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    int good = f >= 0 && fstat(f, &status) == 0 && status.st_uid == getuid() && status.st_gid == getgid() &&
               geteuid() == getuid() && getegid() == getgid() && getauxval(AT_UID) == getuid() && getauxval(AT_GID) == getgid() &&
               getauxval(AT_EUID) == geteuid() && getauxval(AT_EGID) == getegid();
    printf("cfiles: user %u, group %u, %s\n", getuid(), getgid(), good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

static int long_file(const char* path, int mib, uint64_t seed, int writes) {
    static uint8_t piece[1 << 20], expected[1 << 20];
    int f = writes ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : open(path, O_RDONLY);
    int good = f >= 0;
    if (!good) printf("cfiles: %s: %s\n", path, strerror(errno));
    for (int i = 0; good && i < mib; ++i) {
        fill(expected, sizeof expected, seed + (uint64_t)i);
        if (writes)
            good = write(f, expected, sizeof expected) == sizeof expected;
        else
            good = read(f, piece, sizeof piece) == sizeof piece && memcmp(piece, expected, sizeof piece) == 0;
        if (!good) printf("cfiles: wrong in MiB %d: %s\n", i, strerror(errno));
    }
    if (good && writes) good = fsync(f) == 0;
    if (good && !writes) good = read(f, piece, 1) == 0;
    printf("cfiles: %d MiB %s\n", mib, good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

int main(int argc, char** argv) {
    if (argc == 4 && strcmp(argv[1], "lock") == 0) return hold_lock(argv[2], atoi(argv[3]));
    if (argc == 4 && strcmp(argv[1], "lock-both") == 0) return lock_both(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "who") == 0) return who(argv[2]);
    if (argc == 5) return long_file(argv[2], atoi(argv[3]), strtoull(argv[4], NULL, 0), strcmp(argv[1], "write") == 0);
    if (chdir(argc > 1 ? argv[1] : "/home") != 0) {
        printf("cfiles: %s\n", strerror(errno));
        return 1;
    }
    clean();
    test_contents();
    test_streams();
    test_names();
    test_directories();
    test_mappings();
    test_locks();
    clean();
    printf("cfiles: %s\n", failures == 0 ? "all good" : "some checks failed");
    return failures == 0 ? 0 : 1;
}
