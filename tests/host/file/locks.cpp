#include "locks.hpp"

#include "fake_core.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace ant;
using namespace ant::file_server;

namespace {

constexpr auto none = static_cast<std::uint32_t>(file::LockType::none);
constexpr auto shared = static_cast<std::uint32_t>(file::LockType::shared);
constexpr auto exclusive = static_cast<std::uint32_t>(file::LockType::exclusive);

LockRecord range(std::uint32_t slot, std::uint32_t type, std::uint64_t start, std::uint64_t end) {
    return {0, slot, slot, 0, 12, type, start, end};
}

}  // namespace

TEST_CASE("record locks: every byte has the owner that it would have in an array") {
    fake::Core::get().reset();
    auto tables = *Tables::create(state_format);
    Locks locks;
    locks.use(tables.locks);
    constexpr unsigned bytes = 40, owners = 3;
    std::array<std::array<std::uint32_t, bytes>, owners> model{};
    std::uint32_t state = 12345;
    const auto random = [&](std::uint32_t below) { return (state = state * 1664525 + 1013904223) >> 16 & 0x7fff % below; };
    for (unsigned i = 0; i < 3000; ++i) {
        const std::uint32_t owner = random(4) % owners, type = random(8) % 3;
        const std::uint64_t a = random(64) % bytes, b = random(64) % bytes;
        const LockRecord wanted = range(owner + 1, type, std::min(a, b), std::max(a, b) + 1);
        bool blocked = false;
        for (unsigned other = 0; other < owners; ++other)
            for (auto at = wanted.start; at < wanted.end && other != owner && type != none; ++at)
                blocked |= model[other][at] == exclusive || (model[other][at] == shared && type == exclusive);
        REQUIRE((type != none && locks.in_the_way(wanted) != nullptr) == blocked);
        if (blocked) continue;
        REQUIRE(locks.set(wanted));
        if (i % 7 == 0) REQUIRE(locks.set(wanted));  // a call that is delivered again
        for (auto at = wanted.start; at < wanted.end; ++at) model[owner][at] = type;
        if (i % 50 == 0) locks.use(tables.locks);  // the next process
    }
}

TEST_CASE("a lock of a handle and record locks do not see each other") {
    fake::Core::get().reset();
    auto tables = *Tables::create(state_format);
    Locks locks;
    locks.use(tables.locks);
    REQUIRE(locks.set(range(1, exclusive, 0, 10)));
    LockRecord whole = range(2, exclusive, 0, ~std::uint64_t{0});
    whole.handle = 77;
    REQUIRE(locks.in_the_way(whole) == nullptr);
    REQUIRE(locks.set(whole));
    whole.handle = 78;  // of the same slot, but another opening
    REQUIRE(locks.in_the_way(whole) != nullptr);
}
