#include "libant/libc/foreign.hpp"

#include <ant/interface/console.hpp>
#include <ant/interface/inet.hpp>
#include <ant/process.hpp>

#include <catch2/catch.hpp>

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

#include "fake_core.hpp"
#include "foreign_call.hpp"
#include "libant/libc/random.hpp"

using fake::Core;

namespace {

// Servers behind the calls: which function an identifier stands for, by name.
std::string called(const fake::Call& call) {
    for (const auto& [name, function] : Core::get().functions)
        if (function.first == (call.a & 0xffff'ffff)) return name;
    return {};
}

template <class T>
T& parameters(const fake::Call& call) {
    return *reinterpret_cast<T*>(call.b + (call.c & 0xffff'ffff));
}

std::string screen, typed;
std::uint32_t next_socket = 1;
std::map<std::string, int> count;

fake::Raw serve(const fake::Call& call) {
    const std::string name = called(call);
    ++count[name];
    fake::Raw r{};
    if (name.starts_with("file.")) return fake::failed(ant::Error::not_found);  // there is no file server
    if (name == "console.write") {
        const auto& text = parameters<ant::console::Text>(call);
        screen.append(text.text, text.bytes);
    } else if (name == "console.read") {
        if (typed.empty()) return fake::failed(ant::Error::would_block);
        auto& text = parameters<ant::console::Text>(call);
        text.bytes = static_cast<std::uint32_t>(typed.size());
        std::memcpy(text.text, typed.data(), typed.size());
        typed.clear();
    } else if (name == "inet.socket") {
        parameters<ant::inet::SocketId>(call).socket = next_socket++;
    } else if (name == "inet.interface") {
        parameters<ant::inet::Interface>(call).dns = 0x0a000203;
    } else if (name == "inet.connect") {
        const auto& to = parameters<ant::inet::Endpoint>(call).address;
        if (to.port == 1) return fake::failed(ant::Error::connection_refused);
    } else if (name == "inet.poll") {
        auto& poll = parameters<ant::inet::Poll>(call);
        poll.entry[0].ready = poll.entry[0].wanted & ant::inet::readiness::writable;
        r.rdx = poll.entry[0].ready != 0 ? 1 : 0;
    } else if (name == "inet.get_option") {
        parameters<ant::inet::SocketOption>(call).value = static_cast<std::uint64_t>(ant::Error::connection_reset);
    }
    return r;
}

void prepare() {
    // Clients of the layer keep what they looked up: the fake core forgets everything else.
    static const bool once = [] {
        Core::get().reset();
        return true;
    }();
    (void)once;
    Core::get().calls.clear();
    fake::on(fake::Syscall::request) = serve;
    screen.clear();
    typed.clear();
    count.clear();
}

struct sockaddr_in loopback(unsigned short port) {
    struct sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

TEST_CASE("standard output reaches the console, in as many calls as it takes", "[foreign]") {
    prepare();
    const std::string text(5000, 'x');
    CHECK(ant_call(__NR_write, 1, text.data(), text.size()) == 5000);
    CHECK(screen == text);
    CHECK(count["console.write"] == 2);
    char a[] = "ab", b[] = "cd";
    const struct iovec vectors[] = {{a, 2}, {nullptr, 0}, {b, 2}};
    screen.clear();
    CHECK(ant_call(__NR_writev, 2, vectors, 3) == 4);
    CHECK(screen == "abcd");
}

TEST_CASE("standard input comes in edited lines", "[foreign]") {
    prepare();
    char buffer[64];
    typed = "helpp\x7f me\nnext";
    CHECK(ant_call(__NR_read, 0, buffer, sizeof buffer) == 8);
    CHECK(std::string(buffer, 8) == "help me\n");
    typed = "\n\x04";
    CHECK(ant_call(__NR_read, 0, buffer, 2) == 2);
    CHECK(ant_call(__NR_read, 0, buffer, sizeof buffer) == 3);
    CHECK(std::string(buffer, 3) == "xt\n");
    CHECK(ant_call(__NR_read, 0, buffer, sizeof buffer) == 0);
}

TEST_CASE("an interrupt character ends the program", "[foreign]") {
    prepare();
    char buffer[8];
    typed = "abc\x03";
    CHECK_THROWS_AS(ant_call(__NR_read, 0, buffer, sizeof buffer), fake::Ended);
}

TEST_CASE("descriptors: lowest first, duplicates share, closing ends them", "[foreign]") {
    prepare();
    CHECK(ant_call(__NR_open, "/etc/hosts", O_RDONLY) == 3);
    CHECK(ant_call(__NR_dup, 3) == 4);
    char buffer[8];
    CHECK(ant_call(__NR_read, 3, buffer, 4) == 4);
    CHECK(ant_call(__NR_lseek, 4, 0, SEEK_CUR) == 4);
    CHECK(ant_call(__NR_dup2, 4, 9) == 9);
    CHECK(ant_call(__NR_close, 3) == 0);
    CHECK(ant_call(__NR_close, 3) == -EBADF);
    CHECK(ant_call(__NR_lseek, 9, 0, SEEK_SET) == 0);
    CHECK(ant_call(__NR_read, 4, buffer, 8) == 8);
    CHECK(std::string(buffer, 8) == "127.0.0.");
    CHECK(ant_call(__NR_fcntl, 4, F_DUPFD_CLOEXEC, 20) == 20);
    CHECK(ant_call(__NR_fcntl, 20, F_GETFD, 0) == FD_CLOEXEC);
    for (int fd : {4, 9, 20}) CHECK(ant_call(__NR_close, fd) == 0);
    CHECK(ant_call(__NR_read, 256, buffer, 1) == -EBADF);
    CHECK(ant_call(__NR_read, -1, buffer, 1) == -EBADF);
    CHECK(ant_call(__NR_dup2, 0, 256) == -EBADF);
}

TEST_CASE("descriptors run out with EMFILE, and nothing is lost", "[foreign]") {
    prepare();
    std::vector<long> open;
    long fd = 0;
    while ((fd = ant_call(__NR_open, "/dev/null", O_RDWR)) >= 0) open.push_back(fd);
    CHECK((fd == -EMFILE || fd == -ENFILE));
    CHECK(open.size() == 253);
    for (long one : open) CHECK(ant_call(__NR_close, one) == 0);
    CHECK(ant_call(__NR_open, "/dev/zero", O_RDONLY) == 3);
    CHECK(ant_call(__NR_close, 3) == 0);
}

TEST_CASE("special files", "[foreign]") {
    prepare();
    char buffer[64] = {};
    CHECK(ant_call(__NR_open, "/etc/resolv.conf", O_RDONLY) == 3);
    CHECK(ant_call(__NR_read, 3, buffer, sizeof buffer) == 20);
    CHECK(std::string{buffer} == "nameserver 10.0.2.3\n");
    CHECK(ant_call(__NR_read, 3, buffer, sizeof buffer) == 0);
    struct stat status {};
    CHECK(ant_call(__NR_fstat, 3, &status) == 0);
    CHECK(S_ISREG(status.st_mode));
    CHECK(status.st_size == 20);
    CHECK(ant_call(__NR_close, 3) == 0);
    CHECK(ant_call(__NR_fstat, 1, &status) == 0);
    CHECK(S_ISCHR(status.st_mode));
    CHECK(ant_call(__NR_stat, "/", &status) == 0);
    CHECK(S_ISDIR(status.st_mode));
    CHECK(ant_call(__NR_open, "/etc/group", O_RDONLY) == -ENOENT);
    CHECK(ant_call(__NR_open, "/etc/hosts", O_WRONLY) == -EROFS);
    CHECK(ant_call(__NR_openat, AT_FDCWD, "/dev/urandom", O_RDONLY) == 3);
    char other[64] = {};
    CHECK(ant_call(__NR_read, 3, buffer, 64) == 64);
    CHECK(ant_call(__NR_read, 3, other, 64) == 64);
    CHECK(std::memcmp(buffer, other, 64) != 0);
    CHECK(ant_call(__NR_close, 3) == 0);
}

TEST_CASE("sockets: families, addresses, errors, options", "[foreign]") {
    prepare();
    CHECK(ant_call(__NR_socket, AF_INET6, SOCK_STREAM, 0) == -EAFNOSUPPORT);
    CHECK(ant_call(__NR_socket, AF_INET, SOCK_RAW, 0) == -ESOCKTNOSUPPORT);
    CHECK(ant_call(__NR_socket, AF_INET, SOCK_STREAM, IPPROTO_UDP) == -EPROTONOSUPPORT);
    CHECK(ant_call(__NR_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) == 3);
    CHECK(ant_call(__NR_fcntl, 3, F_GETFL, 0) == (O_RDWR | O_NONBLOCK));
    const auto refused = loopback(1), good = loopback(80);
    CHECK(ant_call(__NR_connect, 3, &refused, sizeof refused) == -ECONNREFUSED);
    CHECK(ant_call(__NR_connect, 3, &good, sizeof good) == 0);
    CHECK(ant_call(__NR_connect, 3, &good, 3) == -EINVAL);
    int value = 0;
    socklen_t bytes = sizeof value;
    CHECK(ant_call(__NR_getsockopt, 3, SOL_SOCKET, SO_ERROR, &value, &bytes) == 0);
    CHECK(value == ECONNRESET);
    CHECK(ant_call(__NR_setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, &value, 1) == -EINVAL);
    CHECK(ant_call(__NR_setsockopt, 3, 99, 99, &value, sizeof value) == -ENOPROTOOPT);
    CHECK(ant_call(__NR_bind, 1, &good, sizeof good) == -ENOTSOCK);
    CHECK(ant_call(__NR_close, 3) == 0);
    CHECK(count["inet.close"] == 1);
}

TEST_CASE("poll and select tell what is ready, also among terminal and sockets", "[foreign]") {
    prepare();
    REQUIRE(ant_call(__NR_socket, AF_INET, SOCK_DGRAM, 0) == 3);
    struct pollfd set[] = {{3, POLLIN | POLLOUT, 0}, {0, POLLIN, 0}, {-1, POLLIN, 7}, {42, POLLIN, 0}};
    CHECK(ant_call(__NR_poll, set, 4, 0) == 2);
    CHECK(set[0].revents == POLLOUT);
    CHECK(set[1].revents == 0);
    CHECK(set[2].revents == 0);
    CHECK(set[3].revents == POLLNVAL);
    typed = "line\n";
    CHECK(ant_call(__NR_poll, set + 1, 1, -1) == 1);
    CHECK(set[1].revents == POLLIN);
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(0, &reads);
    FD_SET(3, &writes);
    struct timeval limit {
        1, 0
    };
    CHECK(ant_call(__NR_select, 4, &reads, &writes, nullptr, &limit) == 2);
    CHECK(FD_ISSET(0, &reads));
    CHECK(FD_ISSET(3, &writes));
    FD_SET(50, &reads);
    CHECK(ant_call(__NR_select, 51, &reads, nullptr, nullptr, &limit) == -EBADF);
    char rest[16];
    CHECK(ant_call(__NR_read, 0, rest, sizeof rest) == 5);
    CHECK(ant_call(__NR_close, 3) == 0);
}

TEST_CASE("memory: the break moves by pages, mappings come and go", "[foreign]") {
    prepare();
    const long start = ant_call(__NR_brk, 0);
    CHECK(start == 0x500000);
    CHECK(ant_call(__NR_brk, start + 100) == start + 100);
    CHECK(ant_call(__NR_brk, start + 4096) == start + 4096);
    CHECK(ant_call(__NR_brk, start + 4097) == start + 4097);
    const auto mapped = Core::get().of(fake::Syscall::memory_map);
    REQUIRE(mapped.size() == 2);
    CHECK(mapped[0].b == 4096);
    CHECK(mapped[1].a == 0x501000);
    fake::on(fake::Syscall::memory_map) = [](const fake::Call&) { return fake::failed(ant::Error::no_memory); };
    CHECK(ant_call(__NR_brk, start + 100'000) == start + 4097);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ, flags, -1, 0) == -ENOMEM);
    fake::on(fake::Syscall::memory_map) = nullptr;
    const long a = ant_call(__NR_mmap, 0, 5000, PROT_READ | PROT_WRITE, flags, -1, 0);
    const long b = ant_call(__NR_mmap, 0, 4096, PROT_NONE, flags, -1, 0);
    CHECK(b == a + 8192);
    CHECK(ant_call(__NR_munmap, a, 8192) == 0);
    CHECK(ant_call(__NR_mmap, a, 4096, PROT_READ, flags | MAP_FIXED, -1, 0) == a);
    CHECK(ant_call(__NR_mmap, a + 1, 4096, PROT_READ, flags | MAP_FIXED, -1, 0) == -EINVAL);
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == -EACCES);
    CHECK(ant_call(__NR_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 1, 0) == -ENODEV);
    CHECK(ant_call(__NR_munmap, 0x400000, 4096) == -EINVAL);
    CHECK(ant_call(__NR_mremap, b, 4096, 8192, 0) == b);
    CHECK(ant_call(__NR_mremap, b, 8192, 4096, 0) == b);
}

TEST_CASE("time, identity and what is not there", "[foreign]") {
    prepare();
    struct timespec now {};
    CHECK(ant_call(__NR_clock_gettime, CLOCK_MONOTONIC, &now) == 0);
    CHECK(ant_call(__NR_clock_gettime, 99, &now) == -EINVAL);
    const struct timespec pause { 0, 1'500'001 }, bad{0, 1'000'000'000};
    CHECK(ant_call(__NR_nanosleep, &pause, nullptr) == 0);
    CHECK(ant_call(__NR_nanosleep, &bad, nullptr) == -EINVAL);
    CHECK(Core::get().of(fake::Syscall::wait).at(0).a == 1501);
    CHECK(ant_call(__NR_getpid) == 7);
    CHECK(ant_call(__NR_fork) == -ENOSYS);
    CHECK(ant_call(__NR_epoll_create1, 0) == -ENOSYS);
    CHECK(ant_call(__NR_kill, 99, 9) == -ESRCH);
    CHECK_THROWS_AS(ant_call(__NR_tkill, 7, 6), fake::Ended);
    CHECK_THROWS_AS(ant_call(__NR_exit_group, 3), fake::Ended);
}

TEST_CASE("every error has an errno of its kind", "[foreign]") {
    CHECK(ant::foreign::failure(ant::Error::none) == 0);
    for (unsigned i = 1; i <= 52; ++i) {
        if (std::strcmp(ant::error_text(static_cast<ant::Error>(i)), "unknown error") == 0) continue;
        const long result = ant::foreign::failure(static_cast<ant::Error>(i));
        CHECK(result < 0);
        CHECK(result > -4096);
    }
}

TEST_CASE("ChaCha20 gives the block of RFC 8439, section 2.3.2", "[random]") {
    ant::foreign::ChaChaState state{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504,
                                    0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
                                    0x00000001, 0x09000000, 0x4a000000, 0x00000000};
    const auto block = ant::foreign::chacha20_block(state);
    CHECK(block[0] == 0xe4e7f110);
    CHECK(block[1] == 0x15593bd1);
    CHECK(block[15] == 0x4e3c50a2);
}
