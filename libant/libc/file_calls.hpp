// open, read, write and what else works on any descriptor.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

Answer call_open(const char* path, int flags);
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
Answer call_fstat(const Arguments& arguments);
Answer call_stat(const char* path, long result);
Answer call_newfstatat(const Arguments& arguments);
Answer call_access(const char* path, int mode);
Answer call_getrandom(const Arguments& arguments);
Answer call_getcwd(const Arguments& arguments);

}  // namespace ant::foreign
