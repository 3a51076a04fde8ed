// Program files: what is refused, and that nothing a hostile file says leads out of it.
#include "support/world.hpp"

#include <kernel/core/user_memory.hpp>

#include <catch2/catch.hpp>

#include <random>

using namespace ant;
using namespace ant::test;

namespace {

Error parse(const ElfFile& file) {
    const auto bytes = file.build();
    const auto layout = parse_image(bytes);
    return layout ? Error::none : layout.error();
}

template <class F>
Error changed(F change) {
    ElfFile file = plain_elf();
    change(file);
    return parse(file);
}

}  // namespace

TEST_CASE("a plain program has its segments, entry and end", "[images]") {
    const auto bytes = plain_elf().build();
    const auto layout = parse_image(bytes);
    REQUIRE(layout);
    CHECK(layout->segment_count == 3);
    CHECK(layout->entry == 0x400000);
    CHECK(layout->end == 0x404000);
    CHECK(layout->program_headers == 0x400040);
    CHECK(layout->segments[0].protection == abi::Protection::read_execute);
    CHECK(layout->segments[1].protection == abi::Protection::read);
    CHECK(layout->segments[2].protection == abi::Protection::read_write);
}

TEST_CASE("malformed program files are refused", "[images]") {
    constexpr Error bad = Error::bad_image;
    CHECK(changed([](ElfFile&) {}) == Error::none);
    CHECK(changed([](ElfFile& f) { f.header.identification[0] = 0; }) == bad);
    CHECK(changed([](ElfFile& f) { f.header.identification[4] = 1; }) == bad);  // 32 bit
    CHECK(changed([](ElfFile& f) { f.header.identification[5] = 2; }) == bad);  // big endian
    CHECK(changed([](ElfFile& f) { f.header.type = 3; }) == bad);               // position independent
    CHECK(changed([](ElfFile& f) { f.header.machine = 3; }) == bad);
    CHECK(changed([](ElfFile& f) { f.header.program_header_bytes = 55; }) == bad);
    CHECK(changed([](ElfFile& f) { f.header.program_header_count = 33; }) == bad);
    CHECK(changed([](ElfFile& f) { f.header.program_headers = ~u64{0} - 8; }) == bad);
    CHECK(changed([](ElfFile& f) { f.header.program_headers = f.bytes - 8; }) == bad);
    CHECK(changed([](ElfFile& f) { f.header.entry = 0x401000; }) == bad);  // not code
    CHECK(changed([](ElfFile& f) { f.header.entry = 0; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments.clear(); }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[0].type = 3; }) == bad);   // wants an interpreter
    CHECK(changed([](ElfFile& f) { f.segments[0].flags = 7; }) == bad);  // writable and executable
    CHECK(changed([](ElfFile& f) { f.segments[0].file_bytes = f.bytes + 1; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[0].offset = ~u64{0} & ~u64{4095}; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[0].address = 0; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[0].address = abi::ica_base; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[0].address = ~u64{0} & ~u64{4095}; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[0].address += 8; }) == bad);        // page offset differs
    CHECK(changed([](ElfFile& f) { f.segments[1].address = 0x400000; }) == bad);  // overlaps
    CHECK(changed([](ElfFile& f) { f.segments[1].memory_bytes = 3 * 4096; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[2].memory_bytes = 50; }) == bad);  // less than the file has
    CHECK(changed([](ElfFile& f) { f.segments[2].memory_bytes = u64{1} << 40; }) == bad);
    CHECK(changed([](ElfFile& f) { f.segments[2].memory_bytes = ~u64{0}; }) == bad);
    const auto with_nine_more = [](ElfFile& f) {
        for (u64 i = 0; i < 9; ++i) f.segments.push_back({.flags = 4, .offset = 4096, .address = 0x500000 + i * 4096});
    };
    CHECK(changed(with_nine_more) == bad);
    CHECK(parse_image({}).error() == bad);
    const auto bytes = plain_elf().build();
    for (std::size_t n = 0; n < 64 + 3 * 56; ++n) CHECK(parse_image(std::span(bytes).first(n)).error() == bad);
}

TEST_CASE("whatever a damaged file says, an accepted layout stays inside the file and the private half", "[images]") {
    std::mt19937_64 random(11);
    const auto good = plain_elf().build();
    unsigned accepted = 0;
    for (unsigned round = 0; round < 200'000; ++round) {
        auto bytes = good;
        for (u64 n = 1 + random() % 4; n != 0; --n) {
            std::byte& victim = bytes[random() % (64 + 3 * 56)];
            victim = random() % 3 == 0 ? std::byte(random()) : victim ^ std::byte(1 << random() % 8);
        }
        const auto layout = parse_image(bytes);
        if (!layout) continue;
        ++accepted;
        u64 end = 0;
        for (u32 i = 0; i < layout->segment_count; ++i) {
            const Segment& s = layout->segments[i];
            const bool fits = s.file_offset + s.file_bytes <= bytes.size() && s.file_bytes <= s.memory_bytes &&
                              s.address >= end && s.address >= program_first &&
                              s.address + s.memory_bytes < machine::Space::user_end && (s.address & 4095) == 0 &&
                              (s.file_offset & 4095) == 0;
            if (!fits) FAIL("round " << round);
            end = s.address + s.memory_bytes;
        }
    }
    CHECK(accepted > 100);
}

