#include <ant/process.hpp>

#include <catch2/catch.hpp>

#include <climits>
#include <cstdio>
#include <string>

namespace {

template <class... A>
std::string formatted(const char* text, A... arguments) {
    char out[256];
    const std::size_t length = ant::format(out, sizeof out, text, arguments...);
    CHECK(length == std::string{out}.size());
    return out;
}

}  // namespace

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"

TEST_CASE("format agrees with printf", "[format]") {
    char expected[256];
#define SAME(...)                                          \
    std::snprintf(expected, sizeof expected, __VA_ARGS__); \
    CHECK(formatted(__VA_ARGS__) == expected)
    SAME("plain");
    SAME("%d %i %u", -1, 42, 4000000000U);
    SAME("%x %X %o", 0xbeefU, 0xbeefU, 8U);
    SAME("%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42);
    SAME("%5d|%-5d|%05d", -42, -42, -42);
    SAME("%.3d|%8.3d|%-8.3d|%08.3d", 7, 7, 7, 7);
    SAME("%.0d|%.0u", 0, 0U);
    SAME("%ld %lu %lx %zu", LONG_MIN, ULONG_MAX, ULONG_MAX, sizeof(int));
    SAME("%lld %llu", LLONG_MIN, ULLONG_MAX);
    SAME("%hd %hhu %hhd", 70000, 300, 200);
    SAME("%c%c", 'a', 'b');
    SAME("%3c|%-3c|", 'a', 'b');
    SAME("%s|%10s|%-10s|%.2s|%10.2s", "text", "text", "text", "text", "text");
    SAME("%*d|%-*d|%*d|%.*s", 6, 1, 6, 2, -6, 3, 2, "abc");
    SAME("%%");
    SAME("%016lx", 0x1234UL);
#undef SAME
}

TEST_CASE("format writes pointers, null strings and unknown conversions readably", "[format]") {
    CHECK(formatted("%p", reinterpret_cast<void*>(0x1000)) == "0x1000");
    CHECK(formatted("%s", static_cast<const char*>(nullptr)) == "(null)");
    CHECK(formatted("%q") == "%q");
    CHECK(formatted("100%") == "100%");
}

TEST_CASE("format ends its text inside the buffer and tells the whole length", "[format]") {
    char out[8];
    out[7] = '!';
    CHECK(ant::format(out, 7, "%s", "0123456789") == 10);
    CHECK(std::string{out} == "012345");
    CHECK(out[7] == '!');
    CHECK(ant::format(nullptr, 0, "%d", 12345) == 5);
    CHECK(ant::format(out, 1, "%d", 12345) == 5);
    CHECK(out[0] == '\0');
}
