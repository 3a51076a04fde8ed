// The memory of the cache of metadata blocks: it grows as it fills, and stays as it is without memory.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace test;

namespace {

constexpr unsigned units = 2048, unit = BlockCache::unit, most_areas = 32, units_of_area = 16;

struct Blocks {
    ModelDisk disk;
    BlockCache cache;

    Blocks() {
        fake::Core::get().reset();
        disk.medium.resize(std::size_t{units} * unit);
        for (unsigned i = 0; i < units; ++i) std::memcpy(disk.medium.data() + std::size_t{i} * unit, &i, sizeof i);
        must(cache.start());
    }
    void check(unsigned number) {
        const auto bytes = cache.get(disk, 0, 0, number, disk.medium.size());
        REQUIRE(bytes);
        unsigned found;
        std::memcpy(&found, *bytes, sizeof found);
        if (found != number) FAIL("block " << number << " is " << found);
    }
    [[nodiscard]] static unsigned areas() { return fake::Core::get().areas; }
};

void refuse_areas(bool on) {
    fake::on(abi::Syscall::ica_reserve) =
        on ? [](const fake::Call&) { return fake::failed(Error::no_memory); } : std::function<fake::Raw(const fake::Call&)>{};
}

}  // namespace

TEST_CASE("the cache of metadata grows as it fills, to its limit", "[block cache]") {
    Blocks b;
    CHECK(b.areas() == 1);
    for (unsigned i = 0; i < units_of_area; ++i) b.check(i);
    for (unsigned i = 0; i < units_of_area; ++i) b.check(i);
    CHECK(b.areas() == 1);
    b.check(units_of_area);
    CHECK(b.areas() == 2);
    Random random{1};
    for (unsigned i = 0; i < 20'000; ++i) b.check(random() % units);
    CHECK(b.areas() == most_areas);
    b.cache.forget(0);
    for (unsigned i = 0; i < units; ++i) b.check(i);
    CHECK(b.areas() == most_areas);
}

TEST_CASE("without memory the cache of metadata goes on with what it has, and grows later", "[block cache]") {
    Blocks b;
    Random random{2};
    const unsigned before = GENERATE(0, 5, 16, 100);
    for (unsigned i = 0; i < before; ++i) b.check(i);
    const unsigned had = b.areas();
    refuse_areas(true);
    fake::Core::get().calls.clear();
    for (unsigned i = 0; i < 10'000; ++i) b.check(random() % units);
    CHECK(b.areas() == had);
    CHECK(fake::Core::get().of(abi::Syscall::ica_reserve).size() <= 3);
    refuse_areas(false);
    for (unsigned i = 0; i < 20'000; ++i) b.check(random() % units);
    CHECK(b.areas() == most_areas);
}

TEST_CASE("what is written is updated in the cache of metadata, wherever it lies", "[block cache]") {
    Blocks b;
    for (unsigned i = 0; i < 64; ++i) b.check(i);
    const unsigned changed = 77;
    b.cache.update(0, 40 * unit, reinterpret_cast<const std::byte*>(&changed), sizeof changed);
    unsigned found;
    std::memcpy(&found, *b.cache.get(b.disk, 0, 0, 40, b.disk.medium.size()), sizeof found);
    CHECK(found == changed);
    b.check(39);
    b.check(41);
}
