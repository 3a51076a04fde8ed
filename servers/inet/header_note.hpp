// lwIP turns the numbers in a TCP header round where they lie. So that a frame that comes again, with its call, can be
// read again, its page keeps the header as it came.
#pragma once

#include "receive_store.hpp"

#include <ant/records.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::inet_server {

// In front of the page's PageNote.
struct HeaderNote {
    std::uint64_t call;  // that brought the frame; written last
    std::uint64_t words[2];
};

class FrameHeader {
public:
    FrameHeader(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes)
        : note_{*reinterpret_cast<HeaderNote*>(page + note_at)}, header_{changing(page, offset, bytes)} {}

    // Before lwIP gets the frame.
    void keep(std::uint64_t call) {
        if (header_ == nullptr) return;
        __builtin_memcpy(note_.words, header_, sizeof note_.words);
        record::ordered();
        note_.call = call;
        record::ordered();
    }
    // Of a call that comes again: as it was when it came first, whether lwIP has had it or not.
    void restore(std::uint64_t call) const {
        if (header_ != nullptr && note_.call == call) __builtin_memcpy(header_, note_.words, sizeof note_.words);
    }

private:
    static constexpr std::uint32_t note_at = page_room - sizeof(HeaderNote);
    static constexpr std::uint32_t ethernet_bytes = 14, ip_bytes = 20;
    static constexpr std::uint8_t tcp = 6;

    // What lwIP changes: ports, sequence and acknowledgement number, flags, window. nullptr: it is no such frame.
    static std::byte* changing(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes) {
        if (bytes < ethernet_bytes + ip_bytes || offset + bytes > note_at) return nullptr;
        auto* frame = reinterpret_cast<std::uint8_t*>(page + offset);
        const std::uint8_t* ip = frame + ethernet_bytes;
        const std::uint32_t begin = ethernet_bytes + (ip[0] & 0xf) * 4u;
        if (frame[12] != 0x08 || frame[13] != 0x00 || ip[9] != tcp) return nullptr;
        return begin + sizeof HeaderNote::words <= bytes ? reinterpret_cast<std::byte*>(frame + begin) : nullptr;
    }

    HeaderNote& note_;
    std::byte* header_;
};

}  // namespace ant::inet_server
