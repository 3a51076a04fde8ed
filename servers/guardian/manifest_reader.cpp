#include "manifest_reader.hpp"

#include <cstring>

namespace ant::guardian_server {
namespace {

struct ElfHeader {
    unsigned char identification[16];
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, program_headers, section_headers;
    std::uint32_t flags;
    std::uint16_t header_bytes, program_header_bytes, program_header_count;
    std::uint16_t section_header_bytes, section_header_count, section_names;
};
static_assert(sizeof(ElfHeader) == 64);

struct ProgramHeader {
    std::uint32_t type, flags;
    std::uint64_t offset, address, physical, file_bytes, memory_bytes, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

struct NoteHeader {
    std::uint32_t name_bytes, descriptor_bytes, type;
};

constexpr unsigned char expected[] = {0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little endian */, 1};
constexpr std::uint16_t type_executable = 2, machine_x86_64 = 62;
constexpr std::uint32_t segment_note = 4;

// A copy, so that neither alignment nor the end of the image matters to the reader.
template <class T>
bool copy(std::span<const std::byte> from, std::uint64_t offset, T& out) {
    if (from.size() < sizeof(T) || offset > from.size() - sizeof(T)) return false;
    std::memcpy(&out, from.data() + offset, sizeof(T));
    return true;
}

constexpr std::uint64_t padded(std::uint32_t bytes) { return (std::uint64_t{bytes} + 3) & ~std::uint64_t{3}; }

bool sensible(const abi::Manifest& manifest) {
    const bool named = manifest.name[0] != '\0' && memchr(manifest.name, 0, sizeof manifest.name) != nullptr;
    const bool ended = memchr(manifest.callees, 0, sizeof manifest.callees) != nullptr;
    return manifest.abi_version == 1 && named && ended && manifest.priority < abi::priorities;
}

Result<abi::Manifest> search_notes(std::span<const std::byte> notes) {
    std::uint64_t at = 0;
    NoteHeader note;
    while (copy(notes, at, note)) {
        const std::uint64_t name = at + sizeof note;
        const std::uint64_t descriptor = name + padded(note.name_bytes);
        char text[4];
        abi::Manifest manifest;
        const bool ours = note.type == abi::manifest_note_type && note.name_bytes == sizeof text && copy(notes, name, text) &&
                          std::memcmp(text, "AnT", sizeof text) == 0;
        if (ours) {
            if (note.descriptor_bytes != sizeof manifest || !copy(notes, descriptor, manifest) || !sensible(manifest))
                return Failure(Error::bad_image);
            return manifest;
        }
        at = descriptor + padded(note.descriptor_bytes);
        if (at >= notes.size()) break;
    }
    return Failure(Error::not_found);
}

}  // namespace

Result<abi::Manifest> read_manifest(std::span<const std::byte> image) {
    ElfHeader elf;
    if (!copy(image, 0, elf) || std::memcmp(elf.identification, expected, sizeof expected) != 0 || elf.type != type_executable ||
        elf.machine != machine_x86_64 || elf.program_header_bytes != sizeof(ProgramHeader))
        return Failure(Error::bad_image);
    for (unsigned i = 0; i < elf.program_header_count; ++i) {
        ProgramHeader segment;
        const std::uint64_t offset = elf.program_headers + std::uint64_t{i} * sizeof segment;
        if (offset < elf.program_headers || !copy(image, offset, segment)) return Failure(Error::bad_image);
        if (segment.type != segment_note) continue;
        if (segment.offset > image.size() || segment.file_bytes > image.size() - segment.offset) return Failure(Error::bad_image);
        const auto manifest = search_notes(image.subspan(segment.offset, segment.file_bytes));
        if (manifest || manifest.error() != Error::not_found) return manifest;
    }
    return Failure(Error::bad_image);
}

}  // namespace ant::guardian_server
