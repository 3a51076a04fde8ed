// Metadata that somebody else has damaged: errors, but nothing outside of the file system is touched, and nothing hangs.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

using namespace test;

namespace {

constexpr std::size_t piece = 64;

// Some of everything; contents are zeros, so that what is not zero on the disk is metadata.
std::vector<std::byte> prepared(const std::string& options) {
    World world(options, 16);
    world.mount();
    const std::string zeros(3000, '\0');
    must(world.make_directory("/a"));
    must(world.make_directory("/a/b"));
    for (unsigned i = 0; i < 40; ++i) must(world.create("/a/a-name-of-some-length-" + std::to_string(i)));
    must(world.create("/a/b/holes"));
    for (unsigned i = 0; i < 200; ++i) must(world.write("/a/b/holes", std::uint64_t{i} * 8192, zeros));
    must(world.create("/f"));
    must(world.append("/f", std::string(100'000, '\0')));
    must(world.tree().symbolic_link(*world.tree().walk("/link", 0, false), {0, ++world.call}, "/a/b/holes"));
    must(world.tree().symbolic_link(*world.tree().walk("/long", 0, false), {0, ++world.call},
                                    ("/a/" + std::string(200, 'x')).c_str()));
    must(world.volume().sync());
    must(world.disk.flush());
    return world.disk.medium;
}

void look_at(World& world, const std::string& path) {
    const auto node = world.tree().find(path.c_str(), 0, true);
    if (!node) return;
    FileMap& file = world.process->maps[node->inode % world.process->maps.size()];
    if (!file.use(*node->volume, node->inode)) return;
    std::uint64_t at = 0;
    for (unsigned pieces = 0; pieces < 1000 && at < file.size(); ++pieces) {
        Mapping mapping;
        if (!file.map(at, file.size() - at, mapping)) return;
        REQUIRE(mapping.bytes != 0);
        for (unsigned i = 0; i < mapping.count; ++i) {
            const Extent& extent = mapping.extents[i];
            const std::uint64_t end = node->volume->record().bytes;
            if (extent.position != cache::hole) REQUIRE((extent.position < end && extent.bytes <= end - extent.position));
        }
        at += mapping.bytes;
    }
}

void live(World& world, Random& random) {
    const std::string paths[] = {"/a",
                                 "/a/b",
                                 "/a/b/holes",
                                 "/f",
                                 "/link",
                                 "/long",
                                 "/lost+found",
                                 "/",
                                 "/new",
                                 "/a/new",
                                 "/a/a-name-of-some-length-7",
                                 "/a/a-name-of-some-length-30"};
    const auto any = [&]() -> const std::string& { return paths[random() % std::size(paths)]; };
    for (unsigned i = 0; i < 40; ++i) {
        ++world.call;
        switch (random() % 10) {
            case 0:
                (void)world.create(any());
                break;
            case 1:
                (void)world.make_directory(any());
                break;
            case 2:
                (void)world.remove(any());
                break;
            case 3:
                (void)world.remove(any(), true);
                break;
            case 4:
                (void)world.rename(any(), any());
                break;
            case 5:
                (void)world.truncate(any(), random() % 2'000'000);
                break;
            case 6:
                (void)world.write(any(), random() % 2'000'000, std::string(random() % 20'000, 'x'));
                break;
            case 7:
                (void)world.names(any());
                break;
            case 8:
                (void)world.volume().sync();
                break;
            default:
                look_at(world, any());
        }
    }
    (void)world.volume().clean();
}

void try_damage(const std::string& options, unsigned seed, unsigned runs) {
    const std::vector<std::byte> sound = prepared(options);
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < sound.size(); at += piece)
        if (std::any_of(&sound[at], &sound[at] + piece, [](std::byte b) { return b != std::byte{0}; })) places.push_back(at);
    unsigned mounted = 0;
    for (unsigned run = 0; run < runs; ++run) {
        INFO(options << ", seed " << seed + run);
        Random random{seed + run};
        World world(sound);
        for (unsigned count = 1 + random() % 20; count != 0; --count) {
            const std::size_t at = places[random() % places.size()] + random() % piece;
            constexpr unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
            world.disk.medium[at] = std::byte{random() % 2 != 0 ? values[random() % 5] : static_cast<unsigned char>(random())};
        }
        try {
            world.mount();
        } catch (const std::runtime_error&) {
            continue;
        }
        ++mounted;
        live(world, random);
    }
    CHECK(mounted > runs / 10);
}

}  // namespace

TEST_CASE("damaged metadata: blocks of 1 KiB, no checksums") { try_damage("-b 1024 -O ^64bit,^metadata_csum -J size=1", 1, 80); }
TEST_CASE("damaged metadata: blocks of 4 KiB, no checksums") { try_damage("-b 4096 -O 64bit,^metadata_csum -J size=4", 102, 60); }
TEST_CASE("damaged metadata: blocks of 1 KiB, checksums") { try_damage("-b 1024 -O 64bit,metadata_csum -J size=1", 3, 40); }
