// brk, mmap and their family.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

Answer call_brk(const Arguments& arguments);
Answer call_mmap(const Arguments& arguments);
Answer call_munmap(const Arguments& arguments);
Answer call_mprotect(const Arguments& arguments);
Answer call_mremap(const Arguments& arguments);

}  // namespace ant::foreign
