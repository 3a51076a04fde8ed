// Images and processes are made in steps, between which others run, die and release.
#include "support/elf_builder.hpp"
#include "support/world.hpp"

#include <kernel/core/images.hpp>
#include <kernel/core/lifecycle.hpp>
#include <kernel/core/user_memory.hpp>

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;

namespace {

constexpr u64 text_pages = 70, data_pages = 40, memory_pages = 60;

ElfFile large_elf() {
    ElfFile file;
    file.bytes = (text_pages + data_pages) * page_size;
    file.segments = {
        {.flags = elf::read | elf::execute, .file_bytes = text_pages * page_size, .memory_bytes = text_pages * page_size},
        {.flags = elf::read | elf::write,
         .offset = text_pages * page_size,
         .address = 0x400000 + text_pages * page_size,
         .file_bytes = data_pages * page_size - 100,
         .memory_bytes = memory_pages * page_size}};
    return file;
}

// Whose program is large, and who may start others.
struct Maker {
    World w{4096};
    Process& p = w.start("maker");
    Process& other = w.start("other");

    u64 file() {
        auto bytes = large_elf().build();
        bytes[(text_pages + data_pages) * page_size - 200] = std::byte{7};
        const u64 area = w.area(p, text_pages + data_pages);
        REQUIRE(copy_out(p, area, bytes));
        return area;
    }
    void begin(Syscall number, u64 a, u64 b = 0) {
        w.run(p);
        w.raw_call(number, a, b);
    }
    void begin_image(u64 area) { begin(Syscall::image_create, area, (text_pages + data_pages) * page_size); }
    // One more step of the system call under way.
    void step() {
        w.run(p);
        w.raw_call(static_cast<Syscall>(p.context.rax), p.context.rdi, p.context.rsi, p.context.rdx, p.context.r10, p.context.r8);
    }
    u32 image() {
        const u64 area = file();
        begin_image(area);
        const Outcome o = w.go_on(p);
        REQUIRE(o.ok());
        return static_cast<u32>(o.rdx);
    }
    u64 request(u32 image, const char* name) {
        abi::ProcessRequest r{};
        r.image = image;
        r.priority = abi::priority::application;
        r.device = abi::no_device;
        r.irq[0] = r.irq[1] = abi::no_irq;
        r.quota_pages = 100;
        r.quota_calls = 8;
        copy_name(r.name, name);
        copy_name(r.program, name);
        return w.put(p, &r, sizeof r);
    }
    u64 replacement(u32 image) {
        auto r = w.replace_request("other");
        r.image = image;
        return w.put(p, &r, sizeof r);
    }
};

unsigned steps_of(Maker& m) {
    unsigned steps = 1;
    for (; World::repeats(m.p); ++steps) m.step();
    return steps;
}

}  // namespace

TEST_CASE("a large image is made in steps, and known after the last", "[loading]") {
    Maker m;
    m.begin_image(m.file());
    REQUIRE(World::repeats(m.p));
    for (u32 i = 0; i < max_images; ++i) CHECK((i == 0 || image_by_number(i | images[i].generation << 8) == nullptr));
    m.w.check();
    CHECK(steps_of(m) > 3);
    const Outcome o = outcome_of(m.p);
    REQUIRE(o.ok());
    Image* image = image_by_number(static_cast<u32>(o.rdx));
    REQUIRE(image != nullptr);
    CHECK(image->hash == hash_image(*image));
    m.w.check();
}

TEST_CASE("a maker that dies between two steps leaves no image", "[loading]") {
    Maker m;
    const std::size_t before = m.w.free_pages();
    m.begin_image(m.file());
    m.step();
    CHECK(m.w.free_pages() < before);
    m.w.kill(m.p);
    m.w.finish_endings();
    CHECK(m.w.free_pages() > before);
    m.w.check();
}

