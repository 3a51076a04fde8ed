// Areas of our own that bytes to be sent are copied into. Those that are no longer needed are kept for the next ones.
#pragma once

#include <ant/syscalls.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::inet_server {

class CopyAreas {
public:
    static constexpr std::uint32_t pages = 4;
    static constexpr std::size_t bytes = pages * abi::page_size;

    // 0: no memory.
    std::uint64_t take() {
        if (count_ != 0) return free_[--count_];
        return sys::ica_reserve(pages).value_or(0);
    }
    // False: a driver still reads it.
    bool give(std::uint64_t area) {
        if (count_ == capacity) return release(area);
        const auto info = sys::ica_info(area);
        if (info && info->on_loan) return false;
        free_[count_++] = area;
        return true;
    }
    static bool release(std::uint64_t area) {
        const auto released = sys::ica_release(area);
        return released || released.error() != Error::on_loan;
    }

private:
    static constexpr unsigned capacity = 32;
    std::uint64_t free_[capacity];
    unsigned count_ = 0;
};

}  // namespace ant::inet_server
