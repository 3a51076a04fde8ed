// Metadata blocks as they are on the disk, close at hand: what libext2fs reads again and again. Gone with the process.
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
    struct Tag {
        std::uint64_t number;
        std::uint32_t volume;  // + 1; 0: empty
        std::uint32_t used;    // when
    };
    [[nodiscard]] Memory memory(unsigned slot) const { return {area_.address(), std::uint64_t{slot} * unit}; }
    [[nodiscard]] unsigned find(unsigned volume, std::uint64_t number) const;
    static unsigned set_of(std::uint64_t number) { return static_cast<unsigned>(number % sets) * ways; }

    Ica area_;
    std::array<Tag, std::size_t{sets} * ways> tags_{};
    std::uint32_t time_ = 0;
};

}  // namespace ant::file_server
