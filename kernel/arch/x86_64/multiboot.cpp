#include "multiboot.hpp"

#include "memory_ranges.hpp"

#include <algorithm>
#include <cstring>

namespace ant::arch {

namespace {

// Multiboot2 specification 2.0, section 3.6.
constexpr std::uint32_t loader_magic = 0x36d7'6289;
constexpr std::uint32_t max_information_bytes = 1024 * 1024;

enum TagType : std::uint32_t {
    tag_end = 0,
    tag_command_line = 1,
    tag_loader_name = 2,
    tag_module = 3,
    tag_memory_map = 6,
    tag_framebuffer = 8,
    tag_efi32 = 11,
    tag_efi64 = 12,
    tag_rsdp_old = 14,
    tag_rsdp_new = 15,
    tag_efi_memory_map = 17,
};

struct Tag {
    std::uint32_t type;
    std::uint32_t size;  // header included
};

struct ModuleTag {
    Tag tag;
    std::uint32_t start, end;
};

struct MapTag {  // both memory maps
    Tag tag;
    std::uint32_t entry_bytes;
    std::uint32_t entry_version;
};

struct MapEntry {
    std::uint64_t base, length;
    std::uint32_t type, reserved;
};
constexpr std::uint32_t map_available = 1;

struct EfiMapEntry {  // UEFI specification, EFI_MEMORY_DESCRIPTOR
    std::uint32_t type, pad;
    std::uint64_t physical, virtual_start, pages, attributes;
};

// Loader and boot services code and data, and conventional memory, are free after ExitBootServices.
constexpr bool efi_available(std::uint32_t type) { return (type >= 1 && type <= 4) || type == 7; }

struct [[gnu::packed]] FramebufferTag {
    Tag tag;
    std::uint64_t address;
    std::uint32_t pitch, width, height;
    std::uint8_t bits;
    std::uint8_t type;
};
constexpr std::uint8_t framebuffer_rgb = 1;
constexpr std::uint8_t framebuffer_text = 2;

constexpr std::uint64_t page_mask = 4095;
constexpr std::uint64_t vga_text_address = 0xb8000;

class Reader {
public:
    explicit Reader(BootInfo& info) : info_{info}, ram_{info.ram, info.ram_count} {}

    void read(const Tag& tag);
    void finish();

private:
    template <class T>
    static const T* as(const Tag& tag) {
        return tag.size >= sizeof(T) ? reinterpret_cast<const T*>(&tag) : nullptr;
    }
    static void copy_text(const Tag& tag, char* to, std::size_t capacity);
    template <class Entry, class Visit>
    static void each_entry(const Tag& tag, Visit visit);

    void read_module(const Tag& tag);
    void read_framebuffer(const Tag& tag);
    void read_rsdp(const Tag& tag, std::size_t bytes);
    void add_ram(std::uint64_t base, std::uint64_t length);
    void remove_ram(std::uint64_t base, std::uint64_t length);
    void read_memory_map(const Tag& tag);
    void read_efi_memory_map(const Tag& tag);

