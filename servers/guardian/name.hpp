// Name: a short text that ends with a NUL, as the system calls want them.
#pragma once

#include <ant/abi/syscall.hpp>

#include <cstring>
#include <string_view>

namespace ant::guardian_server {

struct Name {
    char text[abi::name_bytes] = {};

    constexpr Name() = default;
    // Cut off at name_bytes - 1; fits() tells beforehand.
    constexpr explicit Name(std::string_view from) {
        const std::size_t bytes = from.size() < sizeof text ? from.size() : sizeof text - 1;
        for (std::size_t i = 0; i < bytes; ++i) text[i] = from[i];
    }
    static constexpr bool fits(std::string_view from) { return !from.empty() && from.size() < abi::name_bytes; }

    [[nodiscard]] constexpr std::string_view view() const { return {text}; }
    // As view() == other, without going to the end of names that differ.
    [[nodiscard]] constexpr bool is(std::string_view other) const {
        return !other.empty() && text[0] == other[0] && other.size() < sizeof text && text[other.size()] == '\0' &&
               std::string_view{text, other.size()} == other;
    }
    [[nodiscard]] constexpr bool empty() const { return text[0] == '\0'; }
    friend constexpr bool operator==(const Name& a, const Name& b) { return a.view() == b.view(); }
};

// The text of a field that a caller filled: not trusted to end.
template <std::size_t n>
std::string_view bounded(const char (&field)[n]) {
    return {field, strnlen(field, n)};
}

// "rtl8139@2" is a version of "rtl8139".
inline std::string_view without_version(std::string_view program) { return program.substr(0, program.find('@')); }

// "inet", 2 -> "inet.2"; instance 0 has no number.
inline Name instance_name(std::string_view base, unsigned instance) {
    if (instance == 0) return Name{base};
    char digits[12];
    std::size_t count = 0;
    for (unsigned rest = instance; rest != 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
    const std::size_t room = abi::name_bytes - 2 - count;
    Name name{base.substr(0, room)};
    std::size_t at = name.view().size();
    name.text[at++] = '.';
    while (count != 0) name.text[at++] = digits[--count];
    return name;
}

}  // namespace ant::guardian_server
