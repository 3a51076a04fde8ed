// Program images: static ELF64 files in areas that the core has taken over. Text and read-only data are shared by
// the processes that run them; writable segments are copied for each.
#pragma once

#include "objects.hpp"

#include <span>

namespace ant::core {

// Programs lie behind their stacks: those are in the same part of the page tables, so that a switch of process needs fewer of
// them.
inline constexpr u64 program_first = 0x400000;

struct Segment {
    u64 address;       // page aligned
    u64 file_offset;   // page aligned
    u64 file_bytes;    // from file_offset on
    u64 memory_bytes;  // >= file_bytes
    abi::Protection protection;
};

inline constexpr unsigned max_segments = 8;

struct ImageLayout {
    u64 entry = 0;
    u64 program_headers = 0;  // address in the process, 0 if not loaded
    u32 program_header_count = 0;
    u32 segment_count = 0;
    u64 end = 0;  // first page-aligned address behind the last segment
    Segment segments[max_segments];
};
const Segment* segment_at(const ImageLayout& layout, u64 address);

// Checks everything that a hostile file could get wrong. Pure.
Result<ImageLayout> parse_image(std::span<const std::byte> file);

struct Image {
    Pfn first = no_page;  // the core's; no_page = unused entry
    ImageCursor hashed;   // until it is complete
    u32 pages = 0;
    u32 users = 0;  // processes, plus one while it is known by number
    u32 generation = 0;
    bool known = false;
    u32 owner = 0;         // slot that created it and may release it
    bool damaged = false;  // found to differ from what it was
    u64 hash = 0;          // of all that processes get from it
    ImageLayout layout;
};
extern Image images[max_images];
extern u32 damaged_images;  // ever found

// An entry for these pages, which hold a file of this layout; with one user: whoever knows its number, or the core.
void set_up_image(Image& image, Pfn first, u32 pages, const ImageLayout& layout, bool known);
// The area leaves the slot and becomes an image, in steps: nobody knows it before complete_image says true.
Result<Image*> begin_image(Slot& slot, u64 area, u64 bytes);
[[nodiscard]] bool complete_image(Image& image);
u32 number_of(const Image& image);
Result<> release_image(u32 number);
// Those that the slot has created and not released.
void release_images(const Slot& owner);
Image* image_by_number(u32 number);
void use_image(Image& image);
void drop_image(Image& image);

// Nobody writes to an image. One that has changed since it was created was hit by a device, or by an error of the core.
u64 hash_image(const Image& image);
[[nodiscard]] bool intact(Image& image);

// Said before anything is taken.
Result<> can_load(const Image& image);
// Maps the segments of its image into a new process: shared pages where nothing is written, private copies elsewhere. One
// step; true when all is there, and the image intact: otherwise the process would fail as the one before it did.
Result<bool> load_step(Process& process);

}  // namespace ant::core
