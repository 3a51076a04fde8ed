#include "peer.hpp"

#include <algorithm>
#include <cstring>

namespace tcp_test {

namespace {

constexpr std::size_t ethernet = 14, ip = 20, tcp = 20;
constexpr std::uint64_t time_out_us = 200'000;
constexpr std::uint16_t mss = 1460;

void put16(Frame& f, std::size_t at, std::uint32_t v) {
    f[at] = static_cast<std::uint8_t>(v >> 8), f[at + 1] = static_cast<std::uint8_t>(v);
}
void put32(Frame& f, std::size_t at, std::uint32_t v) { put16(f, at, v >> 16), put16(f, at + 2, v & 0xffff); }
std::uint32_t get16(const Frame& f, std::size_t at) { return static_cast<std::uint32_t>(f[at] << 8 | f[at + 1]); }
std::uint32_t get32(const Frame& f, std::size_t at) { return get16(f, at) << 16 | get16(f, at + 2); }

std::int32_t distance(std::uint32_t from, std::uint32_t to) { return static_cast<std::int32_t>(to - from); }

}  // namespace

bool parse(const Frame& f, Segment& out) {
    if (f.size() < ethernet + ip + tcp || get16(f, 12) != 0x0800 || f[ethernet + 9] != 6) return false;
    const std::size_t at = ethernet + ip;
    const std::size_t total = ethernet + get16(f, ethernet + 2);
    const std::size_t header = std::size_t{f[at + 12]} / 16 * 4;
    out = {};
    out.from = static_cast<std::uint16_t>(get16(f, at));
    out.to = static_cast<std::uint16_t>(get16(f, at + 2));
    out.sequence = get32(f, at + 4);
    out.acknowledgement = get32(f, at + 8);
    const std::uint8_t flags = f[at + 13];
    out.fin = (flags & 1) != 0, out.syn = (flags & 2) != 0, out.rst = (flags & 4) != 0, out.ack = (flags & 16) != 0;
    out.window = get16(f, at + 14);
    for (std::size_t o = at + tcp; o < at + header && f[o] != 0; o += f[o] == 1 ? 1 : f[o + 1]) {
        if (f[o] == 2) out.mss = static_cast<std::uint16_t>(get16(f, o + 2));
        if (f[o] == 3) out.scale = f[o + 2];
    }
    out.bytes = static_cast<std::uint32_t>(total - at - header);
    out.data = f.data() + at + header;
    return true;
}

Frame build(const Segment& s) {
    const std::size_t options = !s.syn ? 0 : s.scale >= 0 ? 8 : 4;
    Frame f(ethernet + ip + tcp + options + s.bytes);
    std::copy_n(node_mac, 6, f.begin());
    std::copy_n(peer_mac, 6, f.begin() + 6);
    put16(f, 12, 0x0800);
    f[ethernet] = 0x45;
    put16(f, ethernet + 2, static_cast<std::uint32_t>(f.size() - ethernet));
    f[ethernet + 8] = 64;
    f[ethernet + 9] = 6;
    put32(f, ethernet + 12, peer_ip);
    put32(f, ethernet + 16, node_ip);
    const std::size_t at = ethernet + ip;
    put16(f, at, s.from);
    put16(f, at + 2, s.to);
    put32(f, at + 4, s.sequence);
    put32(f, at + 8, s.acknowledgement);
    f[at + 12] = static_cast<std::uint8_t>((tcp + options) / 4 << 4);
    f[at + 13] = static_cast<std::uint8_t>((s.fin ? 1 : 0) | (s.syn ? 2 : 0) | (s.rst ? 4 : 0) | (s.ack ? 16 : 0));
    put16(f, at + 14, s.window);
    if (s.syn) {
        put32(f, at + tcp, 0x0204'0000u | s.mss);
        if (s.scale >= 0) put32(f, at + tcp + 4, 0x0103'0300u | static_cast<std::uint32_t>(s.scale));
    }
    if (s.bytes != 0) std::memcpy(&f[at + tcp + options], s.data, s.bytes);
    return f;
}

void Peer::complain(const std::string& text) {
    if (complaint_.empty()) complaint_ = "port " + std::to_string(port_) + ": " + text;
}

void Peer::connect(std::uint64_t now) {
    active_ = true;
    next_ = iss_ + 1;
    progress_at_ = now;
    send(iss_, 0, true, false);
    retransmit_at_ = now + time_out_us;
}

void Peer::send(std::uint32_t sequence, std::uint32_t bytes, bool syn, bool fin) {
    Segment s;
    s.from = port_;
    s.to = node_port_;
    s.sequence = sequence;
    s.syn = syn;
    s.fin = fin;
    s.ack = heard_;
    const std::uint32_t acknowledged = irs_ + (heard_ ? 1 : 0) + in_ + (fin_in_ ? 1 : 0);
    s.acknowledgement = acknowledged;
    const std::uint32_t window =
        std::max<std::int32_t>(distance(acknowledged, edge_), static_cast<std::int32_t>(options_.window));
    s.window = std::min<std::uint32_t>(0xffff, syn ? window : window >> shift());
    edge_ = acknowledged + (syn ? s.window : s.window << shift());
    if (syn) s.mss = mss, s.scale = active_ || scaled_ ? options_.scale : -1;
    s.bytes = bytes;
    s.data = pattern_ + port_ + (sequence - iss_ - 1);
    wire.push_back(build(s));
    acknowledge_at_ = 0;
}

void Peer::set_window(std::uint32_t bytes, std::uint64_t) {
    options_.window = bytes;
    acknowledge_now();
}

void Peer::watch(const Segment& s) {
    if (!s.ack || s.rst) return;
    const std::uint32_t edge = s.acknowledgement + (s.syn ? s.window : s.window << send_shift_);
    const std::uint32_t grain = (1u << send_shift_) - 1;
    if (watched_ && distance(highest_ack_, s.acknowledgement) < 0) complain("takes an acknowledgement back");
    if (watched_ && distance(highest_edge_, edge + grain) < 0) complain("takes window back");
    highest_ack_ = s.acknowledgement;
    highest_edge_ = watched_ && distance(highest_edge_, edge) < 0 ? highest_edge_ : edge;
    watched_ = true;
}

void Peer::hear(const Segment& s, std::uint64_t now) {
    if (s.rst) return complain("reset");
    if (s.syn || !established_) return hear_handshake(s, now);
    hear_acknowledgement(s, now);
    hear_bytes(s, now);
    talk(now);
}

void Peer::hear_handshake(const Segment& s, std::uint64_t now) {
    if (s.syn) {
        ++syns_;
        if (heard_ && s.sequence != irs_) return complain("another initial sequence number");
        if (!heard_) {
            irs_ = s.sequence;
            edge_ = irs_ + 1;
            scaled_ = s.scale >= 0 && options_.scale >= 0;
            send_shift_ = scaled_ ? static_cast<std::uint8_t>(s.scale) : 0;
            send_window_ = s.window;
            wl1_ = s.sequence, wl2_ = s.acknowledgement;
            progress_at_ = now;
        }
        heard_ = true;
        if (!active_) {  // passive open
            next_ = iss_ + 1;
            send(iss_, 0, true, false);
            retransmit_at_ = now + time_out_us;
            return;
        }
        if (!s.ack || s.acknowledgement != iss_ + 1) return complain("SYN without its ACK");
    }
    if (s.ack && s.acknowledgement == iss_ + 1 && heard_) {
        const bool first = !established_;
        established_ = true;
        if (una_ == iss_) una_ = iss_ + 1;
        if (first) retransmit_at_ = 0;
        acknowledge_now();
        if (!s.syn) {
            hear_acknowledgement(s, now);
            hear_bytes(s, now);
        }
        talk(now);
    }
}

void Peer::hear_acknowledgement(const Segment& s, std::uint64_t now) {
    if (!s.ack) return complain("no ACK");
    if (distance(next_, s.acknowledgement) > 0) return complain("acknowledges what was never sent");
    const std::uint32_t window = s.window << send_shift_;
    const bool newer = distance(wl1_, s.sequence) > 0 || (wl1_ == s.sequence && distance(wl2_, s.acknowledgement) >= 0);
    if (newer) {
        send_window_ = window;
        wl1_ = s.sequence;
        wl2_ = s.acknowledgement;
    }
    if (distance(una_, s.acknowledgement) > 0) {
        una_ = s.acknowledgement;
        duplicates_ = 0;
        if (next_ != una_) longest_silence_ = std::max(longest_silence_, now - progress_at_);
        progress_at_ = now;
        retransmit_at_ = una_ == next_ ? 0 : now + time_out_us;
        if (recovering_ && distance(una_, recovery_end_) <= 0)
            recovering_ = false;
        else if (recovering_)
            send_again(now);  // the next hole
        return;
    }
    if (s.acknowledgement != una_ || s.length() != 0 || una_ == next_) return;
    if (++duplicates_ == 3 && !recovering_) {
        recovering_ = true;
        recovery_end_ = next_;
        send_again(now);
    }
}

void Peer::hear_bytes(const Segment& s, std::uint64_t now) {
    if (s.length() == 0) {
        const std::uint32_t expected = irs_ + 1 + in_ + (fin_in_ ? 1 : 0);
        if (distance(s.sequence, expected) > 0) acknowledge_now();  // a probe
        return;
    }
    const std::uint32_t position = s.sequence - irs_ - 1;
    if (s.bytes != 0 && distance(edge_, s.sequence + s.bytes) > 1) complain("beyond the window");
    if (expected_ != nullptr && s.bytes != 0 && position + s.bytes <= pattern_bytes &&
        std::memcmp(s.data, expected_ + position, s.bytes) != 0)
        return complain("wrong bytes at " + std::to_string(position));
    const std::uint32_t end = position + s.bytes;
    const bool fits = distance(edge_, s.sequence + s.bytes) <= 0;
    if (position > in_ || end < in_ || !fits || (end == in_ && !s.fin) || fin_in_) {
        acknowledge_now();  // a gap, or old news
        return;
    }
    in_ = end;
    if (s.fin) fin_in_ = true;
    const bool second = acknowledge_at_ != 0;
    if (options_.delay_ack_us == 0 || (second && !options_.gathers) || s.fin)
        acknowledge_now();
    else if (!second)
        acknowledge_at_ = now + options_.delay_ack_us;
}

void Peer::talk(std::uint64_t now) {
    if (!established_ || fin_sent_) return;
    while (sent() < out_) {
        const std::uint32_t in_flight = next_ - una_;
        const std::uint32_t room = std::min(send_window_, options_.at_most_in_flight);
        if (in_flight >= room) break;
        const std::uint32_t bytes = std::min({out_ - sent(), room - in_flight, std::uint32_t{mss}});
        if (bytes < mss && bytes < out_ - sent() && in_flight != 0) break;
        if (una_ == next_) progress_at_ = now;
        send(next_, bytes, false, false);
        next_ += bytes;
    }
    if (closing_ && sent() == out_) {
        if (una_ == next_) progress_at_ = now;
        send(next_, 0, false, true);
        next_ += 1;
        fin_sent_ = true;
    }
    if (retransmit_at_ == 0 && (una_ != next_ || sent() < out_)) retransmit_at_ = now + time_out_us;
}

// The first segment that is not acknowledged.
void Peer::send_again(std::uint64_t now) {
    retransmit_at_ = now + time_out_us;
    if (!established_) return send(iss_, 0, true, false);
    const std::uint32_t end = next_ - (fin_sent_ ? 1 : 0);
    const std::uint32_t bytes = std::min<std::uint32_t>(mss, end - una_);
    if (bytes != 0)
        send(una_, bytes, false, false);
    else
        send(una_, 0, false, fin_sent_);
}

void Peer::tick(std::uint64_t now) {
    if (acknowledge_at_ != 0 && now >= acknowledge_at_) acknowledge_now();
    talk(now);
    if (retransmit_at_ == 0 || now < retransmit_at_) return;
    if (una_ == next_) {  // the window has been closed for long: a byte asks whether it still is
        retransmit_at_ = 0;
        if (!established_ || sent() == out_) return;
        send(next_++, 1, false, false);
        retransmit_at_ = now + time_out_us;
        return;
    }
    if (send_window_ != 0) ++timeouts_;
    recovering_ = true;
    recovery_end_ = next_;
    send_again(now);
}

std::uint64_t Peer::next_timer() const {
    std::uint64_t next = ~std::uint64_t{0};
    if (acknowledge_at_ != 0) next = acknowledge_at_;
    if (retransmit_at_ != 0) next = std::min(next, retransmit_at_);
    return next;
}

}  // namespace tcp_test
