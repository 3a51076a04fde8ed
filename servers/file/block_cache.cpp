#include "block_cache.hpp"

#include <algorithm>
#include <cstring>

namespace ant::file_server {

Result<> BlockCache::start() {
    area_ = ANT_TRY(Ica::reserve(std::size_t{sets} * ways * unit));
    return {};
}

unsigned BlockCache::find(unsigned volume, std::uint64_t number) const {
    const unsigned set = set_of(number);
    unsigned i = set;
    while (i < set + ways && (tags_[i].number != number || tags_[i].volume != volume + 1)) ++i;
    return i < set + ways ? i : static_cast<unsigned>(tags_.size());
}

Result<const std::byte*> BlockCache::get(Disk& disk, unsigned volume, std::uint64_t base, std::uint64_t number,
                                         std::uint64_t limit) {
    unsigned slot = find(volume, number);
    if (slot == tags_.size()) {
        const std::uint64_t offset = number * unit;
        if (offset >= limit) return Failure(Error::invalid_argument);
        Tag* const set = &tags_[set_of(number)];
        Tag* const oldest = std::min_element(set, set + ways, [](const Tag& a, const Tag& b) { return a.used < b.used; });
        slot = static_cast<unsigned>(oldest - tags_.data());
        *oldest = {};
        ANT_TRY(disk.read(memory(slot), Extent{base + offset, std::min<std::uint64_t>(unit, limit - offset)}));
        *oldest = {number, volume + 1, 0};
    }
    tags_[slot].used = ++time_;
    return memory(slot).data();
}

void BlockCache::update(unsigned volume, std::uint64_t offset, const std::byte* from, std::size_t bytes) {
    while (bytes != 0) {
        const std::size_t part = std::min<std::size_t>(bytes, unit - offset % unit);
        if (const unsigned slot = find(volume, offset / unit); slot != tags_.size())
            std::memcpy(memory(slot).data() + offset % unit, from, part);
        offset += part;
        from += part;
        bytes -= part;
    }
}

void BlockCache::forget(unsigned volume) {
    for (Tag& tag : tags_)
        if (tag.volume == volume + 1) tag = {};
}

}  // namespace ant::file_server
