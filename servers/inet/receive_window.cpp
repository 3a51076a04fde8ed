// How much the peers may send: lwIP's window (192 KiB), or, after the card had no room for what they sent, no more than its
// ring takes (64 frames). A window larger than the ring is right where the way is long; nearby it only means that a sender
// as fast as this host loses frames and sends them again. It is each connection's own window, limited as it fetches its
// first bytes, and begins anew with the next process.
#include "tcp_restore.hpp"

#include <lwip/timeouts.h>

#include <algorithm>
#include <utility>

namespace ant::inet_server {

namespace {

constexpr std::uint32_t limit_ms = 60'000;

// A peer that knows no scaled windows is never granted more.
std::uint32_t most_withheld(const tcp_pcb& pcb) {
    const std::uint32_t window = TCP_WND_MAX(&pcb);
    return window > Connections::limited_window ? window - Connections::limited_window : 0;
}

// lwIP counts in 16 bits.
void opens(tcp_pcb& pcb, std::size_t bytes) {
    while (bytes != 0) {
        const auto step = static_cast<u16_t>(std::min<std::size_t>(bytes, 0xffff));
        tcp_recved(&pcb, step);
        bytes -= step;
    }
}

}  // namespace

// A window never shrinks (RFC 9293, 3.8.6): it stays where it is until so much has been fetched.
void Connections::fetched(tcp_pcb& pcb, std::size_t bytes) {
    Slot* slot = slot_of(pcb);
    if (slot != nullptr && limited_) {
        const auto kept = std::min<std::size_t>(bytes, most_withheld(pcb) - slot->withheld);
        slot->withheld += static_cast<std::uint32_t>(kept);
        bytes -= kept;
    } else if (slot != nullptr) {
        bytes += std::exchange(slot->withheld, 0);
    }
    opens(pcb, bytes);
}

void Connections::limit_windows() {
    limited_ = true;
    sys_untimeout(limit_ends, this);
    sys_timeout(limit_ms, limit_ends, this);
}

void Connections::limit_ends(void* self) { static_cast<Connections*>(self)->limited_ = false; }

void Connections::end_limit(tcp_pcb& pcb) const {
    if (Slot* slot = slot_of(pcb); slot != nullptr)
        pcb.rcv_wnd = std::min<tcpwnd_size_t>(pcb.rcv_wnd + std::exchange(slot->withheld, 0), TCP_WND_MAX(&pcb));
}

}  // namespace ant::inet_server
