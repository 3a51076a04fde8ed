// Large send: consecutive full segments of a connection go to the card as one packet, which it cuts up again. They are appended
// before they have headers of IP and Ethernet, since those of the first will do.
#pragma once

#include "segment_headers.hpp"

#include <cstdint>

namespace ant::inet_server {

// A segment as TCP hands it over, with what its IP header would say. Addresses in network byte order.
struct TcpSegment {
    const std::uint8_t* header;  // TCP's
    std::uint32_t payload;
    std::uint32_t source, destination;
    std::uint8_t ttl, tos;
};

// A packet to which segments are appended.
class LargeSend {
public:
    // QEMU's card takes this size for all, whatever it is told.
    static constexpr std::uint32_t segment = 1460;
    static constexpr std::uint32_t most_payload = 0xffff - (SegmentHeaders::bytes - SegmentHeaders::ethernet_bytes);

    void end() { frame_ = nullptr; }
    // If a segment may follow this one.
    void begin(std::uint8_t* frame, std::uint32_t header_bytes, std::uint32_t frame_bytes) {
        const bool open = frame_bytes == SegmentHeaders::bytes + segment &&
                          SegmentHeaders::plain(frame, header_bytes, frame_bytes) && !SegmentHeaders::pushes(tcp_of(frame));
        frame_ = open ? frame : nullptr;
        if (!open) return;
        payload_ = segment;
        next_sequence_ = SegmentHeaders::sequence(tcp_of(frame)) + segment;
    }
    [[nodiscard]] bool continues(const TcpSegment& next) const {
        if (frame_ == nullptr || next.payload - 1 >= segment || payload_ + next.payload > most_payload) return false;
        return SegmentHeaders::sequence(next.header) == next_sequence_ && SegmentHeaders::plain_tcp(next.header) &&
               SegmentHeaders::same_but_sequence(next.header, tcp_of(frame_)) && SegmentHeaders::source(frame_) == next.source &&
               SegmentHeaders::destination(frame_) == next.destination && frame_[15] == next.tos && frame_[22] == next.ttl;
    }
    void append(const TcpSegment& next) {
        payload_ += next.payload;
        next_sequence_ += next.payload;
        SegmentHeaders::set_payload(frame_, payload_);
        const bool pushed = SegmentHeaders::pushes(next.header);
        if (pushed) SegmentHeaders::set_push(tcp_of(frame_));
        if (pushed || next.payload != segment) end();
    }

private:
    static std::uint8_t* tcp_of(std::uint8_t* frame) { return frame + SegmentHeaders::tcp_at; }

    std::uint8_t* frame_ = nullptr;  // its headers; nullptr: no segment may follow
    std::uint32_t payload_ = 0;
    std::uint32_t next_sequence_ = 0;
};

}  // namespace ant::inet_server
