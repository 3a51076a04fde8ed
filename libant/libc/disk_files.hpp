// Open files of the file server: position, transfers, directories, locks.
#pragma once

#include <span>

#include "descriptors.hpp"

namespace ant::foreign {

// A file or directory of the file server, opened with Linux's flags.
Answer open_disk_file(int directory, const char* path, int flags, unsigned mode);

Answer read_disk_file(OpenFile& file, std::span<std::byte> data);
Answer write_disk_file(OpenFile& file, std::span<const std::byte> data);
// Where the next transfer begins, or minus an errno.
Answer position_of(OpenFile& file);
Answer seek_disk_file(OpenFile& file, long offset, int whence);

Answer call_pread(const Arguments& arguments);
Answer call_pwrite(const Arguments& arguments);
Answer call_getdents(const Arguments& arguments);
Answer call_ftruncate(const Arguments& arguments);
// `data_only`: fdatasync
Answer call_fsync(const Arguments& arguments, bool data_only);
// F_GETLK, F_SETLK, F_SETLKW
Answer record_lock(OpenFile& file, int command, long argument);
Answer call_flock(const Arguments& arguments);

}  // namespace ant::foreign
