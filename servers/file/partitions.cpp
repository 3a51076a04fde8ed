#include "partitions.hpp"

#include <cstring>

namespace ant::file_server {

namespace {

constexpr std::uint64_t sector = 512;
constexpr std::uint32_t primaries = 4, max_logical = 64;
constexpr std::uint8_t protective = 0xee;

struct [[gnu::packed]] MbrEntry {
    std::uint8_t active, first_chs[3], type, last_chs[3];
    std::uint32_t start, sectors;

    [[nodiscard]] bool extended() const { return type == 0x05 || type == 0x0f || type == 0x85; }
};
struct [[gnu::packed]] Mbr {
    std::uint8_t code[446];
    MbrEntry entry[primaries];
    std::uint16_t signature;
};
static_assert(sizeof(Mbr) == sector);
constexpr std::uint16_t mbr_signature = 0xaa55;

struct GptHeader {  // UEFI specification 5.3.2
    char signature[8];
    std::uint32_t revision, header_bytes, header_sum, reserved;
    std::uint64_t own, backup, first_usable, last_usable;
    std::uint8_t id[16];
    std::uint64_t entries;
    std::uint32_t count, entry_bytes;
};
struct GptEntry {
    std::uint8_t type[16], id[16];
    std::uint64_t first, last;
};

Result<Range> range_of(std::uint64_t start, std::uint64_t sectors, std::uint64_t disk_bytes) {
    if (start == 0 || sectors == 0 || start > disk_bytes / sector || sectors > disk_bytes / sector - start)
        return Failure(Error::not_found);
    return Range{start * sector, sectors * sector};
}

Result<Range> find_gpt(Disk& disk, std::uint64_t disk_bytes, std::uint32_t number, Memory page) {
    ANT_TRY(disk.read(page, Extent{sector, sector}));
    const GptHeader header = *reinterpret_cast<const GptHeader*>(page.data());
    if (std::memcmp(header.signature, "EFI PART", sizeof header.signature) != 0) return Failure(Error::not_found);
    if (number > header.count || header.entry_bytes < sizeof(GptEntry) || header.entry_bytes > sector ||
        header.entries > disk_bytes / sector)
        return Failure(Error::not_found);
    const std::uint64_t offset = header.entries * sector + std::uint64_t{number - 1} * header.entry_bytes;
    ANT_TRY(disk.read(page, Extent{offset, sizeof(GptEntry)}));
    const GptEntry entry = *reinterpret_cast<const GptEntry*>(page.data());
    static constexpr std::uint8_t unused[16]{};
    if (std::memcmp(entry.type, unused, sizeof unused) == 0 || entry.last < entry.first) return Failure(Error::not_found);
    return range_of(entry.first, entry.last - entry.first + 1, disk_bytes);
}

// Logical partitions are a chain: each link tells of one and of the next link, both from the start of the extended one.
Result<Range> find_logical(Disk& disk, std::uint64_t disk_bytes, std::uint32_t extended, std::uint32_t number, Memory page) {
    std::uint64_t link = extended;
    for (std::uint32_t n = primaries + 1; n <= primaries + max_logical; ++n) {
        if (link >= disk_bytes / sector) break;
        ANT_TRY(disk.read(page, Extent{link * sector, sector}));
        const Mbr& mbr = *reinterpret_cast<const Mbr*>(page.data());
        if (mbr.signature != mbr_signature) break;
        if (n == number) return range_of(link + mbr.entry[0].start, mbr.entry[0].sectors, disk_bytes);
        if (!mbr.entry[1].extended()) break;
        link = std::uint64_t{extended} + mbr.entry[1].start;
    }
    return Failure(Error::not_found);
}

}  // namespace

Result<Range> find_partition(Disk& disk, std::uint64_t disk_bytes, std::uint32_t number, Memory page) {
    if (number == 0) return Range{0, disk_bytes};
    ANT_TRY(disk.read(page, Extent{0, sector}));
    const Mbr mbr = *reinterpret_cast<const Mbr*>(page.data());
    if (mbr.signature != mbr_signature) return Failure(Error::not_found);
    if (mbr.entry[0].type == protective) return find_gpt(disk, disk_bytes, number, page);
    if (number <= primaries) {
        const MbrEntry& entry = mbr.entry[number - 1];
        if (entry.type == 0 || entry.extended()) return Failure(Error::not_found);
        return range_of(entry.start, entry.sectors, disk_bytes);
    }
    for (const MbrEntry& entry : mbr.entry)
        if (entry.extended()) return find_logical(disk, disk_bytes, entry.start, number, page);
    return Failure(Error::not_found);
}

}  // namespace ant::file_server
