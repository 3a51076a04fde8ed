#include "archive.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

namespace ant::guardian_server {
namespace {

constexpr std::size_t block_bytes = 512;

struct Header {  // POSIX.1-1988 ustar
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2];
    char user[32], group[32], device_major[8], device_minor[8], prefix[155], padding[12];
};
static_assert(sizeof(Header) == block_bytes);

template <std::size_t n>
std::optional<std::uint64_t> octal(const char (&field)[n]) {
    std::uint64_t value = 0;
    std::size_t i = 0;
    while (i < n && field[i] == ' ') ++i;
    const std::size_t first = i;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; ++i) value = value * 8 + static_cast<std::uint64_t>(field[i] - '0');
    const bool ended = i == n || field[i] == ' ' || field[i] == '\0';
    if (i == first || !ended) return std::nullopt;
    return value;
}

// Sum of all bytes, the checksum field itself taken as blanks.
std::uint64_t checksum(const Header& header) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
    constexpr std::size_t first = offsetof(Header, checksum);
    constexpr std::size_t end = first + sizeof header.checksum;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < block_bytes; ++i) sum += i >= first && i < end ? ' ' : bytes[i];
    return sum;
}

bool is_zero(const Header& header) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
    for (std::size_t i = 0; i < block_bytes; ++i)
        if (bytes[i] != 0) return false;
    return true;
}

// The name, without directories in front of it.
std::string_view base_name(const Header& header) {
    std::string_view name{header.name, strnlen(header.name, sizeof header.name)};
    const auto slash = name.rfind('/');
    return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

}  // namespace

Result<ArchiveEntry> ArchiveReader::next() {
    for (;;) {
        // An archive that ends without its two zero blocks was cut off between files: what is there is good.
        if (archive_.size() - position_ < block_bytes) return Failure(Error::not_found);
        const auto& header = *reinterpret_cast<const Header*>(archive_.data() + position_);
        if (is_zero(header)) return Failure(Error::not_found);
        const auto stored = octal(header.checksum);
        const auto size = octal(header.size);
        if (!stored || *stored != checksum(header) || !size) return Failure(Error::bad_image);
        const std::size_t contents = position_ + block_bytes;
        if (*size > archive_.size() - contents) return Failure(Error::bad_image);
        const std::size_t padded = (*size + block_bytes - 1) / block_bytes * block_bytes;
        position_ = padded > archive_.size() - contents ? archive_.size() : contents + padded;
        const bool regular = header.type == '0' || header.type == '\0';
        const std::string_view name = base_name(header);
        if (!regular || name.empty()) continue;
        return ArchiveEntry{name, contents, *size};
    }
}

}  // namespace ant::guardian_server
