#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <string>
#include <vector>

// Inlined into calls with constants, branches that are never taken would read past them.
#pragma GCC diagnostic ignored "-Warray-bounds"
// Under other names: the tests themselves need the host's functions.
#define memcpy own_memcpy
#define memmove own_memmove
#define memset own_memset
#define memcmp own_memcmp
#define memchr own_memchr
#define strlen own_strlen
#define strnlen own_strnlen
#define strcmp own_strcmp
#define strncmp own_strncmp
#define strcpy own_strcpy
#define strncpy own_strncpy
#define strcat own_strcat
#define strchr own_strchr
#define strrchr own_strrchr
#define strstr own_strstr
#include "libant/src/memory_functions.cpp"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strcpy
#undef strncpy
#undef strcat
#undef strchr
#undef strrchr
#undef strstr

namespace {

using Bytes = std::vector<unsigned char>;

Bytes pattern(std::size_t n) {
    Bytes bytes(n);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<unsigned char>(i * 7 + 3);
    return bytes;
}

int sign(int n) { return (n > 0) - (n < 0); }

}  // namespace

TEST_CASE("memcpy copies exactly n bytes, for every small and some large n", "[memory]") {
    for (std::size_t n = 0; n <= 300; ++n) {
        for (std::size_t offset : {0, 1, 7}) {
            const Bytes from = pattern(n + offset + 1);
            Bytes to(n + 2, 0xee), expected(n + 2, 0xee);
            std::memcpy(expected.data() + 1, from.data() + offset, n);
            REQUIRE(own_memcpy(to.data() + 1, from.data() + offset, n) == to.data() + 1);
            REQUIRE(to == expected);
        }
    }
}

TEST_CASE("memmove moves overlapping ranges in both directions", "[memory]") {
    for (std::size_t n : {1, 5, 8, 15, 16, 31, 32, 33, 63, 64, 65, 72, 100, 257, 1000}) {
        for (std::size_t distance = 0; distance <= 80; ++distance) {
            Bytes up = pattern(n + 80), expected = up, down = up, expected_down = up;
            own_memmove(up.data() + distance, up.data(), n);
            std::memmove(expected.data() + distance, expected.data(), n);
            REQUIRE(up == expected);
            own_memmove(down.data(), down.data() + distance, n);
            std::memmove(expected_down.data(), expected_down.data() + distance, n);
            REQUIRE(down == expected_down);
        }
    }
}

TEST_CASE("memset sets exactly n bytes", "[memory]") {
    for (std::size_t n = 0; n <= 200; ++n) {
        Bytes bytes(n + 2, 0x11), expected(n + 2, 0x11);
        std::memset(expected.data() + 1, 0xa5, n);
        REQUIRE(own_memset(bytes.data() + 1, 0x1a5, n) == bytes.data() + 1);
        REQUIRE(bytes == expected);
    }
}

TEST_CASE("memcmp finds the first difference, unsigned", "[memory]") {
    std::mt19937 random{1};
    for (int round = 0; round < 2000; ++round) {
        const std::size_t n = random() % 70;
        Bytes a = pattern(n + 1), b = a;
        if (n != 0 && round % 3 != 0) b[random() % n] = static_cast<unsigned char>(random());
        REQUIRE(sign(own_memcmp(a.data(), b.data(), n)) == sign(std::memcmp(a.data(), b.data(), n)));
    }
    CHECK(own_memchr("abc", 'c', 3) != nullptr);
    CHECK(own_memchr("abc", 'c', 2) == nullptr);
}

TEST_CASE("string functions behave like the C library's", "[memory]") {
    CHECK(own_strlen("") == 0);
    CHECK(own_strlen("four") == 4);
    CHECK(own_strnlen("four", 2) == 2);
    for (const char* a : {"", "a", "ab", "abc", "\xff"}) {
        for (const char* b : {"", "a", "ab", "abd", "\xff"}) {
            CHECK(sign(own_strcmp(a, b)) == sign(std::strcmp(a, b)));
            CHECK(sign(own_strncmp(a, b, 2)) == sign(std::strncmp(a, b, 2)));
        }
    }
    char text[16];
    CHECK(std::string{own_strcat(own_strcpy(text, "one"), "two")} == "onetwo");
    own_strncpy(text, "xy", 5);
    CHECK(std::string(text, 8) == std::string("xy\0\0\0o\0", 7) + std::string(1, text[7]));
    CHECK(own_strchr("hello", 'l') == std::string{"hello"}.substr(2));
    CHECK(own_strchr("hello", 'z') == nullptr);
    CHECK(*own_strchr("hello", '\0') == '\0');
    CHECK(own_strrchr("hello", 'l') == std::string{"lo"});
    CHECK(own_strstr("hello", "ll") == std::string{"llo"});
    CHECK(own_strstr("hello", "lx") == nullptr);
    CHECK(own_strstr("hello", "") == std::string{"hello"});
}
