// Names, permissions, links, large directories and files with holes.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace test;

namespace {

void done(World& world, const Result<>& result) {
    ++world.call;
    must(result);
}

Error error_of(const Result<>& result) { return result ? Error::none : result.error(); }

}  // namespace

TEST_CASE("paths") {
    World world;
    world.mount();
    done(world, world.make_directory("/a"));
    done(world, world.make_directory("/a/b"));
    done(world, world.create("/a/b/f"));
    const auto inode = [&](const char* path) { return world.tree().find(path, 0, true)->inode; };
    REQUIRE(inode("/a/b/f") == inode("//a/./b/../b//f"));
    REQUIRE(inode("/") == root_inode);
    REQUIRE(inode("/..") == root_inode);
    REQUIRE(world.tree().find("/a/c/f", 0, true).error() == Error::not_found);
    REQUIRE(world.tree().find("/a/b/f/g", 0, true).error() == Error::not_directory);
    REQUIRE(world.tree().find(("/" + std::string(256, 'n')).c_str(), 0, true).error() == Error::name_too_long);
    REQUIRE(world.tree().find("relative", 0, true).error() == Error::invalid_argument);
    const auto link = [&](const char* text, const char* at) {
        done(world, world.tree().symbolic_link(*world.tree().walk(at, 0, false), {0, world.call}, text));
    };
    link("b/f", "/a/short");
    link("/a/loop", "/a/loop");
    const std::string longer = "/a/./././././././././././././././././././././././././././././././././b/f";
    link(longer.c_str(), "/a/long");
    REQUIRE(inode("/a/short") == inode("/a/b/f"));
    REQUIRE(inode("/a/long") == inode("/a/b/f"));
    REQUIRE(world.tree().find("/a/loop", 0, true).error() == Error::too_many_links);
    REQUIRE(world.tree().find("/a/loop", 0, false));
    char text[file::max_path];
    must(world.tree().read_link(*world.tree().find("/a/long", 0, false), text));
    REQUIRE(text == longer);
    must(world.volume().clean());
    REQUIRE(world.check(false).empty());
}

TEST_CASE("what is refused") {
    World world;
    world.mount();
    done(world, world.make_directory("/a"));
    done(world, world.make_directory("/a/b"));
    done(world, world.create("/a/f"));
    REQUIRE(error_of(world.make_directory("/a/b")) == Error::exists);
    REQUIRE(error_of(world.remove("/a", true)) == Error::not_empty);
    REQUIRE(error_of(world.remove("/a")) == Error::is_directory);
    REQUIRE(error_of(world.remove("/a/f", true)) == Error::not_directory);
    REQUIRE(error_of(world.rename("/a", "/a/b/c")) == Error::invalid_argument);
    REQUIRE(error_of(world.rename("/a/f", "/a/b")) == Error::is_directory);
    REQUIRE(error_of(world.rename("/a/b", "/a/f")) == Error::not_directory);
    REQUIRE(error_of(world.rename("/a/x", "/a/y")) == Error::not_found);
    REQUIRE(error_of(world.remove("/", true)) == Error::busy);
}

TEST_CASE("permissions by the user") {
    World world;
    world.mount();
    done(world, world.make_directory("/tmp"));
    const auto mode = [&](const char* path, std::uint32_t bits, std::uint32_t user) {
        const Node node = *world.tree().find(path, 0, true);
        ++world.call;
        must(world.volume().operate(world.call, [&]() -> Result<> {
            Inode inode;
            ANT_TRY(world.volume().read_inode(node.inode, inode));
            inode.i_mode = static_cast<std::uint16_t>((inode.i_mode & ~07777) | bits);
            set_owner(inode, user, user);
            return world.volume().write_inode(node.inode, inode);
        }));
    };
    const auto create = [&](const char* path, std::uint32_t user) -> Error {
        ++world.call;
        const auto place = world.tree().walk(path, user, false);
        if (!place) return place.error();
        const auto made = world.tree().create(*place, {user, world.call}, 0600);
        return made ? Error::none : made.error();
    };
    REQUIRE(create("/tmp/x", 1000) == Error::denied);
    mode("/tmp", 01777, 0);
    REQUIRE(create("/tmp/x", 1000) == Error::none);
    const Place x = *world.tree().walk("/tmp/x", 2000, false);
    REQUIRE(world.tree().remove(x, {2000, ++world.call}, false).error() == Error::denied);  // sticky
    Inode inode;
    must(world.volume().read_inode(x.node.inode, inode));
    REQUIRE(owner_of(inode) == 1000);
    REQUIRE(permit(inode, 1000, may_read | may_write));
    REQUIRE(!permit(inode, 2000, may_read));
    REQUIRE(permit(inode, 0, may_write));
    REQUIRE(!permit(inode, 0, may_execute));
    mode("/tmp", 0700, 3000);
    REQUIRE(world.tree().find("/tmp/x", 1000, true).error() == Error::denied);
}

TEST_CASE("a directory grows and shrinks") {
    World world("-b 1024", 16);
    world.mount();
    constexpr unsigned count = 700;
    const auto name = [](unsigned i) { return "/file-with-a-rather-long-name-" + std::to_string(i * 7919 % 10007); };
    for (unsigned i = 0; i < count; ++i) done(world, world.create(name(i)));
    REQUIRE(world.contents().size() == count);
    must(world.volume().clean());
    REQUIRE(world.check(false).empty());
    for (unsigned i = 0; i < count; i += 2) done(world, world.remove(name(i)));
    REQUIRE(world.contents().size() == count / 2);
    must(world.volume().clean());
    REQUIRE(world.check(false).empty());
}

TEST_CASE("an indexed directory that the host made") {
    World world("-b 1024 -d " + std::string("/usr/include/linux"), 32);
    world.mount();
    const std::size_t before = world.names("/")->size();
    for (unsigned i = 0; i < 50; ++i) done(world, world.create("/added-" + std::to_string(i)));
    REQUIRE(world.names("/")->size() == before + 50);
    must(world.volume().clean());
    const std::string said = world.check(false);
    INFO(said);
    REQUIRE(said.empty());
}

TEST_CASE("any order of writes and truncations gives the same bytes as in memory") {
    for (const unsigned seed : {1U, 2U, 3U, 4U}) {
        INFO("seed " << seed);
        Random random{seed};
        World world(seed % 2 == 0 ? "-b 1024" : "-b 4096", 32);
        world.mount();
        done(world, world.create("/f"));
        std::string expected;
        for (unsigned i = 0; i < 150; ++i) {
            ++world.call;
            const std::size_t position = random() % 200000;
            if (random() % 4 == 0) {
                must(world.truncate("/f", position));
                expected.resize(position);
            } else {
                const std::string data(1 + random() % 30000, static_cast<char>('a' + random() % 26));
                must(world.write("/f", position, data));
                if (expected.size() < position + data.size()) expected.resize(position + data.size());
                expected.replace(position, data.size(), data);
            }
            if (random() % 5 == 0) REQUIRE(*world.read("/f") == expected);
            if (random() % 10 == 0) world.restart();
            if (random() % 10 == 0) must(world.volume().sync());
        }
        REQUIRE(*world.read("/f") == expected);
        must(world.volume().clean());
        REQUIRE(world.check(false).empty());
    }
}
