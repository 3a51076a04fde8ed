#include "cache_disk.hpp"

#include <algorithm>

namespace ant::file_server {

constinit Client buffer_cache{"cache"};

void fill(cache::Access& access, std::uint32_t disk, std::uint32_t flags, std::span<const Extent> extents) {
    access.disk = disk;
    access.flags = flags;
    access.count = static_cast<std::uint32_t>(extents.size());
    access.reserved = 0;
    std::copy(extents.begin(), extents.end(), access.extent);
}

// The cache answers in any case, however long the disk takes; a time limit tells the core that this is no hang.
constexpr std::uint64_t patience_us = 300'000'000;

bool usable(const cache::Disks& known, std::uint32_t number) { return number < known.count && known.disk[number].bytes != 0; }

Failure CacheDisk::failed() {
    const auto known = buffer_cache.call(cache::disks, {}, {}, patience_us);
    gone_ = known && !usable(known->result, number_);
    return Failure(Error::io_error);
}

Result<> CacheDisk::transfer(const Function<cache::Access>& function, Memory memory, std::span<const Extent> extents,
                             std::uint32_t flags, abi::DataMode mode) {
    const auto done = buffer_cache.call_in_place(
        function,
        [&](cache::Access& access) {
            fill(access, number_, flags, extents);
            access.offset = static_cast<std::uint32_t>(memory.offset);
            access.bytes = 0;
            for (const Extent& extent : extents) access.bytes += static_cast<std::uint32_t>(extent.bytes);
        },
        0, {memory.area, mode}, patience_us);
    if (!done) return failed();
    return {};
}

Result<> CacheDisk::read(Memory to, std::span<const Extent> extents) {
    return transfer(cache::read, to, extents, 0, abi::DataMode::lend_write);
}

Result<> CacheDisk::write(Memory from, std::span<const Extent> extents, bool through) {
    return transfer(cache::write, from, extents, through ? cache::access_flag::through : 0, abi::DataMode::lend_read);
}

Result<> CacheDisk::flush() {
    const auto done = buffer_cache.call(cache::flush, {number_, 0}, {}, patience_us);
    if (!done) return failed();
    return {};
}

}  // namespace ant::file_server
