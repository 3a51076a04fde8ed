#include "boot_archive.hpp"

#include <cstring>

namespace ant::core {

namespace {

// POSIX.1-1988 ustar header block.
struct Header {
    char name[100], mode[8], user[8], group[8], size[12], time[12], checksum[8], type, link[100], magic[6], rest[249];
};
static_assert(sizeof(Header) == 512);

std::size_t octal(const char* digits, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < count && digits[i] >= '0' && digits[i] <= '7'; ++i)
        value = value * 8 + static_cast<std::size_t>(digits[i] - '0');
    return value;
}

}  // namespace

std::span<const std::byte> find_in_archive(std::span<const std::byte> archive, const char* name) {
    for (std::size_t at = 0; at + sizeof(Header) <= archive.size();) {
        const auto* header = reinterpret_cast<const Header*>(archive.data() + at);
        if (std::memcmp(header->magic, "ustar", 5) != 0) return {};
        const std::size_t bytes = octal(header->size, sizeof header->size);
        at += sizeof(Header);
        if (bytes > archive.size() - at) return {};
        if (std::strncmp(header->name, name, sizeof header->name) == 0) return archive.subspan(at, bytes);
        at += (bytes + sizeof(Header) - 1) & ~(sizeof(Header) - 1);
    }
    return {};
}

}  // namespace ant::core
