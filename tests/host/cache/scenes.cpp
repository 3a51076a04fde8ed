#include "model.hpp"

#include <catch2/catch.hpp>

using namespace model;
using ant::cache::hole;
namespace flag = ant::cache::access_flag;

namespace {

constexpr u64 block = 4096;

// One drive of 4 MiB and a part of a block, known to the cache.
struct Scene : World {
    explicit Scene(unsigned blocks = 1024) : World{1} {
        add_drive(0, 1024 * block + 1536);
        boot(blocks);
        const u64 found = find_disks();
        settle();
        REQUIRE(answered(found));
        REQUIRE(cache->disks().count == 1);
    }
    bool done(u64 number) { return answered(number) && call(number).error == Error::none; }
};

}  // namespace

TEST_CASE("two misses on the same block cause one read (P-ipc figure 7)") {
    Scene w;
    const u64 a = w.read(0, {{0, block}}), b = w.read(0, {{0, block}});
    REQUIRE(!w.answered(a));
    REQUIRE(!w.answered(b));
    w.settle();
    CHECK(w.done(a));
    CHECK(w.done(b));
    CHECK(w.reads == 1);
    CHECK(w.cache->statistics().joined == 1);
}

TEST_CASE("a hit is answered while a miss is under way (P-ipc figure 9)") {
    Scene w;
    w.read(0, {{8 * block, block}});
    w.settle();
    const u64 miss = w.read(0, {{100 * block, block}}), hit = w.read(0, {{8 * block, block}});
    CHECK(w.done(hit));
    CHECK(!w.answered(miss));
    w.settle();
    CHECK(w.done(miss));
}

