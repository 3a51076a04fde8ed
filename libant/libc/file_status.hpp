// What stat and its family tell.
#pragma once

#include <ant/interface/file.hpp>

#include <asm/stat.h>

#include "descriptors.hpp"

namespace ant::foreign {

// File types of st_mode.
namespace file_type {
inline constexpr unsigned character_device = 0020000, directory = 0040000, regular = 0100000, socket = 0140000, mask = 0170000;
}

// Of an open file, whatever its kind.
Answer status_of(const OpenFile& file, struct stat& status);

Answer call_fstat(const Arguments& arguments);
// stat, lstat, newfstatat: flags are AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH
Answer call_fstatat(int directory, const char* path, long result, int flags);
Answer call_statx(const Arguments& arguments);
Answer call_statfs(const char* path, long result);
Answer call_fstatfs(const Arguments& arguments);

}  // namespace ant::foreign
