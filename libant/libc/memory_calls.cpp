#include "memory_calls.hpp"

#include <ant/process.hpp>
#include <ant/syscalls.hpp>

#include <linux/fcntl.h>
#include <linux/mman.h>

#include "address_space.hpp"
#include "descriptors.hpp"

namespace ant::foreign {

namespace {

// The break grows from heap_start; mappings lie far above it.
constexpr std::uint64_t brk_limit_bytes = std::uint64_t{4} << 30;
constexpr std::uint64_t map_first = std::uint64_t{32} << 40;
constexpr std::uint64_t map_end = std::uint64_t{33} << 40;

constinit AddressSpace space{map_first, map_end};
constinit std::uint64_t brk_now = 0;  // 0: not asked for yet

constexpr std::uint64_t page_up(std::uint64_t n) { return (n + abi::page_size - 1) & ~(abi::page_size - 1); }
constexpr bool aligned(std::uint64_t n) { return n % abi::page_size == 0; }
constexpr bool in_region(std::uint64_t address, std::uint64_t bytes) {
    return address >= map_first && address < map_end && bytes <= map_end - address;
}

// The core knows no writable and executable pages, and no write-only ones.
Result<abi::Protection> protection_of(int linux_protection) {
    const bool execute = (linux_protection & PROT_EXEC) != 0, write = (linux_protection & PROT_WRITE) != 0;
    if (execute && write) return Failure(Error::denied);
    if (execute) return abi::Protection::read_execute;
    if (write) return abi::Protection::read_write;
    return (linux_protection & PROT_READ) != 0 ? abi::Protection::read : abi::Protection::none;
}

// Unmaps whatever of the range is mapped: Linux does not mind holes.
void unmap_range(std::uint64_t address, std::uint64_t bytes) {
    if (sys::memory_unmap(address, bytes)) return;
    for (std::uint64_t page = address; page != address + bytes; page += abi::page_size)
        if (!space.is_free(page, abi::page_size)) (void)sys::memory_unmap(page, abi::page_size);
}

// -> the address, or 0
std::uint64_t choose(std::uint64_t hint, std::uint64_t bytes, int flags) {
    const bool usable = hint != 0 && aligned(hint) && in_region(hint, bytes);
    if ((flags & MAP_FIXED) != 0) {
        if (!usable) return 0;
        if (space.take_at(hint, bytes)) return hint;
        unmap_range(hint, bytes);
        space.give(hint, bytes);
        return space.take_at(hint, bytes) ? hint : 0;
    }
    if (usable && space.take_at(hint, bytes)) return hint;
    return (flags & MAP_FIXED_NOREPLACE) != 0 ? 0 : space.take(bytes);
}

Result<std::uint64_t> map_new(std::uint64_t bytes, abi::Protection protection) {
    const std::uint64_t address = space.take(bytes);
    if (address == 0) return Failure(Error::no_memory);
    const auto mapped = sys::memory_map(address, bytes, protection);
    if (mapped) return address;
    space.give(address, bytes);
    return Failure(mapped.error());
}

// Grows where it is, or moves. The contents move by copying: mremap is rare and private pages have no other way.
Answer grow(std::uint64_t address, std::uint64_t old_bytes, std::uint64_t bytes, int flags) {
    const std::uint64_t more = bytes - old_bytes;
    if (space.take_at(address + old_bytes, more)) {
        if (sys::memory_map(address + old_bytes, more, abi::Protection::read_write)) return static_cast<Answer>(address);
        space.give(address + old_bytes, more);
    }
    if ((flags & MREMAP_MAYMOVE) == 0) return -ENOMEM;
    const auto moved = map_new(bytes, abi::Protection::read_write);
    if (!moved) return failure(moved.error());
    __builtin_memcpy(reinterpret_cast<void*>(*moved), reinterpret_cast<const void*>(address), old_bytes);
    unmap_range(address, old_bytes);
    space.give(address, old_bytes);
    return static_cast<Answer>(*moved);
}

// Linux maps files; here a mapping is a copy of what the file is now. What another process writes later does not show.
Answer map_file(const Arguments& arguments, std::uint64_t address, std::uint64_t bytes, abi::Protection protection) {
    const OpenFile& file = *descriptors().at(static_cast<int>(arguments.e));
    const auto mapped = sys::memory_map(address, bytes, abi::Protection::read_write);
    if (!mapped) return failure(mapped.error());
    const auto read = file.file.read(static_cast<std::uint64_t>(arguments.f), {reinterpret_cast<std::byte*>(address), bytes});
    if (!read) return file_failure(read.error());
    return protection == abi::Protection::read_write ? 0 : answer(sys::memory_protect(address, bytes, protection));
}

// 0, or why the descriptor cannot be mapped so.
Answer check_file(const Arguments& arguments) {
    const OpenFile* file = descriptors().at(static_cast<int>(arguments.e));
    if (file == nullptr) return -EBADF;
    if (file->kind != OpenFile::Kind::file) return -ENODEV;
    if ((file->flags & O_ACCMODE) == O_WRONLY) return -EACCES;
    const bool shared = (arguments.d & MAP_TYPE) != MAP_PRIVATE;
    if (shared && (arguments.c & PROT_WRITE) != 0) return -ENODEV;
    return arguments.f < 0 || !aligned(static_cast<std::uint64_t>(arguments.f)) ? -EINVAL : 0;
}

}  // namespace

Result<std::uint64_t> map_private(std::uint64_t bytes) { return map_new(page_up(bytes), abi::Protection::read_write); }

void unmap_private(std::uint64_t address, std::uint64_t bytes) {
    unmap_range(address, page_up(bytes));
    space.give(address, page_up(bytes));
}

// Linux's brk gives the break as it now is: unchanged means failure.
Answer call_brk(const Arguments& arguments) {
    const std::uint64_t start = startup().heap_start;
    if (brk_now == 0) brk_now = start;
    const auto wanted = static_cast<std::uint64_t>(arguments.a);
    if (wanted < start || wanted > start + brk_limit_bytes) return static_cast<Answer>(brk_now);
    const std::uint64_t from = page_up(brk_now), to = page_up(wanted);
    if (to > from && !sys::memory_map(from, to - from, abi::Protection::read_write)) return static_cast<Answer>(brk_now);
    if (to < from && !sys::memory_unmap(to, from - to)) return static_cast<Answer>(brk_now);
    brk_now = wanted;
    return static_cast<Answer>(brk_now);
}

Answer call_mmap(const Arguments& arguments) {
    const auto hint = static_cast<std::uint64_t>(arguments.a);
    const std::uint64_t bytes = page_up(static_cast<std::uint64_t>(arguments.b));
    const int flags = static_cast<int>(arguments.d);
    if (bytes == 0) return arguments.b == 0 ? -EINVAL : -ENOMEM;
    const bool anonymous = (flags & MAP_ANONYMOUS) != 0;
    if (const Answer error = anonymous ? 0 : check_file(arguments); error != 0) return error;
    if ((flags & MAP_FIXED) != 0 && !aligned(hint)) return -EINVAL;
    const auto protection = protection_of(static_cast<int>(arguments.c));
    if (!protection) return failure(protection.error());
    const std::uint64_t address = choose(hint, bytes, flags);
    if (address == 0) return (flags & MAP_FIXED_NOREPLACE) != 0 ? -EEXIST : -ENOMEM;
    const Answer error =
        anonymous ? answer(sys::memory_map(address, bytes, *protection)) : map_file(arguments, address, bytes, *protection);
    if (error == 0) return static_cast<Answer>(address);
    unmap_private(address, bytes);
    return error;
}

Answer call_munmap(const Arguments& arguments) {
    const auto address = static_cast<std::uint64_t>(arguments.a);
    const std::uint64_t bytes = page_up(static_cast<std::uint64_t>(arguments.b));
    if (bytes == 0 || !aligned(address) || !in_region(address, bytes)) return -EINVAL;
    unmap_range(address, bytes);
    space.give(address, bytes);
    return 0;
}

Answer call_mprotect(const Arguments& arguments) {
    const auto address = static_cast<std::uint64_t>(arguments.a);
    const std::uint64_t bytes = page_up(static_cast<std::uint64_t>(arguments.b));
    if (!aligned(address)) return -EINVAL;
    const auto protection = protection_of(static_cast<int>(arguments.c));
    if (!protection) return failure(protection.error());
    return bytes == 0 ? 0 : answer(sys::memory_protect(address, bytes, *protection));
}

Answer call_mremap(const Arguments& arguments) {
    const auto address = static_cast<std::uint64_t>(arguments.a);
    const std::uint64_t old_bytes = page_up(static_cast<std::uint64_t>(arguments.b));
    const std::uint64_t bytes = page_up(static_cast<std::uint64_t>(arguments.c));
    const int flags = static_cast<int>(arguments.d);
    if (!aligned(address) || old_bytes == 0 || bytes == 0 || !in_region(address, old_bytes)) return -EINVAL;
    if ((flags & ~MREMAP_MAYMOVE) != 0) return -EINVAL;
    if (bytes > old_bytes) return grow(address, old_bytes, bytes, flags);
    if (bytes < old_bytes) {
        unmap_range(address + bytes, old_bytes - bytes);
        space.give(address + bytes, old_bytes - bytes);
    }
    return static_cast<Answer>(address);
}

}  // namespace ant::foreign
