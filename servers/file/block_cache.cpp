#include "block_cache.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ant::file_server {

Result<> BlockCache::start() { return grow(); }

Result<> BlockCache::grow() {
    areas_[room_ / units_of_area] = ANT_TRY(Ica::reserve(std::size_t{units_of_area} * unit));
    room_ += units_of_area;
    return {};
}

std::uint16_t BlockCache::new_place() {
    constexpr std::uint32_t pause = 4096;
    if (places_ == room_ && time_ < grows_from_) return oldest_place();
    if (places_ == room_ && !grow()) {
        grows_from_ = time_ + pause;
        return oldest_place();
    }
    return static_cast<std::uint16_t>(++places_);
}

std::uint16_t BlockCache::oldest_place() {
    const auto has_older = [](const Tag& a, const Tag& b) { return a.place != 0 && (b.place == 0 || a.used < b.used); };
    Tag& oldest = *std::min_element(tags_.begin(), tags_.end(), has_older);
    oldest.clear();
    return std::exchange(oldest.place, std::uint16_t{0});
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
        oldest->clear();
        if (oldest->place == 0) oldest->place = new_place();
        ANT_TRY(disk.read(memory(slot), Extent{base + offset, std::min<std::uint64_t>(unit, limit - offset)}));
        oldest->number = number;
        oldest->volume = static_cast<std::uint16_t>(volume + 1);
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
        if (tag.volume == volume + 1) tag.clear();
}

}  // namespace ant::file_server
