// What libext2fs wants of a C library, beside memory and what libant has.
#include "../clock.hpp"

#include <cstddef>
#include <cstring>
#include <ctime>
#include <utility>

extern "C" {

std::size_t strcspn(const char* text, const char* stop) {
    std::size_t length = 0;
    while (text[length] != 0 && strchr(stop, text[length]) == nullptr) ++length;
    return length;
}

std::size_t strspn(const char* text, const char* accept) {
    std::size_t length = 0;
    while (text[length] != 0 && strchr(accept, text[length]) != nullptr) ++length;
    return length;
}

char* getenv(const char*) { return nullptr; }

time_t time(time_t* out) {
    const auto now = static_cast<time_t>(ant::file_server::now_ns() / ant::file_server::ns_per_s);
    if (out != nullptr) *out = now;
    return now;
}

// Heap sort: a directory's block has few entries, but no order that makes it slow.
void qsort(void* base, std::size_t count, std::size_t bytes, int (*compare)(const void*, const void*)) {
    auto* const items = static_cast<unsigned char*>(base);
    const auto item = [&](std::size_t i) { return items + i * bytes; };
    const auto swap = [&](std::size_t a, std::size_t b) {
        for (std::size_t i = 0; i < bytes; ++i) std::swap(item(a)[i], item(b)[i]);
    };
    const auto sink = [&](std::size_t from, std::size_t end) {
        for (std::size_t child; (child = 2 * from + 1) < end; from = child) {
            if (child + 1 < end && compare(item(child), item(child + 1)) < 0) ++child;
            if (compare(item(from), item(child)) >= 0) return;
            swap(from, child);
        }
    };
    for (std::size_t i = count / 2; i-- != 0;) sink(i, count);
    for (std::size_t end = count; end > 1;) {
        swap(0, --end);
        sink(0, end);
    }
}

}  // extern "C"