TEST_CASE("what is written can be read at once, and is written to the disk later, in order and together") {
    Scene w;
    std::vector<u64> all;
    for (const u64 n : {5, 3, 4, 90, 2, 1}) all.push_back(w.write(0, {{n * block, block}}));
    for (const u64 n : all) CHECK(w.done(n));
    CHECK(w.writes == 0);
    CHECK(w.done(w.read(0, {{3 * block + 7, 1000}})));
    w.sleep(3'000'000'000);
    CHECK(w.queue.size() == 2);
    CHECK(w.queue[0].transfer.sector == 8);
    CHECK(w.queue[0].transfer.bytes == 5 * block);
    w.settle();
    CHECK(w.cache->statistics().dirty == 0);
    CHECK(w.reads == 0);
}

TEST_CASE("a write of a part of a block reads the block first, one of a whole block does not") {
    Scene w;
    const u64 part = w.write(0, {{block + 100, 50}});
    CHECK(!w.answered(part));
    w.settle();
    CHECK(w.done(part));
    CHECK(w.reads == 1);
    CHECK(w.done(w.write(0, {{2 * block, block}})));
    // The last block of the disk is shorter.
    CHECK(w.done(w.write(0, {{1024 * block, 1536}})));
    CHECK(w.reads == 1);
    const u64 flush = w.flush(0);
    w.settle();
    CHECK(w.done(flush));
}

TEST_CASE("a flush waits for what was written before, and not for what is written after") {
    Scene w;
    w.write(0, {{0, block}});
    const u64 flush = w.flush(0);
    w.write(0, {{0, block}});
    w.write(0, {{10 * block, block}});
    REQUIRE(w.drive_once());  // the first block, as it is now or was then
    REQUIRE(w.drive_once());  // the drive's flush
    CHECK(w.done(flush));
    CHECK(w.cache->statistics().dirty == 2);
    const u64 second = w.flush(0);
    w.settle();
    CHECK(w.done(second));
    CHECK(w.cache->statistics().dirty == 0);
}

TEST_CASE("several extents, holes, hits and misses in one call") {
    Scene w;
    w.write(0, {{3 * block, block}});
    const u64 call = w.read(0, {{3 * block + 10, 100}, {hole, 5000}, {7 * block - 1, 2}, {1023 * block + 5, block}}, 0, 77);
    w.settle();
    CHECK(w.done(call));
}

TEST_CASE("a large read goes from the disk to the caller, one with something in between by pieces") {
    Scene w;
    const u64 whole = w.read(0, {{64 * block, 512 * 1024}});
    CHECK(w.call(whole).forwarded);
    w.settle();
    CHECK(w.done(whole));
    CHECK(w.cache->statistics().blocks == 0);
    w.write(0, {{130 * block, block}});
    const u64 mixed = w.read(0, {{64 * block, 512 * 1024}});
    CHECK(!w.call(mixed).forwarded);
    w.settle();
    CHECK(w.done(mixed));
    const u64 once = w.read(0, {{300 * block, 64 * 1024}}, flag::once);
    CHECK(w.call(once).forwarded);
    const u64 lent = w.read(0, {{400 * block, 512 * 1024}}, 0, 0, false);
    CHECK(!w.call(lent).forwarded);
    w.settle();
    CHECK(w.done(lent));
}

TEST_CASE("64 KiB that are read once are not kept, and are when they are read again") {
    Scene w;
    const auto read = [&w](u64 bytes) {
        const u64 call = w.read(0, {{300 * block, bytes}});
        const bool forwarded = w.call(call).forwarded;
        w.settle();
        REQUIRE(w.done(call));
        return forwarded;
    };
    CHECK(read(60 * 1024) == false);
    const u64 forgotten = w.flush(0, true);
    w.settle();
    REQUIRE(w.done(forgotten));
    CHECK(read(64 * 1024));
    CHECK(w.cache->statistics().blocks == 0);
    CHECK(!read(64 * 1024));
    const auto reads = w.reads;
    CHECK(!read(64 * 1024));
    CHECK(w.reads == reads);
    CHECK(w.cache->statistics().hits == 16);
    // A write of as much goes to the disk, and what was kept of the same place goes.
    const u64 write = w.write(0, {{300 * block, 64 * 1024}});
    CHECK(w.call(write).forwarded);
    w.settle();
    CHECK(w.done(write));
    CHECK(w.cache->statistics().blocks == 0);
}

TEST_CASE("a write through the cache is on the medium when answered") {
    Scene w;
    const u64 direct = w.write(0, {{4 * block, 1024}}, flag::through);
    CHECK(w.call(direct).forwarded);
    w.settle();
    CHECK(w.done(direct));
    w.write(0, {{5 * block, block}});
    const u64 over = w.write(0, {{5 * block + 512, 1024}}, flag::through);
    CHECK(!w.call(over).forwarded);
    CHECK(!w.answered(over));
    w.settle();
    CHECK(w.done(over));
    // A clean block is in the way.
    w.read(0, {{9 * block, block}});
    w.settle();
    CHECK(w.call(w.write(0, {{9 * block, block}}, flag::through)).forwarded);
    w.settle();
    const u64 read = w.read(0, {{9 * block, block}});
    w.settle();
    CHECK(w.done(read));
}

TEST_CASE("a sequential reader finds its blocks read ahead") {
    Scene w;
    for (u64 n = 0; n < 200; ++n) {
        const u64 call = w.read(0, {{n * block, block}});
        w.settle();
        REQUIRE(w.done(call));
    }
    const auto s = w.cache->statistics();
    CHECK(s.misses < 5);
    CHECK(s.ahead_used > 190);
    CHECK(w.reads < 20);
}

TEST_CASE("a stream does not push out what is asked for again and again") {
    Scene w{256};
    for (unsigned round = 0; round < 2; ++round)
        for (u64 n = 0; n < 20; ++n) {
            w.read(0, {{n * 7 * block, block}});
            w.settle();
        }
    const u64 before = w.cache->statistics().misses;
    for (u64 n = 200; n < 1000; n += 2) {
        w.read(0, {{n * block, block}});
        w.settle();
    }
    const u64 after = w.cache->statistics().misses;
    CHECK(after - before > 300);
    for (u64 n = 0; n < 20; ++n) CHECK(w.done(w.read(0, {{n * 7 * block, block}})));
    CHECK(w.pages <= 256);
}

TEST_CASE("a bad sector fails who asks for it, and nobody else") {
    Scene w;
    w.drive_of(0).bad.insert(10 * 8 + 3);
    const u64 bad = w.read(0, {{8 * block, 4 * block}});
    const u64 joined = w.read(0, {{9 * block, block}});
    w.settle();
    CHECK(w.call(bad).error == Error::io_error);
    CHECK(w.done(joined));
    std::vector<u64> writes;
    for (u64 n = 8; n < 13; ++n) writes.push_back(w.write(0, {{n * block, block}}));
    const u64 flush = w.flush(0);
    w.settle();
    CHECK(w.call(flush).error == Error::io_error);
    CHECK(w.cache->statistics().dirty == 1);
    for (const u64 n : writes) CHECK(w.done(n));
    CHECK(w.done(w.read(0, {{10 * block, block}})));
    w.drive_of(0).bad.clear();
    const u64 again = w.flush(0);
    w.settle();
    CHECK(w.done(again));
    CHECK(w.cache->statistics().dirty == 0);
}

TEST_CASE("when nothing can be written any more, writers hear of it") {
    Scene w{64};
    for (u64 s = 0; s < 1024 * 8; ++s) w.drive_of(0).bad.insert(s);
    u64 last = 0;
    for (u64 n = 0; n < 40; ++n) {
        last = w.write(0, {{n * 2 * block, block}});
        w.settle();
    }
    CHECK(w.call(last).error == Error::io_error);
    const u64 read = w.read(0, {{0, block}});
    CHECK(w.done(read));
}

TEST_CASE("without memory calls are answered") {
    Scene w{64};
    w.most_pages = 0;
    const u64 none = w.read(0, {{0, block}});
    w.settle();
    CHECK(w.call(none).error == Error::no_memory);
    w.most_pages = 3;
    std::vector<u64> all;
    for (u64 n = 0; n < 30; ++n) all.push_back(w.write(0, {{n * block, block}}));
    w.settle();
    for (const u64 n : all) CHECK(w.done(n));
    const u64 read = w.read(0, {{0, 40 * block}});
    w.settle();
    CHECK(w.done(read));
}

TEST_CASE("dirty blocks outlive the process, and calls that it held are carried out") {
    Scene w;
    w.write(0, {{3 * block, 2 * block}});
    const u64 read = w.read(0, {{500 * block, block}});
    const u64 part = w.write(0, {{600 * block + 1, 1}});
    const u64 flush = w.flush(0);
    w.crash();
    CHECK(w.cache->statistics().recovered == 2);
    CHECK(w.done(w.read(0, {{3 * block, 2 * block}})));
    w.settle();
    CHECK(w.done(read));
    CHECK(w.done(part));
    CHECK(w.done(flush));
}

TEST_CASE("a planned replacement keeps what was read, a failure does not") {
    for (const bool failure : {false, true}) {
        Scene w;
        const u64 first = w.read(0, {{3 * block, 2 * block}});
        w.settle();
        const u64 under_way = w.read(0, {{500 * block, block}});
        w.write(0, {{7 * block, block}});
        const u64 before = w.reads;
        failure ? w.crash() : w.replace();
        const u64 again = w.read(0, {{4 * block, block}});
        CHECK(w.answered(again) == !failure);
        w.settle();
        CHECK(w.reads == before + (failure ? 3 : 2));  // with the one that the process before had sent
        CHECK(w.cache->statistics().recovered == 1);
        for (const u64 n : {first, under_way, again}) CHECK(w.done(n));
        CHECK(w.done(w.read(0, {{7 * block, block}})));
    }
}

TEST_CASE("a disk keeps its number, and another in its place gets a new one") {
    Scene w;
    w.write(0, {{0, block}});
    w.add_drive(2, 100 * block);
    w.find_disks();
    w.settle();
    REQUIRE(w.cache->disks().count == 2);
    CHECK(std::string{w.cache->disks().disk[1].driver} == "disk.2");
    w.write(0, {{block, block}});
    w.drives[0][0].serial = "other";
    w.find_disks();
    w.settle();
    REQUIRE(w.cache->disks().count == 3);
    CHECK(w.cache->disks().disk[0].bytes == 0);
    CHECK(w.call(w.read(0, {{0, block}})).error == Error::no_server);
    const u64 flush = w.flush(0);
    w.settle();
    CHECK(w.call(flush).error == Error::no_server);
    w.flush(0, true);
    w.settle();
    CHECK(w.cache->statistics().dirty == 0);
    CHECK(w.call(w.flush(0)).error == Error::no_server);
    w.crash();
    CHECK(w.cache->disks().count == 3);
}

TEST_CASE("forget drops what is kept of a disk") {
    Scene w;
    w.read(0, {{0, 20 * block}});
    w.write(0, {{0, block}});
    w.settle();
    const u64 forget = w.flush(0, true);
    w.settle();
    CHECK(w.done(forget));
    CHECK(w.cache->statistics().blocks == 0);
}

TEST_CASE("a driver that is gone: everybody is answered") {
    Scene w;
    w.write(0, {{0, block}});
    w.gone = true;
    const u64 read = w.read(0, {{10 * block, 5 * block}}), flush = w.flush(0);
    w.settle();
    CHECK(w.call(read).error == Error::no_server);
    CHECK(w.call(flush).error == Error::no_server);
    w.gone = false;
    const u64 again = w.flush(0);
    w.settle();
    CHECK(w.done(again));
}

TEST_CASE("what makes no sense is refused") {
    Scene w;
    const u64 size = 1024 * block + 1536;
    const auto refused = [&](u64 n) { return w.answered(n) && w.call(n).error == Error::invalid_argument; };
    CHECK(refused(w.read(0, {{size - 1, 2}})));
    CHECK(refused(w.read(0, {{~u64{0} - 5, 10}})));
    CHECK(refused(w.write(0, {{hole, 10}})));
    CHECK(w.call(w.read(1, {{0, 10}})).error == Error::not_found);
    CHECK(w.done(w.read(0, {})));
    auto& made = w.call(w.read(0, {{0, 10}}));
    w.settle();
    made.answered = false;
    for (auto change : {0, 1, 2, 3}) {
        ant::cache::Access access = made.access;
        if (change == 0) access.count = 97;
        if (change == 1) access.bytes = 5000;
        if (change == 2) access.extent[0].bytes = ~u64{0};
        if (change == 3) access.offset = ~u32{0};
        const auto answer = w.cache->transfer(cs::RequestKind::read, {1, &access, made.area, 4096, true, true, false});
        REQUIRE(answer.has_value());
        CHECK(answer->error == Error::invalid_argument);
    }
}
