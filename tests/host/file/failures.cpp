// The file server ends at any of its transfers, or the disk fails: what was answered has happened, once; nothing else has.
#include "world.hpp"

#include <catch2/catch.hpp>

using namespace test;

namespace {

std::string block(char c, std::size_t bytes) { return std::string(bytes, c); }

// Some of everything. -> what should be there then
std::map<std::string, std::string> work(World& world) {
    const auto go = [&](auto&& change) { must(world.persistently(change)); };
    go([&] { return world.make_directory("/a"); });
    go([&] { return world.make_directory("/a/b"); });
    go([&] { return world.create("/a/f"); });
    go([&] { return world.append("/a/f", block('1', 5000)); });
    go([&] { return world.append("/a/f", block('2', 100)); });
    must(world.volume().sync());
    go([&] { return world.create("/a/g"); });
    go([&] { return world.write("/a/g", 9000, block('3', 3000)); });
    go([&] { return world.rename("/a/g", "/a/b/g"); });
    go([&] { return world.rename("/a/b", "/c"); });
    must(world.volume().sync());
    go([&] { return world.create("/c/h"); });
    go([&] { return world.append("/c/h", block('4', 30000)); });
    go([&] { return world.truncate("/c/h", 10001); });
    go([&] { return world.rename("/a/f", "/c/h"); });
    must(world.volume().clean());
    go([&] { return world.create("/c/i"); });
    go([&] { return world.append("/c/i", block('5', 8192)); });
    go([&] { return world.remove("/c/i"); });
    go([&] { return world.remove("/a", true); });
    must(world.volume().clean());
    return {{"/c/", ""}, {"/c/g", block('\0', 9000) + block('3', 3000)}, {"/c/h", block('1', 5000) + block('2', 100)}};
}

}  // namespace

TEST_CASE("after sync_data the contents are on the disk, whatever becomes of the times") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        World world;
        world.mount();
        must(world.create("/f"));
        must(world.append("/f", block('1', 20000)));
        const Node file = *world.tree().find("/f", 0, true);
        const bool replaced = seed % 2 == 0;
        must(world.volume().sync_data(file.inode));
        Random random{seed};
        world.cut_power(random);
        world.mount();
        CHECK(world.contents()["/f"] == block('1', 20000));
        must(world.create("/g"));
        must(world.volume().sync());
        must(world.write("/f", 5000, block('2', 3000)));
        if (replaced) world.restart();  // which does not know what has changed
        const unsigned before = world.disk.operations;
        must(world.volume().sync_data(file.inode));
        if (!replaced) CHECK(world.disk.operations == before + 1);  // a flush
        world.cut_power(random);
        CHECK(world.check(true).empty());
        world.mount();
        CHECK(world.contents()["/f"] == block('1', 5000) + block('2', 3000) + block('1', 12000));
        must(world.append("/f", "more"));
        must(world.volume().sync_data(file.inode));
        world.cut_power(random);
        world.mount();
        CHECK(world.contents()["/f"].ends_with("more"));
    }
}

TEST_CASE("the server ends at each of its writes and flushes") {
    for (unsigned crash = 1;; ++crash) {
        INFO("crash at " << crash);
        World world("-b 1024 -O 64bit,metadata_csum -J size=1", 8);
        world.mount();
        const unsigned from = world.disk.operations;
        world.disk.crash_at = from + crash;
        std::map<std::string, std::string> expected;
        // `sync` and `clean` are called again, too.
        for (bool done = false; !done;) {
            try {
                expected = work(world);
                done = true;
            } catch (const Crash&) {
                world.disk.crash_at = 0;
                world.restart();
                must(world.finish_orphans());
                must(world.volume().clean());
                expected.clear();
                break;
            }
        }
        const bool reached = world.disk.operations - from >= crash;
        if (!expected.empty()) REQUIRE(world.contents() == expected);
        const std::string said = world.check(false);
        INFO(said);
        REQUIRE(said.empty());
        if (!reached) break;
    }
}

TEST_CASE("the server ends between operations: the next one knows all of it") {
    World world("-b 4096 -J size=4", 16);
    world.mount();
    for (unsigned i = 0; i < 20; ++i) {
        const std::string file = "/f" + std::to_string(i);
        ++world.call;
        must(world.create(file));
        world.restart();
        ++world.call;
        must(world.append(file, block('x', 1 + i * 1000)));
        world.restart();
    }
    REQUIRE(world.contents().size() == 20);
    for (unsigned i = 0; i < 20; ++i) REQUIRE(world.contents()["/f" + std::to_string(i)] == block('x', 1 + i * 1000));
    must(world.volume().clean());
    REQUIRE(world.check(false).empty());
}

TEST_CASE("the disk fails: errors, and later everything goes on") {
    for (unsigned fail = 1; fail < 40; ++fail) {
        INFO("fails from " << fail);
        World world("-b 1024 -J size=1", 8);
        world.mount();
        ++world.call;
        must(world.make_directory("/kept"));
        must(world.volume().sync());
        world.disk.fail_from = world.disk.operations + fail;
        unsigned errors = 0, made = 0;
        for (unsigned i = 0; i < 30; ++i) {
            ++world.call;
            const std::string name = "/kept/" + std::to_string(i);
            if (!world.create(name)) {
                ++errors;
                continue;
            }
            ++made;
            ++world.call;
            errors += world.append(name, block('y', 3000)) ? 0 : 1;
            if (i % 10 == 9) errors += world.volume().sync() ? 0 : 1;
        }
        world.disk.fail_from = 0;
        must(world.volume().clean());
        REQUIRE(world.names("/kept")->size() == made + 2);
        REQUIRE(world.check(false).empty());
        if (errors == 0) break;
    }
}

TEST_CASE("the disk is full") {
    World world("-b 1024 -J size=1", 4);
    world.mount();
    ++world.call;
    must(world.create("/big"));
    Result<> done;
    unsigned written = 0;
    while (done && written < 1000) {
        ++world.call;
        done = world.append("/big", block('z', 50000));
        ++written;
    }
    REQUIRE(done.error() == Error::no_space);
    must(world.volume().clean());
    REQUIRE(world.check(false).empty());
    unsigned folders = 0;  // in what is kept for trees of extents
    for (done = {}; done && folders < 100; ++folders) {
        ++world.call;
        done = world.make_directory("/" + std::to_string(folders));
    }
    REQUIRE(done.error() == Error::no_space);
    // What is freed can be used at once, though not before it is certain that it is free.
    ++world.call;
    must(world.remove("/big"));
    ++world.call;
    must(world.make_directory("/folder"));
    ++world.call;
    must(world.create("/second"));
    for (unsigned i = 0; i + 4 < written; ++i) {
        ++world.call;
        must(world.append("/second", block('w', 50000)));
    }
    must(world.volume().clean());
    REQUIRE(world.check(false).empty());
}
