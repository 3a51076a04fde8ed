// mem* and str* for programs that may not touch SSE state. Short copies are overlapping words, which costs
// few instructions; long ones are string instructions, eight bytes at a time.
#include <cstddef>
#include <cstdint>

namespace {

template <class T>
struct [[gnu::packed, gnu::may_alias]] Unaligned {
    T value;
};

template <class T>
[[gnu::always_inline]] inline T load(const void* p, std::size_t offset) {
    return reinterpret_cast<const Unaligned<T>*>(static_cast<const char*>(p) + offset)->value;
}
template <class T>
[[gnu::always_inline]] inline void store(void* p, std::size_t offset, T value) {
    reinterpret_cast<Unaligned<T>*>(static_cast<char*>(p) + offset)->value = value;
}

using Word = std::uint64_t;
constexpr std::size_t small_limit = 64;

// Two overlapping pieces of type T: everything is loaded before anything is stored, so that source and
// destination may overlap.
template <class T>
[[gnu::always_inline]] inline void move_pair(void* to, const void* from, std::size_t n) {
    const T first = load<T>(from, 0);
    const T last = load<T>(from, n - sizeof(T));
    store<T>(to, 0, first);
    store<T>(to, n - sizeof(T), last);
}

[[gnu::always_inline]] inline void move_up_to_32(void* to, const void* from, std::size_t n) {
    const Word a = load<Word>(from, 0), b = load<Word>(from, 8);
    const Word y = load<Word>(from, n - 16), z = load<Word>(from, n - 8);
    store<Word>(to, 0, a);
    store<Word>(to, 8, b);
    store<Word>(to, n - 16, y);
    store<Word>(to, n - 8, z);
}

[[gnu::always_inline]] inline void move_up_to_64(void* to, const void* from, std::size_t n) {
    const Word a = load<Word>(from, 0), b = load<Word>(from, 8), c = load<Word>(from, 16), d = load<Word>(from, 24);
    const Word w = load<Word>(from, n - 32), x = load<Word>(from, n - 24);
    const Word y = load<Word>(from, n - 16), z = load<Word>(from, n - 8);
    store<Word>(to, 0, a);
    store<Word>(to, 8, b);
    store<Word>(to, 16, c);
    store<Word>(to, 24, d);
    store<Word>(to, n - 32, w);
    store<Word>(to, n - 24, x);
    store<Word>(to, n - 16, y);
    store<Word>(to, n - 8, z);
}

[[gnu::always_inline]] inline void move_small(void* to, const void* from, std::size_t n) {
    if (n > 32) return move_up_to_64(to, from, n);
    if (n > 16) return move_up_to_32(to, from, n);
    if (n >= 8) return move_pair<std::uint64_t>(to, from, n);
    if (n >= 4) return move_pair<std::uint32_t>(to, from, n);
    if (n >= 2) return move_pair<std::uint16_t>(to, from, n);
    if (n == 1) store<std::uint8_t>(to, 0, load<std::uint8_t>(from, 0));
}

// n > small_limit. The last, partial word is saved before and stored after the whole ones.
[[gnu::always_inline]] inline void move_forward(void* to, const void* from, std::size_t n) {
    const Word last = load<Word>(from, n - 8);
    void* d = to;
    const void* s = from;
    std::size_t words = n / 8;
    asm volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    store<Word>(to, n - 8, last);
}

[[gnu::always_inline]] inline void move_backward(void* to, const void* from, std::size_t n) {
    const Word first = load<Word>(from, 0);
    void* d = static_cast<char*>(to) + n - 8;
    const void* s = static_cast<const char*>(from) + n - 8;
    std::size_t words = n / 8;
    asm volatile("std\n\trep movsq\n\tcld" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    store<Word>(to, 0, first);
}

}  // namespace

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t n) {
    if (n <= small_limit)
        move_small(to, from, n);
    else
        move_forward(to, from, n);
    return to;
}

void* memmove(void* to, const void* from, std::size_t n) {
    if (n <= small_limit)
        move_small(to, from, n);
    else if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= n)
        move_forward(to, from, n);
    else
        move_backward(to, from, n);
    return to;
}

void* memset(void* to, int value, std::size_t n) {
    const Word pattern = Word{0x0101'0101'0101'0101} * static_cast<std::uint8_t>(value);
    if (n >= 8) {
        void* d = to;
        std::size_t words = n / 8;
        asm volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
        store<Word>(to, n - 8, pattern);
        return to;
    }
    for (std::size_t i = 0; i < n; ++i) store<std::uint8_t>(to, i, static_cast<std::uint8_t>(value));
    return to;
}

int memcmp(const void* a, const void* b, std::size_t n) {
    std::size_t i = 0;
    for (; i + 8 <= n && load<Word>(a, i) == load<Word>(b, i); i += 8) {
    }
    for (; i < n; ++i) {
        const int difference = load<std::uint8_t>(a, i) - load<std::uint8_t>(b, i);
        if (difference != 0) return difference;
    }
    return 0;
}

void* memchr(const void* text, int value, std::size_t n) {
    auto* p = static_cast<const unsigned char*>(text);
    for (; n != 0; --n, ++p)
        if (*p == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(p);
    return nullptr;
}

std::size_t strlen(const char* text) {
    const char* end = text;
    while (*end != '\0') ++end;
    return static_cast<std::size_t>(end - text);
}

std::size_t strnlen(const char* text, std::size_t n) {
    std::size_t length = 0;
    while (length < n && text[length] != '\0') ++length;
    return length;
}

int strcmp(const char* a, const char* b) {
    for (; *a != '\0' && *a == *b; ++a, ++b) {
    }
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

int strncmp(const char* a, const char* b, std::size_t n) {
    for (; n != 0 && *a != '\0' && *a == *b; --n, ++a, ++b) {
    }
    return n == 0 ? 0 : static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

char* strcpy(char* __restrict to, const char* __restrict from) {
    memcpy(to, from, strlen(from) + 1);
    return to;
}

char* strncpy(char* __restrict to, const char* __restrict from, std::size_t n) {
    const std::size_t length = strnlen(from, n);
    memcpy(to, from, length);
    memset(to + length, 0, n - length);
    return to;
}

char* strcat(char* __restrict to, const char* __restrict from) {
    memcpy(to + strlen(to), from, strlen(from) + 1);
    return to;
}

char* strchr(const char* text, int value) {
    for (;; ++text) {
        if (*text == static_cast<char>(value)) return const_cast<char*>(text);
        if (*text == '\0') return nullptr;
    }
}

char* strrchr(const char* text, int value) {
    const char* found = nullptr;
    for (;; ++text) {
        if (*text == static_cast<char>(value)) found = text;
        if (*text == '\0') return const_cast<char*>(found);
    }
}

char* strstr(const char* text, const char* wanted) {
    const std::size_t length = strlen(wanted);
    for (;; ++text) {
        if (strncmp(text, wanted, length) == 0) return const_cast<char*>(text);
        if (*text == '\0') return nullptr;
    }
}

}  // extern "C"
