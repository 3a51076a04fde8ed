#include "partitions.hpp"

#include "world.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace test;

namespace {

struct Case {
    ModelDisk disk;
    std::vector<std::byte> page = std::vector<std::byte>(8192);

    Case() { disk.medium.resize(64 << 20); }

    template <class T>
    void put(std::uint64_t offset, T value) {
        std::memcpy(disk.medium.data() + offset, &value, sizeof value);
    }
    // Entry `index` of the MBR in this sector.
    void entry(std::uint64_t sector, unsigned index, std::uint8_t type, std::uint32_t start, std::uint32_t sectors) {
        const std::uint64_t at = sector * 512 + 446 + index * 16;
        put(at + 4, type);
        put(at + 8, start);
        put(at + 12, sectors);
        put<std::uint16_t>(sector * 512 + 510, 0xaa55);
    }
    void gpt_entry(unsigned index, std::uint64_t first, std::uint64_t last) {
        const std::uint64_t at = 1024 + index * 128;
        put<std::uint64_t>(at, 0x0fc6'3daf);
        put(at + 32, first);
        put(at + 40, last);
    }
    Result<Range> find(std::uint32_t number) {
        return find_partition(disk, disk.medium.size(), number, {reinterpret_cast<std::uint64_t>(page.data()), 0});
    }
};

constexpr std::uint64_t mib = 1 << 20;

}  // namespace

TEST_CASE("partitions: MBR with logical ones") {
    Case test;
    test.entry(0, 0, 0x83, 2048, 20480);
    test.entry(0, 1, 0x05, 22528, 61440);
    test.entry(22528, 0, 0x83, 2048, 10240);         // from this link
    test.entry(22528, 1, 0x05, 16384, 2048 + 8192);  // from the extended partition
    test.entry(22528 + 16384, 0, 0x83, 2048, 8192);
    REQUIRE(test.find(0)->bytes == 64 * mib);
    REQUIRE(test.find(1)->base == mib);
    REQUIRE(test.find(1)->bytes == 10 * mib);
    REQUIRE(test.find(2).error() == Error::not_found);  // the extended one itself
    REQUIRE(test.find(5)->base == 24576 * 512);
    REQUIRE(test.find(6)->base == 40960 * 512);
    REQUIRE(test.find(6)->bytes == 8192 * 512);
    REQUIRE(test.find(7).error() == Error::not_found);
}

TEST_CASE("partitions: GPT") {
    Case test;
    test.entry(0, 0, 0xee, 1, 131071);
    std::memcpy(test.disk.medium.data() + 512, "EFI PART", 8);
    test.put<std::uint64_t>(512 + 72, 2);
    test.put<std::uint32_t>(512 + 80, 128);
    test.put<std::uint32_t>(512 + 84, 128);
    test.gpt_entry(0, 2048, 2048 + 20480 - 1);
    test.gpt_entry(1, 40960, 40960 + 8192 - 1);
    REQUIRE(test.find(1)->base == mib);
    REQUIRE(test.find(2)->base == 40960 * 512);
    REQUIRE(test.find(2)->bytes == 8192 * 512);
    REQUIRE(test.find(3).error() == Error::not_found);
    REQUIRE(test.find(1000).error() == Error::not_found);
}

TEST_CASE("partitions: none, and rubbish") {
    Case test;
    REQUIRE(test.find(1).error() == Error::not_found);
    Random random{1};
    for (unsigned i = 0; i < 200; ++i) {
        for (unsigned b = 446; b < 1536; ++b) test.disk.medium[b] = static_cast<std::byte>(random());
        test.disk.medium[510] = std::byte{0x55};
        test.disk.medium[511] = std::byte{0xaa};
        test.disk.cut_power(random);  // forgets what it has read
        for (std::uint32_t number = 1; number < 20; ++number)
            if (const auto found = test.find(number)) REQUIRE(found->base + found->bytes <= test.disk.medium.size());
    }
}