    BootInfo& info_;
    MemoryRanges ram_;
    const Tag* memory_map_ = nullptr;
    const Tag* efi_memory_map_ = nullptr;
    bool framebuffer_told_ = false;
};

void Reader::read(const Tag& tag) {
    switch (tag.type) {
        case tag_command_line:
            copy_text(tag, info_.command_line, sizeof info_.command_line);
            break;
        case tag_loader_name:
            copy_text(tag, info_.loader, sizeof info_.loader);
            break;
        case tag_module:
            read_module(tag);
            break;
        case tag_memory_map:
            memory_map_ = &tag;
            break;
        case tag_efi_memory_map:
            efi_memory_map_ = &tag;
            break;
        case tag_framebuffer:
            read_framebuffer(tag);
            break;
        case tag_efi32:
        case tag_efi64:
            info_.uefi = true;
            break;
        case tag_rsdp_old:
            if (!info_.has_rsdp) read_rsdp(tag, 20);
            break;
        case tag_rsdp_new:
            read_rsdp(tag, 36);
            break;
        default:
            break;
    }
}

void Reader::finish() {
    if (memory_map_ != nullptr)
        read_memory_map(*memory_map_);
    else if (efi_memory_map_ != nullptr)
        read_efi_memory_map(*efi_memory_map_);
    // The first page holds the BIOS's interrupt table; and physical address 0 means "none" elsewhere.
    ram_.remove(0, page_mask + 1);
    ram_.remove(physical_limit, ~std::uint64_t{0});

    // A BIOS loader that says nothing about the screen has left it in text mode.
    if (!framebuffer_told_ && !info_.uefi) {
        info_.framebuffer = vga_text_address;
        info_.framebuffer_width = 80;
        info_.framebuffer_height = 25;
        info_.framebuffer_pitch = 160;
        info_.framebuffer_bits = 16;
    }
}

void Reader::copy_text(const Tag& tag, char* to, std::size_t capacity) {
    const auto* text = reinterpret_cast<const char*>(&tag + 1);
    const std::size_t bytes = std::min<std::size_t>(tag.size - sizeof(Tag), capacity - 1);
    std::memcpy(to, text, bytes);
    to[bytes] = 0;
}

// Entries may be longer than we know them; whatever does not fit into the tag does not exist.
template <class Entry, class Visit>
void Reader::each_entry(const Tag& tag, Visit visit) {
    const auto* map = as<MapTag>(tag);
    if (map == nullptr || map->entry_bytes < sizeof(Entry)) return;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(map);
    for (std::size_t at = sizeof(MapTag); at + map->entry_bytes <= tag.size; at += map->entry_bytes) {
        Entry entry;
        std::memcpy(&entry, bytes + at, sizeof entry);
        visit(entry);
    }
}

// The first one is the boot archive; we ask for no others.
void Reader::read_module(const Tag& tag) {
    const auto* module = as<ModuleTag>(tag);
    if (module == nullptr || info_.module_end != 0 || module->end <= module->start) return;
    info_.module_start = module->start;
    info_.module_end = module->end;
}

void Reader::read_framebuffer(const Tag& tag) {
    const auto* screen = as<FramebufferTag>(tag);
    if (screen == nullptr) return;
    framebuffer_told_ = true;
    // Without VBE the loader reports an "indexed" screen that is the text mode it has left.
    const bool text = screen->type == framebuffer_text || screen->address == vga_text_address;
    if (!text && screen->type != framebuffer_rgb) return;
    info_.framebuffer = screen->address;
    info_.framebuffer_width = screen->width;
    info_.framebuffer_height = screen->height;
    info_.framebuffer_pitch = screen->pitch;
    info_.framebuffer_bits = text ? 16 : screen->bits;
}

void Reader::read_rsdp(const Tag& tag, std::size_t bytes) {
    if (tag.size < sizeof(Tag) + bytes) return;
    std::memset(info_.rsdp, 0, sizeof info_.rsdp);
    std::memcpy(info_.rsdp, &tag + 1, bytes);
    info_.has_rsdp = true;
}

void Reader::add_ram(std::uint64_t base, std::uint64_t length) {
    const std::uint64_t end = base + length < base ? ~std::uint64_t{0} : base + length;
    if (base > ~page_mask) return;
    ram_.add((base + page_mask) & ~page_mask, end & ~page_mask);
}

void Reader::remove_ram(std::uint64_t base, std::uint64_t length) {
    const std::uint64_t end = base + length < base ? ~std::uint64_t{0} : base + length;
    ram_.remove(base & ~page_mask, end > ~page_mask ? ~page_mask : (end + page_mask) & ~page_mask);
}

// Firmware has been seen to report ranges that overlap: then what is reserved wins.
void Reader::read_memory_map(const Tag& tag) {
    each_entry<MapEntry>(tag, [&](const MapEntry& entry) {
        if (entry.type == map_available) add_ram(entry.base, entry.length);
    });
    each_entry<MapEntry>(tag, [&](const MapEntry& entry) {
        if (entry.type != map_available) remove_ram(entry.base, entry.length);
    });
}

void Reader::read_efi_memory_map(const Tag& tag) {
    each_entry<EfiMapEntry>(tag, [&](const EfiMapEntry& entry) {
        if (efi_available(entry.type) && entry.pages <= ~std::uint64_t{0} >> 12) add_ram(entry.physical, entry.pages << 12);
    });
    each_entry<EfiMapEntry>(tag, [&](const EfiMapEntry& entry) {
        if (!efi_available(entry.type) && entry.pages <= ~std::uint64_t{0} >> 12) remove_ram(entry.physical, entry.pages << 12);
    });
}

}  // namespace

bool read_multiboot(std::uint32_t magic, std::uint64_t address, BootInfo& info) {
    if (magic != loader_magic || address % 8 != 0) return false;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(address);
    const std::uint32_t total = *reinterpret_cast<const std::uint32_t*>(bytes);
    if (total > max_information_bytes) return false;

    Reader reader{info};
    for (std::uint32_t at = 8; at + sizeof(Tag) <= total;) {
        const auto& tag = *reinterpret_cast<const Tag*>(bytes + at);
        if (tag.type == tag_end || tag.size < sizeof(Tag) || tag.size > total - at) break;
        reader.read(tag);
        at += (tag.size + 7) & ~7U;
    }
    reader.finish();
    return info.ram_count > 0;
}

}  // namespace ant::arch