TEST_CASE("a large program is loaded in steps, and its process is there after the last", "[loading]") {
    Maker m;
    const u32 image = m.image();
    m.begin(Syscall::process_create, m.request(image, "large"));
    REQUIRE(World::repeats(m.p));
    CHECK(slot_by_name("large") == nullptr);
    CHECK(process_by_pid(m.p.loads->pid) == nullptr);
    CHECK(steps_of(m) > 4);
    const Outcome o = outcome_of(m.p);
    REQUIRE(o.ok());
    Process* made = process_by_pid(static_cast<u32>(o.rdx));
    REQUIRE(made != nullptr);
    CHECK(made->slot == slot_by_name("large"));
    const u64 data = 0x400000 + text_pages * page_size, last = data + data_pages * page_size - 200;
    std::byte found[101];
    REQUIRE(copy_in(*made, last, std::span(found)));
    CHECK(found[0] == std::byte{7});
    CHECK(found[100] == std::byte{0});  // behind what the file has
    CHECK(m.w.reads(*made, 0x400000 + (text_pages - 1) * page_size));
    CHECK(m.w.writes(*made, data + (memory_pages - 1) * page_size));
    CHECK_FALSE(m.w.reads(*made, data + memory_pages * page_size));
    m.w.check();
}

TEST_CASE("who asked for a process, or for a new server, may die between two steps", "[loading]") {
    const auto number = GENERATE(Syscall::process_create, Syscall::server_replace);
    Maker m;
    const u32 image = m.image();
    const std::size_t before = m.w.free_pages();
    m.begin(number, number == Syscall::process_create ? m.request(image, "large") : m.replacement(image));
    for (unsigned i = 0; i < 3; ++i) m.step();
    REQUIRE(World::repeats(m.p));
    CHECK(m.w.free_pages() < before - data_pages / 4);
    m.w.kill(m.p);
    m.w.finish_endings();
    CHECK(m.w.free_pages() > before);
    CHECK(slot_by_name("large") == nullptr);
    CHECK(m.other.slot->replacement == nullptr);
    m.w.check();
}

TEST_CASE("an image released between two steps, or damaged, starts nothing", "[loading]") {
    const bool damage = GENERATE(false, true);
    Maker m;
    const u32 image = m.image();
    m.begin(Syscall::process_create, m.request(image, "large"));
    m.step();
    REQUIRE(World::repeats(m.p));
    if (damage)
        static_cast<std::byte*>(machine::page(image_by_number(image)->first + text_pages))[9] ^= std::byte{1};
    else
        REQUIRE(m.w.call(m.other, Syscall::image_release, image).ok());
    const std::size_t before = m.w.free_pages();
    CHECK(m.w.go_on(m.p).error == (damage ? Error::bad_image : Error::not_found));
    m.w.finish_endings();
    CHECK(m.w.free_pages() > before);
    CHECK(slot_by_name("large") == nullptr);
    if (damage) CHECK(m.w.call(m.p, Syscall::process_create, m.request(image, "large")).error == Error::bad_image);
    m.w.check();
}

TEST_CASE("what has changed when the program is there is looked at again", "[loading]") {
    Maker m;
    const u32 image = m.image();
    m.begin(Syscall::server_replace, m.replacement(image));
    m.step();
    REQUIRE(World::repeats(m.p));
    const bool gone = GENERATE(false, true);
    if (gone)
        m.w.end(*m.other.slot);
    else
        REQUIRE(m.w.replace_from_outside(m.other, "other", false, 0));
    CHECK(m.w.go_on(m.p).error == (gone ? Error::not_found : Error::busy));
    m.w.finish_endings();
    m.w.check();
}

TEST_CASE("a loaded program becomes the new server", "[loading]") {
    Maker m;
    m.begin(Syscall::server_replace, m.replacement(m.image()));
    CHECK(steps_of(m) > 4);
    REQUIRE(outcome_of(m.p).ok());
    Process& fresh = m.w.fresh("other");
    CHECK(m.w.register_server(fresh).blocked);
    CHECK(m.w.receive(m.other, no_limit).ok());
    CHECK(m.w.hand_over(m.other).blocked);
    CHECK(fresh.slot == slot_by_name("other"));
    m.w.check();
}
