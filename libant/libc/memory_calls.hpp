// brk, mmap and their family.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

// Private zeroed memory for the layer itself, among the mappings of the program.
Result<std::uint64_t> map_private(std::uint64_t bytes);
void unmap_private(std::uint64_t address, std::uint64_t bytes);

Answer call_brk(const Arguments& arguments);
Answer call_mmap(const Arguments& arguments);
Answer call_munmap(const Arguments& arguments);
Answer call_mprotect(const Arguments& arguments);
Answer call_mremap(const Arguments& arguments);

}  // namespace ant::foreign
