// Memory at the addresses of the ICA window, for tests of what computes physical addresses from them.
#pragma once

#include <ant/abi/control_ica.hpp>

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

template <std::size_t size>
class IcaMemory {
public:
    static constexpr std::uint64_t first = ant::abi::ica_base + 0x10'0000;
    static constexpr std::size_t bytes = size;
    IcaMemory() {
        void* at = mmap(reinterpret_cast<void*>(first), bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
        if (at != reinterpret_cast<void*>(first)) throw std::runtime_error("no memory at the ICA window");
    }
    ~IcaMemory() { munmap(reinterpret_cast<void*>(first), bytes); }
    IcaMemory(const IcaMemory&) = delete;
};
