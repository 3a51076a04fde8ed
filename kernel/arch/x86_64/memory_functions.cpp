// What the compiler calls on its own, and the few string functions that the core uses.
// `rep` in words: an emulator counts each element.
#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* to, const void* from, std::size_t bytes) {
    void* result = to;
    std::size_t words = bytes / 8;
    std::size_t rest = bytes % 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void* memset(void* to, int value, std::size_t bytes) {
    void* result = to;
    std::size_t words = bytes / 8;
    std::size_t rest = bytes % 8;
    const std::uint64_t pattern = 0x0101'0101'0101'0101 * static_cast<std::uint8_t>(value);
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return result;
}

void* memmove(void* to, const void* from, std::size_t bytes) {
    if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= bytes) return memcpy(to, from, bytes);
    void* last_to = static_cast<char*>(to) + bytes - 1;
    const void* last_from = static_cast<const char*>(from) + bytes - 1;
    asm volatile("std; rep movsb; cld" : "+D"(last_to), "+S"(last_from), "+c"(bytes) : : "memory");
    return to;
}

int memcmp(const void* left, const void* right, std::size_t bytes) {
    auto a = static_cast<const std::uint8_t*>(left);
    auto b = static_cast<const std::uint8_t*>(right);
    for (; bytes > 0; --bytes, ++a, ++b)
        if (*a != *b) return *a - *b;
    return 0;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}

int strncmp(const char* left, const char* right, std::size_t limit) {
    for (; limit > 0; --limit, ++left, ++right)
        if (*left != *right || *left == 0) return static_cast<std::uint8_t>(*left) - static_cast<std::uint8_t>(*right);
    return 0;
}

}  // extern "C"
