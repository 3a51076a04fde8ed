// Calls that cannot be answered yet. The control ICA stays here, with its parameters, until it is.
#pragma once

#include "deadlines.hpp"
#include "socket.hpp"

#include <cstdint>
#include <span>

namespace ant::inet_server {

struct AllTag;

// Bytes of a call on their way into a stream.
struct Outgoing {
    std::span<const std::byte> bytes;
    std::uint64_t area = 0, area_bytes = 0;  // moved here with the call; 0: the bytes are copied
    std::uint32_t taken = 0;                 // of the bytes: part of the stream. All or nothing of an area
    bool more = false;

    [[nodiscard]] std::uint32_t total() const { return static_cast<std::uint32_t>(bytes.size()); }
};

struct Wait : Linked<Wait, WaitTag>, Linked<Wait, AllTag>, Deadline {
    enum class Kind : std::uint8_t { accept, connect, receive, send, poll, resolve, ping };

    Kind kind = Kind::accept;
    std::uint64_t control = 0;
    std::uint32_t owner = 0;   // the requester's slot
    std::uint32_t ticket = 0;  // of a request to protocol management
    Socket* socket = nullptr;
    Outgoing outgoing;          // send
    std::uint64_t sent_ns = 0;  // ping
};

class WaitingCalls {
public:
    static constexpr unsigned capacity = 224;  // below the quota of control ICAs
    static constexpr unsigned max_per_owner = 64;

    // nullptr: too many wait. deadline_ns ~0: none.
    Wait* add(Wait::Kind kind, std::uint64_t control, std::uint32_t owner, std::uint64_t deadline_ns) {
        unsigned owned = 0;
        for (const Wait* w = all_.front(); w != nullptr; w = all_.after(const_cast<Wait*>(w))) owned += w->owner == owner;
        Wait* wait = owned < max_per_owner ? pool_.take() : nullptr;
        if (wait == nullptr) return nullptr;
        wait->kind = kind;
        wait->control = control;
        wait->owner = owner;
        wait->ticket = ++tickets_;
        all_.push_back(wait);
        if (deadline_ns != ~std::uint64_t{0}) deadlines_.add(*wait, deadline_ns);
        return wait;
    }
    void remove(Wait& wait) {
        if (static_cast<Linked<Wait, WaitTag>&>(wait).linked()) List<Wait, WaitTag>::remove(&wait);
        List<Wait, AllTag>::remove(&wait);
        Deadlines::remove(wait);
        pool_.give(&wait);
    }
    Wait* expired(std::uint64_t now_ns) { return static_cast<Wait*>(deadlines_.expired(now_ns)); }
    std::uint64_t next_deadline_ns() { return deadlines_.next(); }
    Wait* by_ticket(Wait::Kind kind, std::uint32_t ticket, std::uint32_t mask = ~0u) {
        for (Wait* w = all_.front(); w != nullptr; w = all_.after(w))
            if (w->kind == kind && (w->ticket & mask) == ticket) return w;
        return nullptr;
    }
    // Calls f(wait) for each; f may remove that one.
    template <class F>
    void each(F f) {
        for (Wait* w = all_.front(); w != nullptr;) {
            Wait* wait = w;
            w = all_.after(w);
            f(*wait);
        }
    }

private:
    Pool<Wait, capacity> pool_;
    List<Wait, AllTag> all_;
    Deadlines deadlines_;
    std::uint32_t tickets_ = 0;
};

}  // namespace ant::inet_server
