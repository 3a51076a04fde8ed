// The headers of a TCP segment as nearly all have them: Ethernet, IPv4 and TCP, all without options, which lie side by side.
#pragma once

#include "checksum.hpp"

#include <cstdint>

namespace ant::inet_server {

class SegmentHeaders {
public:
    static constexpr std::uint32_t ethernet_bytes = 14, ip_bytes = 20, tcp_bytes = 20;
    static constexpr std::uint32_t tcp_at = ethernet_bytes + ip_bytes, bytes = tcp_at + tcp_bytes;

    // `frame_bytes`: of the whole frame. False: it is something else, or its flags say more than ACK and PSH: a chip that
    // cuts a packet up cannot be trusted to keep FIN for the last segment.
    static bool plain(const std::uint8_t* frame, std::uint32_t header_bytes, std::uint32_t frame_bytes) {
        if (header_bytes < bytes || frame_bytes <= bytes) return false;
        const bool ip = frame[12] == 0x08 && frame[13] == 0x00 && frame[14] == 0x45;
        const bool whole = ((frame[20] & 0x3f) | frame[21]) == 0;
        return ip && whole && frame[23] == tcp_protocol && plain_tcp(frame + tcp_at);
    }
    // Of its TCP header alone.
    static bool plain_tcp(const std::uint8_t* tcp) { return (word16(tcp + 12) & ~(push << 8)) == (5 << 4 | acknowledge << 8); }
    // Both TCP headers go to the same port, and tell it the same but for what is pushed.
    static bool same_but_sequence(const std::uint8_t* a, const std::uint8_t* b) {
        return word32(a) == word32(b) && word32(a + 8) == word32(b + 8) && word16(a + 14) == word16(b + 14);
    }
    static std::uint32_t sequence(const std::uint8_t* tcp) { return __builtin_bswap32(word32(tcp + 4)); }
    static bool pushes(const std::uint8_t* tcp) { return (tcp[13] & push) != 0; }
    static void set_push(std::uint8_t* tcp) { tcp[13] |= push; }

    // Of frames. Addresses in network byte order.
    static std::uint32_t source(const std::uint8_t* frame) { return word32(frame + 26); }
    static std::uint32_t destination(const std::uint8_t* frame) { return word32(frame + 30); }
    static std::uint32_t ip_total(const std::uint8_t* frame) { return __builtin_bswap16(word16(frame + 16)); }
    static void set_payload(std::uint8_t* frame, std::uint32_t payload) {
        const std::uint16_t length = __builtin_bswap16(static_cast<std::uint16_t>(ip_bytes + tcp_bytes + payload));
        __builtin_memcpy(frame + 16, &length, sizeof length);
    }
    // Of a plain frame without anything behind its IP packet: whether both checksums are right.
    static bool checksums_good(const std::uint8_t* frame, std::uint32_t frame_bytes) {
        std::uint64_t ip = 0;
        for (unsigned i = 0; i < ip_bytes; i += 4) ip += word32(frame + ethernet_bytes + i);
        if (fold(ip) != 0xffff) return false;
        // The addresses are the pseudo header's, and lie in front of the TCP header.
        const std::uint32_t tcp_length = frame_bytes - tcp_at;
        const std::uint16_t rest = internet_checksum(frame + 26, 8 + tcp_length);
        return fold(std::uint64_t{rest} + (tcp_protocol << 8) + __builtin_bswap16(static_cast<std::uint16_t>(tcp_length))) ==
               0xffff;
    }

    // Of any frame: whether it is a plain segment with bytes, and both checksums are right. Something may follow its IP packet.
    static bool good_segment(const std::uint8_t* frame, std::uint32_t frame_bytes) {
        if (!plain(frame, frame_bytes, frame_bytes)) return false;
        const std::uint32_t total = ethernet_bytes + ip_total(frame);
        return total > bytes && total <= frame_bytes && checksums_good(frame, total);
    }

private:
    static constexpr std::uint8_t push = 0x08, acknowledge = 0x10, tcp_protocol = 6;
    static std::uint32_t word32(const std::uint8_t* at) {
        std::uint32_t word;
        __builtin_memcpy(&word, at, sizeof word);
        return word;
    }
    static std::uint16_t word16(const std::uint8_t* at) {
        std::uint16_t word;
        __builtin_memcpy(&word, at, sizeof word);
        return word;
    }
};

}  // namespace ant::inet_server
