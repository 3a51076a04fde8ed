// The areas in which lwIP makes packets: its heap, and chunks of blocks for headers, of which there are more when more are
// needed. A driver gets them on loan.
#pragma once

#include <ant/syscalls.hpp>

#include <lwipopts.h>

#include <cstdint>

namespace ant::inet_server {

class PacketMemory {
public:
    struct Area {
        std::uint64_t address = 0, bytes = 0;
        [[nodiscard]] bool contains(std::uint64_t a) const { return a - address < bytes; }
    };

    // What the process before had, or empty areas.
    void start(std::uint64_t heap, std::uint64_t chunk) {
        heap_ = {heap, ANT_HEAP_BYTES};
        chunk_[0] = {chunk, ANT_CHUNK_BYTES};
    }
    // One more chunk, which is never given back. 0: no memory, or enough of them.
    std::uint64_t more() {
        if (count_ == max_chunks) return 0;
        if (count_ != 0) {
            const auto area = sys::ica_reserve(ANT_CHUNK_BYTES / abi::page_size);
            if (!area) return 0;
            chunk_[count_] = {*area, ANT_CHUNK_BYTES};
        }
        return chunk_[count_++].address;
    }
    // The area in which this address lies, nullptr: in none of them.
    [[nodiscard]] const Area* find(std::uint64_t address) const {
        for (unsigned i = 0; i < count_; ++i)
            if (chunk_[i].contains(address)) return &chunk_[i];
        return heap_.contains(address) ? &heap_ : nullptr;
    }

private:
    static constexpr unsigned max_chunks = 32;  // headers for all segments that lwIP may have
    Area heap_;
    Area chunk_[max_chunks];
    unsigned count_ = 0;
};

}  // namespace ant::inet_server
