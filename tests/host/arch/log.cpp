// The core's formatter against the C library's, and its ring.
#include <kernel/arch/x86_64/log.hpp>
#include <kernel/arch/x86_64/serial.hpp>
#include <kernel/arch/x86_64/text_screen.hpp>

#include <catch2/catch.hpp>

#include <cstdio>
#include <string>

using namespace ant::arch;

namespace {
std::string echoed;
}

namespace ant::arch {
void serial::write(std::string_view text) { echoed += text; }
void text_screen::write(std::string_view) {}
}  // namespace ant::arch

#define SAME(...)                                                  \
    do {                                                           \
        char ours[64], theirs[64];                                 \
        const std::size_t length = format_text(ours, __VA_ARGS__); \
        std::snprintf(theirs, sizeof theirs, __VA_ARGS__);         \
        CHECK(std::string(ours) == theirs);                        \
        CHECK(length == std::string(theirs).size());               \
    } while (false)

TEST_CASE("the formatter writes what printf writes", "[log]") {
    SAME("plain %% text");
    SAME("%d|%5d|%-5d|%05d", -42, -42, -42, -42);
    SAME("%u %x %X %lx %016lx", 7U, 0xbeefU, 0xbeefU, 0xdeadbeefUL, 0x1234UL);
    SAME("%ld %lu %zu", -9'223'372'036'854'775'807L - 1, 18'446'744'073'709'551'615UL, std::size_t{0});
    SAME("%s|%8s|%-8s|%.2s|%c", "abc", "abc", "abc", "abc", 'x');
}

TEST_CASE("what does not fit is cut", "[log]") {
    char small[8];
    CHECK(format_text(small, "%s", "0123456789") == 7);
    CHECK(std::string(small) == "0123456");
    char one[1] = {'x'};
    CHECK(format_text(one, "%d", 5) == 0);
    CHECK(one[0] == 0);
    CHECK(format_text({}, "%d", 5) == 0);
}

TEST_CASE("the log keeps the last 16 KiB and says where it is", "[log]") {
    log_echo(true);
    log("hello %d\n", 1);
    CHECK(echoed == "hello 1\n");
    log_echo(false);
    std::uint64_t from = 0;
    char out[64];
    CHECK(log_read(from, out) == 8);
    CHECK(from == log_end());
    CHECK(log_read(from, out) == 0);
    const std::string line(100, 'a');
    for (unsigned i = 0; i < 200; ++i) log_write(line);
    log_write("end");
    std::size_t total = 0;
    std::string last;
    while (const std::size_t count = log_read(from, out)) {
        total += count;
        last.assign(out, count);
    }
    CHECK(total == 16 * 1024);
    CHECK(last.ends_with("end"));
    CHECK(echoed == "hello 1\n");
    from = ~std::uint64_t{0};
    CHECK(log_read(from, out) == 0);
}
