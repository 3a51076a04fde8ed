// Metadata blocks as they are on the disk, close at hand: what libext2fs reads again and again. Gone with the process.
// Its memory grows as it fills, up to 2 MiB; without memory it stays as large as it is for a while.
#pragma once

#include "disk.hpp"

#include <ant/ica.hpp>

#include <array>

namespace ant::file_server {

class BlockCache {
public:
    static constexpr std::uint32_t unit = cache::block_bytes;

    Result<> start();
    // Any range of the disk between two multiples of `unit` behind `base`. nullptr-free: the bytes, or an error.
    // `limit` is where the volume ends.
    Result<const std::byte*> get(Disk& disk, unsigned volume, std::uint64_t base, std::uint64_t number, std::uint64_t limit);
    // What is kept of these bytes of a volume is now this.
    void update(unsigned volume, std::uint64_t offset, const std::byte* from, std::size_t bytes);
    void forget(unsigned volume);

private:
    static constexpr unsigned sets = 128, ways = 4;
    static constexpr unsigned units_of_area = 16;
    struct Tag {
        std::uint64_t number;
        std::uint16_t volume;  // + 1; 0: empty
        std::uint16_t place;   // + 1; 0: has none yet
        std::uint32_t used;    // when
        void clear() { *this = {0, 0, place, 0}; }
    };
    [[nodiscard]] Memory memory(unsigned slot) const {
        const unsigned place = tags_[slot].place - 1U;
        return {areas_[place / units_of_area].address(), std::uint64_t{place % units_of_area} * unit};
    }
    Result<> grow();
    std::uint16_t new_place();
    std::uint16_t oldest_place();
    [[nodiscard]] unsigned find(unsigned volume, std::uint64_t number) const;
    static unsigned set_of(std::uint64_t number) { return static_cast<unsigned>(number % sets) * ways; }

    std::array<Tag, std::size_t{sets} * ways> tags_{};
    std::array<Ica, std::size_t{sets} * ways / units_of_area> areas_{};
    unsigned places_ = 0, room_ = 0;  // given to tags; that there are areas for
    std::uint32_t time_ = 0, grows_from_ = 0;
};

}  // namespace ant::file_server
