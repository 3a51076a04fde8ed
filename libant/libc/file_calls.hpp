// open, read, write and what else works on any descriptor.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

// Relative to the open directory, or to the working directory (AT_FDCWD).
Answer call_openat(int directory, const char* path, int flags, unsigned mode);
Answer call_close(const Arguments& arguments);
Answer call_read(const Arguments& arguments);
Answer call_write(const Arguments& arguments);
Answer call_readv(const Arguments& arguments);
Answer call_writev(const Arguments& arguments);
Answer call_lseek(const Arguments& arguments);
Answer call_fcntl(const Arguments& arguments);
Answer call_ioctl(const Arguments& arguments);
Answer call_dup(const Arguments& arguments);
Answer call_dup2(const Arguments& arguments);
Answer call_dup3(const Arguments& arguments);
Answer call_getrandom(const Arguments& arguments);

}  // namespace ant::foreign
