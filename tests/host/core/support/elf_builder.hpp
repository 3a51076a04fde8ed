// A small program file for the tests: header, program headers, contents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace ant::test {

struct ElfHeader {
    std::uint8_t identification[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    std::uint16_t type = 2, machine = 62;
    std::uint32_t version = 1;
    std::uint64_t entry = 0x400000, program_headers = 64, section_headers = 0;
    std::uint32_t flags = 0;
    std::uint16_t header_bytes = 64, program_header_bytes = 56, program_header_count = 0;
    std::uint16_t section_header_bytes = 0, section_header_count = 0, names = 0;
};
static_assert(sizeof(ElfHeader) == 64);

struct ElfSegment {
    std::uint32_t type = 1, flags = 5;
    std::uint64_t offset = 0, address = 0x400000, physical = 0, file_bytes = 4096, memory_bytes = 4096, alignment = 4096;
};
static_assert(sizeof(ElfSegment) == 56);

namespace elf {
inline constexpr std::uint32_t execute = 1, write = 2, read = 4;
}

struct ElfFile {
    ElfHeader header;
    std::vector<ElfSegment> segments;
    std::size_t bytes = 4096;

    [[nodiscard]] std::vector<std::byte> build() const {
        std::vector<std::byte> file(bytes);
        ElfHeader h = header;
        if (h.program_header_count == 0) h.program_header_count = static_cast<std::uint16_t>(segments.size());
        const auto put = [&file](std::size_t at, const void* from, std::size_t n) {
            if (at + n <= file.size()) std::memcpy(file.data() + at, from, n);
        };
        put(0, &h, sizeof h);
        for (std::size_t i = 0; i < segments.size(); ++i) put(64 + i * sizeof(ElfSegment), &segments[i], sizeof(ElfSegment));
        return file;
    }
};

// Text, read-only data, and data with more memory than file.
inline ElfFile plain_elf() {
    ElfFile file;
    file.bytes = 3 * 4096;
    file.segments = {
        {.flags = elf::read | elf::execute},
        {.flags = elf::read, .offset = 4096, .address = 0x401000},
        {.flags = elf::read | elf::write, .offset = 8192, .address = 0x402000, .file_bytes = 100, .memory_bytes = 5000}};
    return file;
}

}  // namespace ant::test