TEST_CASE("an area becomes an image, which lives as long as it is known or run", "[images]") {
    World w;
    Process& p = w.start("loader");
    const auto bytes = plain_elf().build();
    const u64 a = w.area(p, 3);
    REQUIRE(copy_out(p, a, bytes));
    CHECK(w.call(p, Syscall::image_create, a, 0).error == Error::invalid_argument);
    CHECK(w.call(p, Syscall::image_create, a, 3 * page_size + 1).error == Error::invalid_argument);
    CHECK(w.call(p, Syscall::image_create, a + page_size, 10).error == Error::bad_address);
    CHECK(w.call(p, Syscall::image_create, a, 100).error == Error::bad_image);
    CHECK(w.writes(p, a));  // it is the loader's still
    w.check();
    const Outcome o = w.call(p, Syscall::image_create, a, bytes.size());
    REQUIRE(o.ok());
    CHECK(!w.reads(p, a));
    w.check();
    CHECK(w.call(p, Syscall::image_release, o.rdx).ok());
    CHECK(w.call(p, Syscall::image_release, o.rdx).error == Error::not_found);
    CHECK(image_by_number(~0U) == nullptr);
    w.check();
}

TEST_CASE("a slot lets go of all images that it has created", "[images]") {
    World w;
    Process& p = w.start("loader");
    Process& q = w.start("other");
    const auto bytes = plain_elf().build();
    const auto made_by = [&](Process& maker) {
        const u64 a = w.area(maker, 3);
        REQUIRE(copy_out(maker, a, bytes));
        return w.call(maker, Syscall::image_create, a, bytes.size()).rdx;
    };
    const u64 first = made_by(p), second = made_by(p), others = made_by(q);
    CHECK(w.call(p, Syscall::image_release, abi::all_images).ok());
    CHECK(image_by_number(static_cast<u32>(first)) == nullptr);
    CHECK(image_by_number(static_cast<u32>(second)) == nullptr);
    CHECK(image_by_number(static_cast<u32>(others)) != nullptr);
    w.check();
}

TEST_CASE("memory of a process is read and written only where the process may", "[user memory]") {
    World w;
    Process& p = w.start("p");
    std::byte buffer[2 * page_size] = {};
    const u64 stack = (p.context.rsp - 4 * page_size) & ~u64{page_size - 1};
    CHECK(copy_out(p, stack + 100, buffer));  // across pages
    CHECK(copy_in(p, stack + 100, buffer));
    CHECK(copy_in(p, 0x400000, std::span(buffer).first(16)));
    CHECK(copy_out(p, 0x400000, std::span(buffer).first(16)).error() == Error::bad_address);  // text
    CHECK(copy_in(p, 0, std::span(buffer).first(1)).error() == Error::bad_address);
    CHECK(copy_in(p, ~u64{0} - 3, std::span(buffer).first(16)).error() == Error::bad_address);  // wraps around
    CHECK(copy_in(p, u64{0xffff'8000} << 32, std::span(buffer).first(1)).error() == Error::bad_address);
    CHECK(copy_in(p, abi::ica_base, std::span(buffer).first(1)).error() == Error::bad_address);
    CHECK(copy_in(p, 0x403ff8, std::span(buffer).first(16)).error() == Error::bad_address);  // runs out
    CHECK(copy_in(p, 0, std::span(buffer).first(0)));
    const u64 a = w.area(p);
    CHECK(copy_out(p, a, std::span(buffer).first(page_size)));
    CHECK(copy_out(p, a + 1, std::span(buffer).first(page_size)).error() == Error::bad_address);
    char name[abi::name_bytes];
    CHECK(copy_out(p, a + page_size - 3, std::as_bytes(std::span("ab", 3))));
    CHECK(read_name(p, a + page_size - 3, name));
    CHECK(same_name(name, "ab"));
    CHECK(read_name(p, a + page_size - 1, name));  // empty, at the very end
    CHECK(copy_out(p, a + page_size - 3, std::as_bytes(std::span("abc", 3))));
    CHECK(read_name(p, a + page_size - 3, name).error() == Error::bad_address);
}
