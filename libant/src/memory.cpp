#include <ant/memory.hpp>

#include <ant/process.hpp>
#include <ant/syscalls.hpp>

namespace ant::memory {

namespace {

constinit std::uint64_t mapped_end = 0;  // 0: nothing mapped yet

}  // namespace

Result<void*> map(std::size_t bytes) {
    if (bytes == 0 || bytes > abi::ica_base) return Failure(Error::invalid_argument);
    const std::size_t whole = (bytes + abi::page_size - 1) & ~(abi::page_size - 1);
    const std::uint64_t address = mapped_end != 0 ? mapped_end : startup().heap_start;
    ANT_TRY(sys::memory_map(address, whole, abi::Protection::read_write));
    mapped_end = address + whole;
    return reinterpret_cast<void*>(address);
}

}  // namespace ant::memory
