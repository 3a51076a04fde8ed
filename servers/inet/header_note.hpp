// lwIP turns the numbers in a TCP header round where they lie, and large receive makes the IP packet longer. So that a frame that
// comes again, with its call, can be read again, its page keeps what they change as it came.
#pragma once

#include "receive_store.hpp"

#include <ant/records.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::inet_server {

// In front of the page's PageNote.
struct HeaderNote {
    std::uint64_t call;    // that brought the frame; written last
    std::uint64_t ip;      // with its length
    std::uint64_t tcp[2];  // ports, sequence and acknowledgement number, flags, window
};

class FrameHeader {
public:
    FrameHeader(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes)
        : note_{*reinterpret_cast<HeaderNote*>(page + note_at)}, ip_{ip_header(page, offset, bytes)} {}

    // Before lwIP gets the frame.
    void keep(std::uint64_t call) {
        if (ip_ == nullptr) return;
        __builtin_memcpy(&note_.ip, ip_, sizeof note_.ip);
        __builtin_memcpy(note_.tcp, tcp(), sizeof note_.tcp);
        record::ordered();
        note_.call = call;
        record::ordered();
    }
    // Of a call that comes again: as it was when it came first, whether lwIP has had it or not.
    void restore(std::uint64_t call) const {
        if (ip_ == nullptr || note_.call != call) return;
        __builtin_memcpy(ip_, &note_.ip, sizeof note_.ip);
        __builtin_memcpy(tcp(), note_.tcp, sizeof note_.tcp);
    }

private:
    static constexpr std::uint32_t note_at = page_room - sizeof(HeaderNote);
    static constexpr std::uint32_t ethernet_bytes = 14, ip_bytes = 20;
    static constexpr std::uint8_t tcp_protocol = 6;

    // nullptr: it is no such frame.
    static std::uint8_t* ip_header(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes) {
        if (bytes < ethernet_bytes + ip_bytes || offset + bytes > note_at) return nullptr;
        auto* frame = reinterpret_cast<std::uint8_t*>(page + offset);
        std::uint8_t* ip = frame + ethernet_bytes;
        if (frame[12] != 0x08 || frame[13] != 0x00 || ip[9] != tcp_protocol) return nullptr;
        return ethernet_bytes + header_bytes(ip) + sizeof HeaderNote::tcp <= bytes ? ip : nullptr;
    }
    static std::uint32_t header_bytes(const std::uint8_t* ip) { return (ip[0] & 0xf) * 4u; }
    [[nodiscard]] std::uint8_t* tcp() const { return ip_ + header_bytes(ip_); }

    HeaderNote& note_;
    std::uint8_t* ip_;
};

}  // namespace ant::inet_server
