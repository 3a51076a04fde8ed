// Calls that change directories: names come, go and move, and what is said about a file besides its contents.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

// Relative paths are relative to the open directory, or to the working directory (AT_FDCWD).
Answer call_accessat(int directory, const char* path, int mode);
Answer call_mkdirat(int directory, const char* path, unsigned mode);
Answer call_unlinkat(int directory, const char* path, int flags);
Answer call_renameat(int from_directory, const char* from, int to_directory, const char* to, unsigned flags);
Answer call_linkat(int from_directory, const char* from, int to_directory, const char* to, int flags);
Answer call_symlinkat(const char* text, int directory, const char* path);
Answer call_readlinkat(int directory, const char* path, char* result, std::size_t bytes);
Answer call_chmodat(int directory, const char* path, unsigned mode);
Answer call_fchmod(const Arguments& arguments);
Answer call_chownat(int directory, const char* path, unsigned user, unsigned group, int flags);
Answer call_fchown(const Arguments& arguments);
Answer call_utimensat(const Arguments& arguments);
Answer call_truncate(const char* path, long size);
Answer call_umask(const Arguments& arguments);
Answer call_sync();

// Permissions of something new.
unsigned masked(unsigned mode);

}  // namespace ant::foreign
