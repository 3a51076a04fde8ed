// The boot archive: a ustar file.
#pragma once

#include <ant/abi/result.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace ant::guardian_server {

struct ArchiveEntry {
    std::string_view name;  // in the archive's memory
    std::size_t offset;     // of the contents
    std::size_t bytes;
};

// Walks the regular files of an archive. Everything in it is checked before it is used: a broken header
// ends the walk, for nothing behind it can be trusted.
class ArchiveReader {
public:
    explicit ArchiveReader(std::span<const std::byte> archive) : archive_{archive} {}

    // not_found: the end. bad_image: a header that is damaged, or contents that reach past the end.
    Result<ArchiveEntry> next();

private:
    std::span<const std::byte> archive_;
    std::size_t position_ = 0;
};

}  // namespace ant::guardian_server
