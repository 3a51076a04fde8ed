// Large receive: segments of a connection that arrive one behind the other go to lwIP as one, which looks at a header once
// instead of once for each.
#pragma once

#include "segment_headers.hpp"

#include <cstdint>

namespace ant::inet_server {

// The packet that the frames of one ethinput are joined to. It knows headers; their buffers are the caller's business.
class LargeReceive {
public:
    static constexpr std::uint32_t most_payload = 0xffff - (SegmentHeaders::bytes - SegmentHeaders::ethernet_bytes);

    // A frame that may be the first one, or follow: a plain segment with bytes, nothing behind it, and right checksums.
    // `vouched`: the chip says so.
    static bool fit(const std::uint8_t* frame, std::uint32_t bytes, bool vouched) {
        return SegmentHeaders::plain(frame, bytes, bytes) &&
               SegmentHeaders::ip_total(frame) == bytes - SegmentHeaders::ethernet_bytes &&
               (vouched || SegmentHeaders::checksums_good(frame, bytes));
    }
    void end() { frame_ = nullptr; }
    // With a frame that is fit.
    void begin(std::uint8_t* frame, std::uint32_t bytes) {
        frame_ = frame;
        payload_ = bytes - SegmentHeaders::bytes;
        next_sequence_ = SegmentHeaders::sequence(frame + SegmentHeaders::tcp_at) + payload_;
        pushed_ = SegmentHeaders::pushes(frame + SegmentHeaders::tcp_at);
    }
    // Of a frame that is fit.
    [[nodiscard]] bool continues(const std::uint8_t* frame, std::uint32_t bytes) const {
        if (frame_ == nullptr || pushed_ || payload_ + bytes - SegmentHeaders::bytes > most_payload) return false;
        const std::uint8_t* tcp = frame + SegmentHeaders::tcp_at;
        return SegmentHeaders::sequence(tcp) == next_sequence_ &&
               SegmentHeaders::same_but_sequence(tcp, frame_ + SegmentHeaders::tcp_at) &&
               SegmentHeaders::source(frame) == SegmentHeaders::source(frame_) &&
               SegmentHeaders::destination(frame) == SegmentHeaders::destination(frame_);
    }
    // Its payload follows.
    void append(const std::uint8_t* frame, std::uint32_t bytes) {
        payload_ += bytes - SegmentHeaders::bytes;
        next_sequence_ += bytes - SegmentHeaders::bytes;
        SegmentHeaders::set_payload(frame_, payload_);
        pushed_ = SegmentHeaders::pushes(frame + SegmentHeaders::tcp_at);
        if (pushed_) SegmentHeaders::set_push(frame_ + SegmentHeaders::tcp_at);
    }

private:
    std::uint8_t* frame_ = nullptr;  // the first one; nullptr: none
    std::uint32_t payload_ = 0;
    std::uint32_t next_sequence_ = 0;
    bool pushed_ = false;
};

}  // namespace ant::inet_server
