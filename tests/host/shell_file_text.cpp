#include "user/shell/file_text.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <string>

using namespace ant::shell;

TEST_CASE("times are those of the C library's calendar", "[shell]") {
    for (std::time_t when = -3'000'000'000; when < 8'000'000'000; when += 86'400 * 17 + 3'607) {
        struct tm t {};
        gmtime_r(&when, &t);
        char expected[32];
        std::strftime(expected, sizeof expected, "%Y-%m-%d %H:%M:%S", &t);
        REQUIRE(std::string{time_text(when * 1'000'000'000).data()} == expected);
        if (when < 0) REQUIRE(std::string{time_text(when * 1'000'000'000 + 999'999'999).data()} == expected);
    }
}

TEST_CASE("modes", "[shell]") {
    CHECK(std::string{mode_text(0100644).data()} == "-rw-r--r--");
    CHECK(std::string{mode_text(0041777).data()} == "drwxrwxrwt");
    CHECK(std::string{mode_text(0120777).data()} == "lrwxrwxrwx");
    CHECK(std::string{type_name(type_of(0))} == "unknown");
}
