// Program files: one that is good, and every way to be bad, by name.
#include "support/world.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;

namespace {

constexpr u64 whole_page = ~u64{page_size - 1};

struct Malformed {
    const char* what;
    void (*change)(ElfFile&);
};

constexpr Malformed malformed[] = {
    {"magic", [](ElfFile& f) { f.header.identification[3] = 'G'; }},
    {"32 bit", [](ElfFile& f) { f.header.identification[4] = 1; }},
    {"no class", [](ElfFile& f) { f.header.identification[4] = 0; }},
    {"big endian", [](ElfFile& f) { f.header.identification[5] = 2; }},
    {"format version", [](ElfFile& f) { f.header.identification[6] = 0; }},
    {"object file", [](ElfFile& f) { f.header.type = 1; }},
    {"shared object", [](ElfFile& f) { f.header.type = 3; }},
    {"core dump", [](ElfFile& f) { f.header.type = 4; }},
    {"machine i386", [](ElfFile& f) { f.header.machine = 3; }},
    {"machine AArch64", [](ElfFile& f) { f.header.machine = 183; }},
    {"header size 0", [](ElfFile& f) { f.header.program_header_bytes = 0; }},
    {"header size too large", [](ElfFile& f) { f.header.program_header_bytes = 64; }},
    {"33 headers", [](ElfFile& f) { f.header.program_header_count = 33; }},
    {"65535 headers", [](ElfFile& f) { f.header.program_header_count = 0xffff; }},
    {"headers behind the end", [](ElfFile& f) { f.header.program_headers = f.bytes; }},
    {"headers cut off", [](ElfFile& f) { f.header.program_headers = f.bytes - 3 * 56 + 1; }},
    {"headers at 2^64", [](ElfFile& f) { f.header.program_headers = ~u64{0}; }},
    {"headers wrap around", [](ElfFile& f) { f.header.program_headers = ~u64{0} - 55; }},
    {"no segments", [](ElfFile& f) { f.segments.clear(); }},
    {"only empty segments", [](ElfFile& f) { f.segments = {{.file_bytes = 0, .memory_bytes = 0}}; }},
    {"interpreter", [](ElfFile& f) { f.segments[1].type = 3; }},
    {"text writable", [](ElfFile& f) { f.segments[0].flags |= elf::write; }},
    {"data executable", [](ElfFile& f) { f.segments[2].flags |= elf::execute; }},
    {"same address twice", [](ElfFile& f) { f.segments[1].address = f.segments[0].address; }},
    {"one byte of overlap",
     [](ElfFile& f) {
         f.segments[0].flags = elf::read | elf::write;
         f.segments[0].memory_bytes = 4097;
         f.header.entry = 0x401000;
         f.segments[1].flags = elf::read | elf::execute;
     }},
    {"descending", [](ElfFile& f) { std::swap(f.segments[1].address, f.segments[2].address); }},
    {"file offset 2^64 - page", [](ElfFile& f) { f.segments[1].offset = whole_page; }},
    {"file offset and size wrap around",
     [](ElfFile& f) {
         f.segments[1].offset = whole_page;
         f.segments[1].file_bytes = f.segments[1].memory_bytes = 2 * page_size;
     }},
    {"file size 2^64 - 1", [](ElfFile& f) { f.segments[1].file_bytes = f.segments[1].memory_bytes = ~u64{0}; }},
    {"file ends before segment", [](ElfFile& f) { f.bytes = 8192 + 99; }},
    {"segment longer than file", [](ElfFile& f) { f.segments[1].file_bytes = f.segments[1].memory_bytes = 2 * page_size + 1; }},
    {"less memory than file", [](ElfFile& f) { f.segments[2].memory_bytes = 99; }},
    {"memory 2^64 - 1", [](ElfFile& f) { f.segments[2].memory_bytes = ~u64{0}; }},
    {"memory much too large", [](ElfFile& f) { f.segments[2].memory_bytes = u64{1} << 38; }},
    {"text without file", [](ElfFile& f) { f.segments[1].memory_bytes = page_size + 1; }},
    {"address 0", [](ElfFile& f) { f.segments[0].address = 0; }},
    {"address of the start-up page", [](ElfFile& f) { f.segments[0].address = program_first - page_size; }},
    {"address of areas", [](ElfFile& f) { f.segments[2].address = abi::ica_base; }},
    {"address of the core", [](ElfFile& f) { f.segments[2].address = u64{0xffff'ffff'8010'0000}; }},
    {"address 2^64 - page", [](ElfFile& f) { f.segments[2].address = whole_page; }},
    {"address and offset disagree", [](ElfFile& f) { f.segments[1].address += 16; }},
    {"entry 0", [](ElfFile& f) { f.header.entry = 0; }},
    {"entry before code", [](ElfFile& f) { f.header.entry = 0x3fffff; }},
    {"entry in read-only data", [](ElfFile& f) { f.header.entry = 0x401000; }},
    {"entry in data", [](ElfFile& f) { f.header.entry = 0x402000; }},
    {"entry in the core", [](ElfFile& f) { f.header.entry = u64{0xffff'ffff'8010'0000}; }},
    {"nine segments",
     [](ElfFile& f) {
         for (u64 i = 0; i < 6; ++i) f.segments.push_back({.flags = elf::read, .offset = 4096, .address = 0x500000 + i * 4096});
     }},
};

Result<ImageLayout> parsed(const ElfFile& file) { return parse_image(file.build()); }

}  // namespace

TEST_CASE("the smallest good program", "[elf]") {
    ElfFile file;
    file.segments = {{.flags = elf::read | elf::execute}};
    const auto layout = parsed(file);
    REQUIRE(layout);
    CHECK(layout->segment_count == 1);
    CHECK(layout->entry == 0x400000);
    CHECK(layout->end == 0x401000);
    CHECK(layout->program_headers == 0x400040);
    CHECK(layout->program_header_count == 1);
    file.header.entry = 0x400fff;
    CHECK(parsed(file));
}

TEST_CASE("every malformed program is a bad image", "[elf]") {
    REQUIRE(parsed(plain_elf()));
    for (const Malformed& m : malformed) {
        ElfFile file = plain_elf();
        m.change(file);
        const auto layout = parsed(file);
        INFO(m.what);
        CHECK(!layout);
        if (!layout) CHECK(layout.error() == Error::bad_image);
    }
}

TEST_CASE("a file cut off anywhere in what it needs is a bad image", "[elf]") {
    const auto bytes = plain_elf().build();
    constexpr std::size_t needed = 8192 + 100;
    for (std::size_t n = 0; n < needed; ++n) {
        const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
        if (parse_image(part)) FAIL("accepted at " << n << " bytes");
    }
    CHECK(parse_image(std::span(bytes).first(needed)));
}

TEST_CASE("large, but good", "[elf]") {
    ElfFile file = plain_elf();
    file.segments[2].memory_bytes = u64{64} << 20;
    CHECK(parsed(file));
    file = plain_elf();
    for (u64 i = 0; i < 5; ++i) file.segments.push_back({.flags = elf::read, .offset = 4096, .address = 0x500000 + i * 4096});
    CHECK(parsed(file));
    file = plain_elf();
    for (u64 i = 0; i < 29; ++i) file.segments.push_back({.type = 6});  // not loaded
    CHECK(parsed(file));
}
