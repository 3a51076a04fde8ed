// malloc for libext2fs: blocks of powers of two, kept in lists when they are freed. What it takes at once is little and
// ends with the process.
#include <ant/memory.hpp>

#include <bit>
#include <cstring>

namespace {

constexpr unsigned least_log = 5, most_log = 24;
constexpr std::size_t chunk_bytes = std::size_t{256} << 10;

struct Head {
    Head* next;
    std::uint64_t log;  // of the block's size, with its head
};
static_assert(sizeof(Head) == 16);

constinit Head* free_blocks[most_log + 1]{};
constinit std::byte* chunk = nullptr;
constinit std::size_t chunk_left = 0;

void* cut(std::size_t bytes) {
    if (bytes >= chunk_bytes) {
        const auto mapped = ant::memory::map(bytes);
        return mapped ? *mapped : nullptr;
    }
    if (chunk_left < bytes) {
        const auto mapped = ant::memory::map(chunk_bytes);
        if (!mapped) return nullptr;
        chunk = static_cast<std::byte*>(*mapped);
        chunk_left = chunk_bytes;
    }
    chunk_left -= bytes;
    return std::exchange(chunk, chunk + bytes);
}

Head* head_of(void* block) { return static_cast<Head*>(block) - 1; }

}  // namespace

extern "C" {

void* malloc(std::size_t bytes) {
    if (bytes > (std::size_t{1} << most_log) - sizeof(Head)) return nullptr;
    unsigned log = static_cast<unsigned>(std::bit_width(bytes + sizeof(Head) - 1));
    if (log < least_log) log = least_log;
    Head* head = free_blocks[log];
    if (head != nullptr)
        free_blocks[log] = head->next;
    else
        head = static_cast<Head*>(cut(std::size_t{1} << log));
    if (head == nullptr) return nullptr;
    head->log = log;
    return head + 1;
}

void free(void* block) {
    if (block == nullptr) return;
    Head* const head = head_of(block);
    head->next = free_blocks[head->log];
    free_blocks[head->log] = head;
}

void* calloc(std::size_t count, std::size_t bytes) {
    std::size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) return nullptr;
    void* const block = malloc(all);
    if (block != nullptr) std::memset(block, 0, all);
    return block;
}

void* realloc(void* block, std::size_t bytes) {
    if (block == nullptr) return malloc(bytes);
    const std::size_t had = (std::size_t{1} << head_of(block)->log) - sizeof(Head);
    if (bytes <= had) return block;
    void* const larger = malloc(bytes);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, block, had);
    free(block);
    return larger;
}

}  // extern "C"
