// What the tests use of Catch2, for clang-tidy only: with the real header nearly all of its time goes into that header.
// As in Catch2, a requirement that does not hold ends the test: the analyzer relies on it.
#pragma once

#include <sstream>

namespace catch_for_lint {

[[noreturn]] void end_of_test();
bool chosen();  // sections, alternatives: any

template <class T, class... More>
T one_of(T first, More... more) {
    ((chosen() ? void(first = static_cast<T>(more)) : void()), ...);
    return first;
}
template <class T>
struct Range {
    T first;
};
template <class T>
Range<T> range(T first, T) {
    return {first};
}
template <class T>
T one_of(Range<T> range) {
    return range.first;
}

// `Expression{} <= a == b` compares a and b, as an assertion does it in order to show both.
template <class T>
struct LeftSide {
    const T& value;
    explicit operator bool() const { return static_cast<bool>(value); }
    bool operator==(const auto& right) const { return value == right; }
    bool operator!=(const auto& right) const { return value != right; }
    bool operator<(const auto& right) const { return value < right; }
    bool operator>(const auto& right) const { return value > right; }
    bool operator<=(const auto& right) const { return value <= right; }
    bool operator>=(const auto& right) const { return value >= right; }
};
struct Expression {
    template <class T>
    LeftSide<T> operator<=(const T& left) const {
        return {left};
    }
};

}  // namespace catch_for_lint

namespace Catch {
inline int Contains(const char* text) { return *text; }
}  // namespace Catch

#define LINT_JOINED(a, b) a##b
#define LINT_NAME(a, b) LINT_JOINED(a, b)

#define TEST_CASE(...) static void LINT_NAME(test_case_, __LINE__)()
#define TEST_CASE_METHOD(fixture, ...)                 \
    struct LINT_NAME(test_case_, __LINE__) : fixture { \
        void run();                                    \
    };                                                 \
    void LINT_NAME(test_case_, __LINE__)::run()
#define SECTION(...) if (catch_for_lint::chosen())
#define GENERATE(...)                               \
    ([&] {                                          \
        using catch_for_lint::range;                \
        return catch_for_lint::one_of(__VA_ARGS__); \
    }())

#define REQUIRE(...)                                                                       \
    do {                                                                                   \
        if (!(catch_for_lint::Expression{} <= __VA_ARGS__)) catch_for_lint::end_of_test(); \
    } while (false)
#define REQUIRE_FALSE(...) REQUIRE(!static_cast<bool>(__VA_ARGS__))
#define CHECK(...) static_cast<void>(static_cast<bool>(catch_for_lint::Expression{} <= __VA_ARGS__))
#define CHECK_FALSE(...) CHECK(__VA_ARGS__)
#define CHECK_THROWS_AS(expression, type) static_cast<void>(expression)
#define CHECK_THROWS_WITH(expression, matcher) static_cast<void>(expression)
#define INFO(...) static_cast<void>(std::ostringstream {} __VA_OPT__(<<) __VA_ARGS__)
#define WARN(...) INFO(__VA_ARGS__)
#define CAPTURE(...) static_cast<void>((__VA_ARGS__))
#define FAIL(...) (INFO(__VA_ARGS__), catch_for_lint::end_of_test())
