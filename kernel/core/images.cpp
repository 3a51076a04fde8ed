#include "images.hpp"

#include "areas.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ant::core {

constinit Image images[max_images] = {};
constinit u32 damaged_images = 0;

namespace {

// ELF-64 object file format, as far as a static executable has it.
struct ElfHeader {
    u8 identification[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_bytes, program_header_bytes, program_header_count, section_header_bytes, section_header_count, names;
};
static_assert(sizeof(ElfHeader) == 64);

struct ProgramHeader {
    u32 type, flags;
    u64 offset, address, physical, file_bytes, memory_bytes, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr u32 type_load = 1, type_interpreter = 3;
constexpr u32 flag_execute = 1, flag_write = 2;
constexpr u16 executable = 2, x86_64 = 62;
constexpr u64 largest = u64{1} << 30;

template <class T>
bool read(std::span<const std::byte> file, u64 offset, T& value) {
    if (offset > file.size() || file.size() - offset < sizeof(T)) return false;
    std::memcpy(&value, file.data() + offset, sizeof(T));
    return true;
}

constexpr u64 page_down(u64 value) { return value & ~u64{page_size - 1}; }
constexpr u64 page_up(u64 value) { return page_down(value + page_size - 1); }

Result<Segment> parse_segment(const ProgramHeader& header, u64 file_size) {
    constexpr u64 low = program_first, high = u64{1} << 40;
    const bool inside = header.offset <= file_size && header.file_bytes <= file_size - header.offset;
    if (!inside || header.file_bytes > header.memory_bytes || header.memory_bytes > largest || header.address < low ||
        header.address >= high || (header.address & (page_size - 1)) != (header.offset & (page_size - 1)))
        return Failure(Error::bad_image);
    const bool write = (header.flags & flag_write) != 0, execute = (header.flags & flag_execute) != 0;
    if (write && execute) return Failure(Error::bad_image);  // W^X
    const u64 skew = header.address & (page_size - 1);
    Segment s;
    s.address = header.address - skew;
    s.file_offset = header.offset - skew;
    s.file_bytes = header.file_bytes == 0 ? 0 : header.file_bytes + skew;
    s.memory_bytes = header.memory_bytes + skew;
    s.protection = execute ? abi::Protection::read_execute : write ? abi::Protection::read_write : abi::Protection::read;
    // Pages without a file behind them make no sense where nothing can be written.
    if (!write && page_up(s.file_bytes) < s.memory_bytes) return Failure(Error::bad_image);
    return s;
}

constexpr u64 pages_per_step = 32;

// -> how much of a segment's page comes from the file
u64 in_file(const Segment& s, u64 offset) { return offset < s.file_bytes ? std::min<u64>(s.file_bytes - offset, page_size) : 0; }

void add_page(ImageHash& hash, Pfn pfn) {
    constexpr u64 factor = 0x9e37'79b9'7f4a'7c15;
    constexpr unsigned lanes = 4, rows = 4;  // of words between two multiplications
    const auto* word = static_cast<const u64*>(machine::page(pfn));
    u64 a = hash.lane[0], b = hash.lane[1], c = hash.lane[2], d = hash.lane[3];
    for (const u64* const end = word + page_size / sizeof(u64); word != end; word += lanes * rows) {
#pragma GCC unroll 4
        for (unsigned row = 0; row < rows; ++row) {
            a = std::rotl(a ^ word[lanes * row], 29);
            b = std::rotl(b ^ word[lanes * row + 1], 29);
            c = std::rotl(c ^ word[lanes * row + 2], 29);
            d = std::rotl(d ^ word[lanes * row + 3], 29);
        }
        a *= factor, b *= factor, c *= factor, d *= factor;
    }
    hash = {{a, b, c, d}};
}

u64 value_of(const ImageHash& hash) {
    return hash.lane[0] ^ std::rotl(hash.lane[1], 16) ^ std::rotl(hash.lane[2], 32) ^ std::rotl(hash.lane[3], 48);
}

// Calls f(segment, offset, page of the file) for at most `limit` pages, in order, with those of the file hashed. True
// when the cursor is at the end; false also when f returned false.
template <class F>
bool go_through(const Image& image, ImageCursor& at, u64 limit, F f) {
    for (; at.segment < image.layout.segment_count; ++at.segment, at.offset = 0) {
        const Segment& s = image.layout.segments[at.segment];
        for (; at.offset < s.memory_bytes; at.offset += page_size) {
            if (limit-- == 0) return false;
            const Pfn page = image.first + static_cast<Pfn>((s.file_offset + at.offset) >> page_shift);
            if (in_file(s, at.offset) != 0) add_page(at.hash, page);
            if (!f(s, at.offset, page)) return false;
        }
    }
    return true;
}

bool only_hash(const Segment&, u64, Pfn) { return true; }

}  // namespace

const Segment* segment_at(const ImageLayout& layout, u64 address) {
    for (u32 i = 0; i < layout.segment_count; ++i)
        if (const Segment& s = layout.segments[i]; address >= s.address && address - s.address < s.memory_bytes) return &s;
    return nullptr;
}

u64 hash_image(const Image& image) {
    ImageCursor at;
    (void)go_through(image, at, ~u64{0}, only_hash);
    return value_of(at.hash);
}

namespace {

// True if the image is as it was.
bool compare(Image& image, u64 hash) {
    if (!image.damaged && hash != image.hash) {
        image.damaged = true;
        ++damaged_images;
    }
    return !image.damaged;
}

}  // namespace

bool intact(Image& image) { return compare(image, hash_image(image)); }

Result<ImageLayout> parse_image(std::span<const std::byte> file) {
    ElfHeader header;
    constexpr u8 magic[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    if (!read(file, 0, header) || std::memcmp(header.identification, magic, sizeof magic) != 0 || header.type != executable ||
        header.machine != x86_64 || header.program_header_bytes != sizeof(ProgramHeader) || header.program_header_count > 32)
        return Failure(Error::bad_image);
    ImageLayout layout;
    layout.entry = header.entry;
    layout.program_header_count = header.program_header_count;
    bool entry_is_code = false;
    for (u32 i = 0; i < header.program_header_count; ++i) {
        ProgramHeader p;
        if (header.program_headers > file.size() || !read(file, header.program_headers + i * sizeof p, p))
            return Failure(Error::bad_image);
        if (p.type == type_interpreter) return Failure(Error::bad_image);
        if (p.type != type_load || p.memory_bytes == 0) continue;
        if (layout.segment_count == max_segments) return Failure(Error::bad_image);
        const Segment s = ANT_TRY(parse_segment(p, file.size()));
        if (s.address < layout.end) return Failure(Error::bad_image);  // ascending, no page in two segments
        layout.end = page_up(s.address + s.memory_bytes);
        if (s.protection == abi::Protection::read_execute && header.entry >= s.address && header.entry < s.address + s.file_bytes)
            entry_is_code = true;
        if (header.program_headers >= s.file_offset && header.program_headers < s.file_offset + s.file_bytes)
            layout.program_headers = s.address + (header.program_headers - s.file_offset);
        layout.segments[layout.segment_count++] = s;
    }
    if (!entry_is_code) return Failure(Error::bad_image);
    return layout;
}

namespace {

void fill_in(Image& image, Pfn first, u32 pages, const ImageLayout& layout, bool known) {
    image = {first, {}, pages, 1, (image.generation + 1) & 0xffff, known, 0, false, 0, layout};
}

}  // namespace

void set_up_image(Image& image, Pfn first, u32 pages, const ImageLayout& layout, bool known) {
    fill_in(image, first, pages, layout, known);
    image.hash = hash_image(image);
}

Result<Image*> begin_image(Slot& slot, u64 address, u64 bytes) {
    const Pfn area = ANT_TRY(owned_area(slot, address));
    PageInfo& info = pool[area];
    if (bytes == 0 || bytes > u64{info.pages} * page_size) return Failure(Error::invalid_argument);
    if (info.loans != 0) return Failure(Error::on_loan);
    if (area == slot.state_area) return Failure(Error::busy);
    Image* image = nullptr;
    for (Image& candidate : images)
        if (candidate.first == no_page) {
            image = &candidate;
            break;
        }
    if (image == nullptr) return Failure(Error::too_many);
    // Unmapped first: nobody can change the file after it was checked.
    slot.window.unmap(area, info.pages);
    lost_pages(slot, area, info.pages);
    const auto layout = parse_image({static_cast<const std::byte*>(machine::page(area)), bytes});
    if (!layout) {
        slot.window.map(area, info.pages, true);
        return Failure(layout.error());
    }
    unlink_area(slot, area);
    info.kind = PageKind::image;
    fill_in(*image, area, info.pages, *layout, false);
    image->owner = slot.id();
    return image;
}

bool complete_image(Image& image) {
    image.known = go_through(image, image.hashed, pages_per_step, only_hash);
    if (image.known) image.hash = value_of(image.hashed.hash);
    return image.known;
}

u32 number_of(const Image& image) { return static_cast<u32>(&image - images) | image.generation << 8; }

Image* image_by_number(u32 number) {
    const u32 index = number & 0xff;
    if (index >= max_images) return nullptr;
    Image& image = images[index];
    return image.known && image.generation == number >> 8 ? &image : nullptr;
}

Result<> release_image(u32 number) {
    Image* image = image_by_number(number);
    if (image == nullptr) return Failure(Error::not_found);
    image->known = false;
    drop_image(*image);
    return {};
}

void release_images(const Slot& owner) {
    for (Image& image : images) {
        if (!image.known || image.owner != owner.id()) continue;
        image.known = false;
        drop_image(image);
    }
}

void use_image(Image& image) { ++image.users; }

void drop_image(Image& image) {
    if (--image.users != 0) return;
    pool.release(image.first, image.pages);
    image.first = no_page;
}

Result<> can_load(const Image& image) {
    if (image.damaged) return Failure(Error::bad_image);
    u64 needed = 0;
    for (u32 i = 0; i < image.layout.segment_count; ++i)
        if (image.layout.segments[i].protection == abi::Protection::read_write)
            needed += page_up(image.layout.segments[i].memory_bytes) >> page_shift;
    if (needed > pool.free_pages()) return Failure(Error::no_memory);
    return {};
}

namespace {

Result<> load_page(Process& process, const Segment& s, u64 offset, Pfn page) {
    if (s.protection != abi::Protection::read_write) {
        if (!process.space.map(s.address + offset, page, s.protection)) return Failure(Error::no_memory);
        return {};
    }
    const Pfn copy = pool.allocate_zeroed(PageKind::own);
    if (copy == no_page) return Failure(Error::no_memory);
    std::memcpy(machine::page(copy), machine::page(page), in_file(s, offset));
    if (!process.space.map(s.address + offset, copy, s.protection)) {
        pool.release(copy, 1);
        return Failure(Error::no_memory);
    }
    ++process.private_pages;
    return {};
}

}  // namespace

Result<bool> load_step(Process& process) {
    Image& image = *process.image;
    Error error = Error::none;
    const bool all = go_through(image, process.loaded, pages_per_step, [&](const Segment& s, u64 offset, Pfn page) {
        if (const auto mapped = load_page(process, s, offset, page); !mapped) error = mapped.error();
        return error == Error::none;
    });
    if (error != Error::none) return Failure(error);
    if (all && !compare(image, value_of(process.loaded.hash))) return Failure(Error::bad_image);
    return all;
}

}  // namespace ant::core
