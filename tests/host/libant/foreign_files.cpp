// The files of C programs, against Linux: the layer on a file server of a folder, and Linux itself in another folder, get the
// same calls and must give the same answers.
#include "libant/libc/foreign.hpp"

#include <ant/files.hpp>

#include <catch2/catch.hpp>

#include <asm/unistd_64.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>

#include "folder_server.hpp"
#include "foreign_call.hpp"

using fake::Core;

namespace {

template <class... A>
long linux_call(long number, A... arguments) {
    const long result = ::syscall(number, word(arguments)...);
    return result == -1 ? -errno : result;
}

std::unique_ptr<fake::FolderServer> server;

// Two empty folders: the server's, and the working directory of Linux's side.
struct Folders {
    Folders() {
        static const bool once = [] {
            Core::get().reset();
            return true;
        }();
        (void)once;
        char name[] = "/tmp/foreign-files-XXXXXX";
        base = mkdtemp(name);
        std::filesystem::create_directories(base + "/ours");
        std::filesystem::create_directories(base + "/theirs");
        server = std::make_unique<fake::FolderServer>(base + "/ours");
        fake::on(fake::Syscall::request) = [](const fake::Call& call) { return server->serve(call); };
        fake::on(fake::Syscall::memory_map) = [](const fake::Call& call) {
            mmap(reinterpret_cast<void*>(call.a), call.b, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            return fake::Raw{};
        };
        fake::on(fake::Syscall::memory_unmap) = [](const fake::Call& call) {
            munmap(reinterpret_cast<void*>(call.a), call.b);
            return fake::Raw{};
        };
        before = std::filesystem::current_path();
        std::filesystem::current_path(base + "/theirs");
        umask(022);
        REQUIRE(ant_call(__NR_chdir, "/") == 0);
    }
    ~Folders() {
        std::filesystem::current_path(before);
        std::filesystem::remove_all(base);
    }
    std::string base;
    std::filesystem::path before;
};

// Both sides get the call, with descriptors of their own.
template <class... A>
long both(long number, A... arguments) {
    const long ours = ant_call(number, arguments...), theirs = linux_call(number, arguments...);
    CAPTURE(number);
    CHECK(ours == theirs);
    return ours;
}

struct Descriptor {
    long ours, theirs;
};
Descriptor open_both(const char* path, int flags, int mode = 0644) {
    const Descriptor d{ant_call(__NR_open, path, flags, mode), linux_call(__NR_open, path, flags, mode)};
    CAPTURE(path, flags);
    CHECK((d.ours < 0 ? d.ours : 0) == (d.theirs < 0 ? d.theirs : 0));
    return d;
}
template <class... A>
long both_on(Descriptor d, long number, A... arguments) {
    const long ours = ant_call(number, d.ours, arguments...), theirs = linux_call(number, d.theirs, arguments...);
    CAPTURE(number);
    CHECK(ours == theirs);
    return ours;
}

std::string bytes_of(unsigned seed, std::size_t length) {
    std::string data(length, '\0');
    std::mt19937 random{seed};
    for (char& c : data) c = static_cast<char>(random());
    return data;
}

void compare_status(const char* path) {
    struct stat ours {
    }, theirs{};
    const long a = ant_call(__NR_lstat, path, &ours), b = linux_call(__NR_lstat, path, &theirs);
    CAPTURE(path);
    CHECK(a == b);
    if (a != 0 || b != 0) return;
    CHECK(ours.st_mode == theirs.st_mode);
    CHECK(ours.st_nlink == theirs.st_nlink);
    if (!S_ISDIR(ours.st_mode)) CHECK(ours.st_size == theirs.st_size);
}

std::string contents(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

void compare_trees(const std::string& base) {
    std::map<std::string, std::string> tree[2];
    for (int side = 0; side < 2; ++side) {
        const std::filesystem::path root = base + (side == 0 ? "/ours" : "/theirs");
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
            tree[side][entry.path().string().substr(root.string().size())] =
                entry.is_symlink()     ? "-> " + std::filesystem::read_symlink(entry.path()).string()
                : entry.is_directory() ? "directory"
                                       : contents(entry.path());
        }
    }
    CHECK(tree[0] == tree[1]);
}

}  // namespace

TEST_CASE("a file is created, written, read, sought, cut", "[files]") {
    const Folders folders;
    const std::string data = bytes_of(1, 700'000);
    const Descriptor f = open_both("file", O_RDWR | O_CREAT | O_EXCL, 0666);
    CHECK(both_on(f, __NR_write, data.data(), data.size()) == 700'000);
    CHECK(both_on(f, __NR_lseek, 0, SEEK_CUR) == 700'000);
    CHECK(both_on(f, __NR_lseek, -300'001, SEEK_END) == 399'999);
    std::string got(data.size(), '\0');
    CHECK(both_on(f, __NR_read, got.data(), got.size()) == 300'001);
    CHECK(got.substr(0, 300'001) == data.substr(399'999));
    CHECK(both_on(f, __NR_pread64, got.data(), got.size(), 0) == 700'000);
    CHECK(got == data);
    CHECK(both_on(f, __NR_pwrite64, "hole", 4, 800'000) == 4);
    CHECK(both_on(f, __NR_ftruncate, 1'000) == 0);
    CHECK(both_on(f, __NR_read, got.data(), 10) == 0);
    both_on(f, __NR_lseek, -1, SEEK_SET);
    both_on(f, __NR_lseek, 0, 77);
    both_on(f, __NR_ftruncate, -1);
    both_on(f, __NR_fsync);
    both_on(f, __NR_close);
    open_both("file", O_RDWR | O_CREAT | O_EXCL);
    open_both("none", O_RDONLY);
    open_both("file/below", O_RDONLY);
    open_both("file", O_RDONLY | O_DIRECTORY);
    open_both(".", O_WRONLY);
    open_both("", O_RDONLY);
    open_both((std::string(300, 'x')).c_str(), O_RDONLY);
    compare_status("file");
    compare_trees(folders.base);
}

TEST_CASE("modes of opening bind", "[files]") {
    const Folders folders;
    char buffer[8];
    const Descriptor out = open_both("file", O_WRONLY | O_CREAT), in = open_both("file", O_RDONLY),
                     folder = open_both(".", O_RDONLY);
    both_on(out, __NR_read, buffer, 8);
    both_on(in, __NR_write, "x", 1);
    both_on(in, __NR_ftruncate, 0);
    both_on(folder, __NR_read, buffer, 8);
    both_on(folder, __NR_write, "x", 1);
    both_on(in, __NR_getdents64, buffer, 8);
    both_on(folder, __NR_getdents64, buffer, 8);
    both_on(out, __NR_mmap);
    for (const Descriptor& d : {out, in, folder}) both_on(d, __NR_close);
}

TEST_CASE("appending, and where the position is then", "[files]") {
    const Folders folders;
    const Descriptor a = open_both("log", O_RDWR | O_CREAT | O_APPEND), b = open_both("log", O_RDWR | O_APPEND);
    both_on(a, __NR_write, "one", 3);
    both_on(b, __NR_write, "four", 4);
    both_on(a, __NR_write, "two", 3);
    CHECK(both_on(a, __NR_lseek, 0, SEEK_CUR) == 10);
    both_on(a, __NR_lseek, 2, SEEK_SET);
    char buffer[16] = {};
    CHECK(both_on(a, __NR_read, buffer, 16) == 8);
    CHECK(std::string(buffer, 8) == "efourtwo");
    CHECK((ant_call(__NR_fcntl, a.ours, F_GETFL, 0) & O_APPEND) != 0);
    both_on(a, __NR_fcntl, F_SETFL, 0);
    both_on(a, __NR_pwrite64, "X", 1, 0);
    both_on(a, __NR_close);
    both_on(b, __NR_close);
    compare_trees(folders.base);
}

TEST_CASE("who reads on and on reads ahead", "[files]") {
    const Folders folders;
    std::ofstream{folders.base + "/ours/file"} << bytes_of(4, 50'000);
    const long f = ant_call(__NR_open, "file", O_RDONLY);
    char buffer[1000];
    for (int i = 0; i < 20; ++i) CHECK(ant_call(__NR_read, f, buffer, 1000) == 1000);
    CHECK(server->ahead == 20);
    for (int i = 20; i > 0; --i) {
        CHECK(ant_call(__NR_lseek, f, i * 2000, SEEK_SET) == i * 2000);
        CHECK(ant_call(__NR_read, f, buffer, 500) == 500);
    }
    CHECK(ant_call(__NR_pread64, f, buffer, 500, 0) == 500);
    CHECK(server->ahead == 20);
    CHECK(ant_call(__NR_close, f) == 0);
}

TEST_CASE("vectors are one transfer if they are short", "[files]") {
    const Folders folders;
    const Descriptor f = open_both("file", O_RDWR | O_CREAT);
    char a[3] = {'a', 'b', 'c'}, b[5] = {'d', 'e', 'f', 'g', 'h'};
    const struct iovec out[] = {{a, 3}, {nullptr, 0}, {b, 5}};
    server->count.clear();
    CHECK(both_on(f, __NR_writev, out, 3) == 8);
    CHECK(server->count["write"] == 1);
    both_on(f, __NR_lseek, 1, SEEK_SET);
    const struct iovec in[] = {{b, 5}, {a, 3}};
    CHECK(both_on(f, __NR_readv, in, 2) == 7);
    CHECK(std::string(b, 5) == "bcdef");
    CHECK(std::string(a, 2) == "gh");
    std::string large(9'000, 'l');
    const struct iovec more[] = {{large.data(), large.size()}, {a, 2}};
    CHECK(both_on(f, __NR_writev, more, 2) == 9'002);
    both_on(f, __NR_close);
    compare_trees(folders.base);
}

TEST_CASE("directories, links and names", "[files]") {
    const Folders folders;
    both(__NR_mkdir, "d", 0777);
    both(__NR_mkdir, "d", 0777);
    both(__NR_mkdir, "d/e", 0700);
    both(__NR_rmdir, "d");
    both(__NR_unlink, "d");
    both(__NR_mkdir, "x/y", 0777);
    open_both("d/f", O_CREAT | O_WRONLY, 0600);
    both(__NR_link, "d/f", "g");
    both(__NR_symlink, "d/f", "s");
    both(__NR_symlink, "loop", "loop");
    open_both("loop", O_RDONLY);
    open_both("s", O_RDONLY | O_NOFOLLOW);
    char ours[8] = {}, theirs[8] = {};
    CHECK(ant_call(__NR_readlink, "s", ours, 2) == linux_call(__NR_readlink, "s", theirs, 2));
    CHECK(std::string{ours} == theirs);
    both(__NR_readlink, "g", ours, 8);
    both(__NR_rename, "g", "d/g");
    both(__NR_rename, "none", "d/g");
    both(__NR_rename, "d", "d/e/d");
    both(__NR_renameat2, AT_FDCWD, "s", AT_FDCWD, "d/g", 1 /* RENAME_NOREPLACE */);
    both(__NR_rmdir, "d/f");
    both(__NR_access, "d/f", R_OK);
    both(__NR_access, "d/none", F_OK);
    both(__NR_chmod, "d/f", 0400);
    both(__NR_truncate, "d/f", 5000);
    both(__NR_unlinkat, AT_FDCWD, "d/e", AT_REMOVEDIR);
    both(__NR_umask, 077);
    open_both("private", O_CREAT | O_WRONLY, 0666);
    both(__NR_umask, 022);
    for (const char* path : {"d", "d/f", "d/g", "s", "private", "none", "d/f/x", "."}) compare_status(path);
    compare_trees(folders.base);
}

TEST_CASE("the working directory, and paths relative to open directories", "[files]") {
    const Folders folders;
    both(__NR_mkdir, "a", 0777);
    both(__NR_mkdir, "a/b", 0777);
    both(__NR_symlink, "a/b", "link");
    char where[64] = {};
    CHECK(ant_call(__NR_getcwd, where, 64) == 2);
    CHECK(both(__NR_chdir, "link/../b/.") == 0);
    CHECK(ant_call(__NR_getcwd, where, 64) == 5);
    CHECK(std::string{where} == "/a/b");
    CHECK(ant_call(__NR_getcwd, where, 4) == -ERANGE);
    both(__NR_chdir, "none");
    open_both("here", O_CREAT | O_WRONLY);
    both(__NR_chdir, "here");
    compare_status("../b/here");
    const Descriptor parent = open_both("..", O_RDONLY | O_DIRECTORY);
    both_on(parent, __NR_mkdirat, "c", 0700);
    both_on(parent, __NR_unlinkat, "b/here", 0);
    const Descriptor file = open_both("there", O_CREAT | O_WRONLY);
    both_on(file, __NR_mkdirat, "c", 0700);
    both_on(file, __NR_fchdir);
    CHECK(both_on(parent, __NR_fchdir) == 0);
    CHECK(ant_call(__NR_getcwd, where, 64) == 3);
    both(__NR_chdir, "../../../..");
    CHECK(ant_call(__NR_getcwd, where, 64) == 2);
    CHECK(linux_call(__NR_fchdir, parent.theirs) == 0);
    both_on(parent, __NR_close);
    both_on(file, __NR_close);
    compare_trees(folders.base);
}

TEST_CASE("a directory of a thousand names is read in pieces", "[files]") {
    const Folders folders;
    std::map<std::string, int> seen;
    for (int i = 0; i < 1000; ++i) {
        std::string name = "file" + std::to_string(i);
        name.append(static_cast<std::size_t>(i % 50), 'x');
        std::ofstream{folders.base + "/ours/" + name};
        seen[name] = 0;
    }
    const long folder = ant_call(__NR_open, ".", O_RDONLY | O_DIRECTORY);
    REQUIRE(folder >= 0);
    alignas(8) char buffer[2048];
    for (int round = 0; round < 2; ++round) {
        for (;;) {
            const long bytes = ant_call(__NR_getdents64, folder, buffer, sizeof buffer);
            REQUIRE(bytes >= 0);
            if (bytes == 0) break;
            for (long at = 0; at < bytes;) {
                const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
                ++seen[entry->d_name];
                at += entry->d_reclen;
            }
        }
        CHECK(ant_call(__NR_lseek, folder, 0, SEEK_SET) == 0);
    }
    CHECK(seen.size() == 1002);
    for (const auto& [name, times] : seen) CHECK(times == 2);
    CHECK(ant_call(__NR_close, folder) == 0);
}

TEST_CASE("mapped files are copies, zero behind the end", "[files]") {
    const Folders folders;
    const std::string data = bytes_of(2, 10'000);
    std::ofstream{folders.base + "/ours/file", std::ios::binary} << data;
    const long f = ant_call(__NR_open, "file", O_RDONLY), folder = ant_call(__NR_open, ".", O_RDONLY);
    const long at = ant_call(__NR_mmap, 0, 20'000, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 4096);
    REQUIRE(at > 0);
    auto* mapped = reinterpret_cast<char*>(at);
    CHECK(std::memcmp(mapped, data.data() + 4096, 10'000 - 4096) == 0);
    for (std::size_t i = 10'000 - 4096; i < 20'480; ++i) REQUIRE(mapped[i] == 0);
    mapped[0] = static_cast<char>(~mapped[0]);
    CHECK(contents(folders.base + "/ours/file") == data);
    CHECK(ant_call(__NR_munmap, at, 20'000) == 0);
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) == -ENODEV);
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, folder, 0) == -ENODEV);
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, f, 17) == -EINVAL);
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 99, 0) == -EBADF);
    const long shared = ant_call(__NR_mmap, 0, 4096, PROT_READ, MAP_SHARED, f, 0);
    REQUIRE(shared > 0);
    CHECK(std::memcmp(reinterpret_cast<char*>(shared), data.data(), 4096) == 0);
    CHECK(ant_call(__NR_close, f) == 0);
    CHECK(ant_call(__NR_close, folder) == 0);
}

TEST_CASE("record locks in all directions", "[files]") {
    const Folders folders;
    const long a = ant_call(__NR_open, "file", O_RDWR | O_CREAT, 0644), b = ant_call(__NR_open, "file", O_RDWR);
    CHECK(ant_call(__NR_write, a, "0123456789", 10) == 10);
    const auto lock = [](long fd, int command, short type, short whence, long start, long bytes) {
        struct flock wanted {};
        wanted.l_type = type, wanted.l_whence = whence, wanted.l_start = start, wanted.l_len = bytes;
        const long result = ant_call(__NR_fcntl, fd, command, &wanted);
        return std::tuple{result, wanted};
    };
    CHECK(std::get<0>(lock(a, F_SETLK, F_WRLCK, SEEK_CUR, -2, 4)) == 0);  // 8 to 12
    CHECK(std::get<0>(lock(b, F_SETLK, F_WRLCK, SEEK_SET, 0, 0)) == -EAGAIN);
    CHECK(std::get<0>(lock(b, F_SETLK, F_RDLCK, SEEK_END, -2, -3)) == 0);  // 5 to 8
    const auto [result, in_the_way] = lock(b, F_GETLK, F_WRLCK, SEEK_SET, 0, 0);
    CHECK(result == 0);
    CHECK(in_the_way.l_type == F_WRLCK);
    CHECK(in_the_way.l_start == 8);
    CHECK(in_the_way.l_len == 4);
    CHECK(in_the_way.l_pid == 42);
    CHECK(std::get<1>(lock(b, F_GETLK, F_WRLCK, SEEK_SET, 0, 3)).l_type == F_UNLCK);
    CHECK(std::get<0>(lock(a, F_SETLK, F_UNLCK, SEEK_SET, 0, 0)) == 0);
    CHECK(std::get<0>(lock(b, F_SETLK, F_WRLCK, SEEK_SET, 0, 0)) == 0);
    CHECK(std::get<0>(lock(b, F_SETLK, F_WRLCK, SEEK_SET, -1, 0)) == -EINVAL);
    CHECK(std::get<0>(lock(b, F_SETLK, 9, SEEK_SET, 0, 0)) == -EINVAL);
    CHECK(std::get<0>(lock(0, F_SETLK, F_WRLCK, SEEK_SET, 0, 0)) == -EINVAL);
    const long in = ant_call(__NR_open, "file", O_RDONLY);
    CHECK(std::get<0>(lock(in, F_SETLK, F_WRLCK, SEEK_SET, 0, 0)) == -EBADF);
    for (long fd : {a, b, in}) CHECK(ant_call(__NR_close, fd) == 0);
}

TEST_CASE("an area that is lost with the server is replaced", "[files]") {
    const Folders folders;
    const std::string data = bytes_of(3, 300'000);
    const long f = ant_call(__NR_open, "file", O_RDWR | O_CREAT, 0644);
    CHECK(ant_call(__NR_write, f, data.data(), data.size()) == 300'000);
    const unsigned areas = Core::get().areas;
    server->loses_areas = true;
    std::string got(data.size(), '\0');
    CHECK(ant_call(__NR_pread64, f, got.data(), got.size(), 0) == -EIO);
    CHECK(Core::get().areas == areas - 1);
    CHECK(ant_call(__NR_pread64, f, got.data(), got.size(), 0) == 300'000);
    CHECK(got == data);
    CHECK(Core::get().areas == areas);
    CHECK(ant_call(__NR_close, f) == 0);
}

TEST_CASE("random calls give what Linux gives", "[files][random]") {
    const unsigned seed = std::random_device{}();
    std::cout << "seed " << seed << "\n";
    const Folders folders;
    server->awkward = true;
    std::mt19937 random{seed};
    const auto below = [&](unsigned n) { return random() % n; };
    const char* const names[] = {"a", "b", "d", "d/a", "d/b", "d/e", "d/e/f", "l", "d/../b", "./a"};
    const auto name = [&] { return names[below(std::size(names))]; };
    std::vector<Descriptor> open;
    std::string ours(70'000, '\0'), theirs(70'000, '\0');
    for (int step = 0; step < 4000; ++step) {
        CAPTURE(seed, step);
        const char *first = name(), *second = name();
        if (below(3) == 0 && open.size() < 20) {
            const int flags = static_cast<int>(below(3)) | (below(2) != 0 ? O_CREAT : 0) | (below(6) == 0 ? O_EXCL : 0) |
                              (below(6) == 0 ? O_TRUNC : 0) | (below(6) == 0 ? O_APPEND : 0) | (below(9) == 0 ? O_NOFOLLOW : 0);
            const Descriptor d = open_both(first, flags);
            if (d.ours >= 0 && d.theirs >= 0) open.push_back(d);
        }
        const Descriptor d = open.empty() ? Descriptor{99, 999} : open[below(static_cast<unsigned>(open.size()))];
        const std::size_t bytes = below(4) == 0 ? below(70'000) : below(3'000);
        const long position = below(100'000);
        const std::string data = bytes_of(static_cast<unsigned>(step), bytes);
        switch (below(14)) {
            case 0:
                both_on(d, __NR_write, data.data(), bytes);
                (void)ant_call(__NR_lseek, d.ours, 0, SEEK_CUR);  // after an append the layer asks when it must
                break;
            case 1:
                both_on(d, __NR_pwrite64, data.data(), bytes, position);
                break;
            case 2:
            case 3: {
                const bool at = below(2) != 0;
                const long a = at ? ant_call(__NR_pread64, d.ours, ours.data(), bytes, position)
                                  : ant_call(__NR_read, d.ours, ours.data(), bytes);
                const long b = at ? linux_call(__NR_pread64, d.theirs, theirs.data(), bytes, position)
                                  : linux_call(__NR_read, d.theirs, theirs.data(), bytes);
                CHECK(a == b);
                if (a > 0 && a == b) CHECK(std::memcmp(ours.data(), theirs.data(), static_cast<std::size_t>(a)) == 0);
                break;
            }
            case 4: {
                struct stat status {};
                const bool folder = linux_call(__NR_fstat, d.theirs, &status) == 0 && S_ISDIR(status.st_mode);
                if (!folder) both_on(d, __NR_lseek, position - 1000, static_cast<int>(below(3)));
                break;
            }
            case 5:
                both_on(d, __NR_ftruncate, position);
                break;
            case 6:
                both_on(d, __NR_close);
                std::erase_if(open, [&](const Descriptor& other) { return other.ours == d.ours; });
                break;
            case 7:
                both(__NR_rename, first, second);
                break;
            case 8:
                both(__NR_unlink, first);
                break;
            case 9:
                both(__NR_mkdir, first, 0755);
                break;
            case 10:
                both(__NR_rmdir, first);
                break;
            case 11:
                both(__NR_link, first, second);
                break;
            case 12:
                both(__NR_symlink, first, second);
                break;
            default:
                compare_status(first);
        }
    }
    server->awkward = false;
    for (const Descriptor& d : open) both_on(d, __NR_close);
    compare_trees(folders.base);
}
