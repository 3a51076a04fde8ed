// Large send: consecutive full segments of a connection go to the card as one packet, which it cuts up again.
#pragma once

#include <cstdint>
#include <cstring>

namespace ant::inet_server {

// The headers of a frame as lwIP makes it: Ethernet, IPv4 and TCP, all without options, which lie side by side.
class SegmentHeaders {
public:
    static constexpr std::uint32_t bytes = 14 + 20 + 20;

    // `frame_bytes`: of the whole frame. False: it is something else, or its flags say more than ACK and PSH: a chip that
    // cuts a packet up cannot be trusted to keep FIN for the last segment.
    static bool plain(const std::uint8_t* frame, std::uint32_t header_bytes, std::uint32_t frame_bytes) {
        if (header_bytes < bytes || frame_bytes <= bytes) return false;
        const bool ip = frame[12] == 0x08 && frame[13] == 0x00 && frame[14] == 0x45;
        const bool whole = ((frame[20] & 0x3f) | frame[21]) == 0;
        return ip && whole && frame[23] == 6 && frame[46] >> 4 == 5 && (frame[47] & ~push) == acknowledge;
    }
    // Both go to the same connection, and tell it the same but for what is pushed.
    static bool same_but_sequence(const std::uint8_t* a, const std::uint8_t* b) {
        return equal<14>(a, b) && equal<12>(a + 26, b + 26) && equal<4>(a + 42, b + 42) && equal<2>(a + 48, b + 48);
    }
    static std::uint32_t sequence(const std::uint8_t* frame) {
        std::uint32_t number;
        std::memcpy(&number, frame + 38, sizeof number);
        return __builtin_bswap32(number);
    }
    static bool pushes(const std::uint8_t* frame) { return (frame[47] & push) != 0; }
    static void set_push(std::uint8_t* frame) { frame[47] |= push; }
    static void set_payload(std::uint8_t* frame, std::uint32_t payload) {
        const std::uint16_t length = __builtin_bswap16(static_cast<std::uint16_t>(bytes - 14 + payload));
        std::memcpy(frame + 16, &length, sizeof length);
    }

private:
    static constexpr std::uint8_t push = 0x08, acknowledge = 0x10;
    template <unsigned count>
    static bool equal(const std::uint8_t* a, const std::uint8_t* b) {
        return __builtin_memcmp(a, b, count) == 0;
    }
};

// A packet to which segments are appended.
class LargeSend {
public:
    // QEMU's card takes this size for all, whatever it is told.
    static constexpr std::uint32_t segment = 1460;
    static constexpr std::uint32_t most_payload = 0xffff - (SegmentHeaders::bytes - 14);

    void end() { frame_ = nullptr; }
    // If a segment may follow this one.
    void begin(std::uint8_t* frame, std::uint32_t header_bytes, std::uint32_t frame_bytes) {
        const bool open = frame_bytes == SegmentHeaders::bytes + segment &&
                          SegmentHeaders::plain(frame, header_bytes, frame_bytes) && !SegmentHeaders::pushes(frame);
        frame_ = open ? frame : nullptr;
        if (!open) return;
        payload_ = segment;
        next_sequence_ = SegmentHeaders::sequence(frame) + segment;
    }
    [[nodiscard]] bool continues(const std::uint8_t* frame, std::uint32_t header_bytes, std::uint32_t frame_bytes) const {
        if (frame_ == nullptr || frame_bytes > SegmentHeaders::bytes + segment) return false;
        return SegmentHeaders::plain(frame, header_bytes, frame_bytes) && SegmentHeaders::sequence(frame) == next_sequence_ &&
               SegmentHeaders::same_but_sequence(frame_, frame) && payload_ + frame_bytes - SegmentHeaders::bytes <= most_payload;
    }
    void append(const std::uint8_t* frame, std::uint32_t frame_bytes) {
        const std::uint32_t more = frame_bytes - SegmentHeaders::bytes;
        payload_ += more;
        next_sequence_ += more;
        SegmentHeaders::set_payload(frame_, payload_);
        const bool pushed = SegmentHeaders::pushes(frame);
        if (pushed) SegmentHeaders::set_push(frame_);
        if (pushed || more != segment) end();
    }

private:
    std::uint8_t* frame_ = nullptr;  // its headers; nullptr: no segment may follow
    std::uint32_t payload_ = 0;
    std::uint32_t next_sequence_ = 0;
};

}  // namespace ant::inet_server
