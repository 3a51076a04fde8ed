// The records of connections. inet writes format 2 of its state; inet@2 reads that and writes format 3, in which they have
// another layout: it keeps to format 2 until its probation is over, so that inet can take over again (docs/inet.md).
#pragma once

#include <ant/records.hpp>

#include <cstdint>

namespace ant::inet_server {

// Everything of a control block that lwIP could not work out again. Bytes that were received or are to be sent are not
// here, but in areas; times are those of the system's clock, which outlives processes.
struct TcpRecord {
    std::uint32_t local_ip, remote_ip;  // as lwIP has them: network byte order
    std::uint16_t local_port, remote_port;
    std::uint32_t socket;    // number of the socket that it belongs to, 0: none (any more)
    std::uint32_t listener;  // half open, or waiting to be accepted: number of the listening socket
    std::uint8_t state;      // tcp_state
    std::uint8_t ttl, tos, so_options;
    std::uint16_t flags;  // those of lwIP that outlive a process
    std::uint16_t mss;
    std::uint32_t rcv_nxt, right_edge;  // received; announced
    std::uint32_t lastack, snd_nxt;     // acknowledged; sent
    std::uint32_t snd_wnd, snd_wnd_max, snd_wl1, snd_wl2;
    std::uint32_t cwnd, ssthresh;
    std::int16_t sa, sv, rto;
    std::uint8_t nrtx, prio;
    std::uint32_t active_ms;  // when it was last active: sys_now()
    std::uint32_t keep_idle, keep_intvl;
    std::uint16_t keep_cnt;
    std::uint8_t keep_cnt_sent;
    std::uint8_t persist_backoff, persist_cnt, persist_probe;
    std::uint8_t snd_scale, rcv_scale;
};
static_assert(std::is_trivially_copyable_v<TcpRecord> && sizeof(TcpRecord) == 96);

// In format 3: two ends, two directions, and what belongs to timers.
struct TcpRecord3 {
    std::uint64_t remote, local;  // port << 32 | address
    struct Received {
        std::uint32_t next, edge;
    } received;
    struct Sent {
        std::uint32_t acknowledged, next, window, greatest_window, update_sequence, update_acknowledged;
        std::uint32_t congestion_window, threshold;
    } sent;
    std::uint32_t listener, socket;
    std::uint32_t active_ms, keep_idle, keep_intvl;
    std::int16_t sa, sv, rto;
    std::uint16_t keep_cnt, mss, flags;
    std::uint8_t persist_backoff, persist_cnt, persist_probe, keep_cnt_sent;
    std::uint8_t scales;  // received << 4 | sent
    std::uint8_t state, nrtx, prio, ttl, tos, so_options, reserved[5];
};
static_assert(std::is_trivially_copyable_v<TcpRecord3> && sizeof(TcpRecord3) == 104);

constexpr TcpRecord3 to_format_3(const TcpRecord& r) {
    return {.remote = std::uint64_t{r.remote_port} << 32 | r.remote_ip,
            .local = std::uint64_t{r.local_port} << 32 | r.local_ip,
            .received = {r.rcv_nxt, r.right_edge},
            .sent = {r.lastack, r.snd_nxt, r.snd_wnd, r.snd_wnd_max, r.snd_wl1, r.snd_wl2, r.cwnd, r.ssthresh},
            .listener = r.listener,
            .socket = r.socket,
            .active_ms = r.active_ms,
            .keep_idle = r.keep_idle,
            .keep_intvl = r.keep_intvl,
            .sa = r.sa,
            .sv = r.sv,
            .rto = r.rto,
            .keep_cnt = r.keep_cnt,
            .mss = r.mss,
            .flags = r.flags,
            .persist_backoff = r.persist_backoff,
            .persist_cnt = r.persist_cnt,
            .persist_probe = r.persist_probe,
            .keep_cnt_sent = r.keep_cnt_sent,
            .scales = static_cast<std::uint8_t>(r.rcv_scale << 4 | (r.snd_scale & 0xf)),
            .state = r.state,
            .nrtx = r.nrtx,
            .prio = r.prio,
            .ttl = r.ttl,
            .tos = r.tos,
            .so_options = r.so_options,
            .reserved = {}};
}

constexpr TcpRecord from_format_3(const TcpRecord3& r) {
    return {.local_ip = static_cast<std::uint32_t>(r.local),
            .remote_ip = static_cast<std::uint32_t>(r.remote),
            .local_port = static_cast<std::uint16_t>(r.local >> 32),
            .remote_port = static_cast<std::uint16_t>(r.remote >> 32),
            .socket = r.socket,
            .listener = r.listener,
            .state = r.state,
            .ttl = r.ttl,
            .tos = r.tos,
            .so_options = r.so_options,
            .flags = r.flags,
            .mss = r.mss,
            .rcv_nxt = r.received.next,
            .right_edge = r.received.edge,
            .lastack = r.sent.acknowledged,
            .snd_nxt = r.sent.next,
            .snd_wnd = r.sent.window,
            .snd_wnd_max = r.sent.greatest_window,
            .snd_wl1 = r.sent.update_sequence,
            .snd_wl2 = r.sent.update_acknowledged,
            .cwnd = r.sent.congestion_window,
            .ssthresh = r.sent.threshold,
            .sa = r.sa,
            .sv = r.sv,
            .rto = r.rto,
            .nrtx = r.nrtx,
            .prio = r.prio,
            .active_ms = r.active_ms,
            .keep_idle = r.keep_idle,
            .keep_intvl = r.keep_intvl,
            .keep_cnt = r.keep_cnt,
            .keep_cnt_sent = r.keep_cnt_sent,
            .persist_backoff = r.persist_backoff,
            .persist_cnt = r.persist_cnt,
            .persist_probe = r.persist_probe,
            .snd_scale = static_cast<std::uint8_t>(r.scales & 0xf),
            .rcv_scale = static_cast<std::uint8_t>(r.scales >> 4)};
}

namespace state_format {
inline constexpr std::uint32_t first = 2, second = 3;
}

// The table of one state format, with the interface of Records<TcpRecord>.
class BothFormats {
public:
    static constexpr std::uint32_t format = state_format::second;  // that is written in the end
    static constexpr std::uint64_t readable = 1 << state_format::first | 1 << state_format::second;
    static constexpr Table table(std::uint32_t in, std::uint16_t kind, std::uint32_t capacity) {
        return in == state_format::first ? table_of<TcpRecord>(kind, version(in), capacity)
                                         : table_of<TcpRecord3>(kind, version(in), capacity);
    }
    static constexpr std::uint16_t version(std::uint32_t in) { return in == state_format::first ? 1 : 2; }

    BothFormats() = default;
    BothFormats(const RecordStore& store, std::uint32_t in, std::uint16_t kind) {
        if (in == state_format::first)
            first_ = store.table<TcpRecord>(kind, version(in));
        else
            second_ = store.table<TcpRecord3>(kind, version(in));
    }
    [[nodiscard]] unsigned capacity() const { return first_ ? first_.capacity() : second_.capacity(); }
    void commit(unsigned index, const TcpRecord& record) {
        if (first_)
            first_.commit(index, record);
        else
            second_.commit(index, to_format_3(record));
    }
    void erase(unsigned index) {
        if (first_)
            first_.erase(index);
        else
            second_.erase(index);
    }
    template <class F>
    void each_unchecked(F&& f) const {
        if (first_) return first_.each_unchecked(f);
        second_.each_unchecked([&](unsigned index, const TcpRecord3& record) { f(index, from_format_3(record)); });
    }
    [[nodiscard]] record::Found load(unsigned index, TcpRecord& out) const {
        if (first_) return first_.load(index, out);
        TcpRecord3 record{};
        const record::Found found = second_.load(index, record);
        if (found == record::Found::good) out = from_format_3(record);
        return found;
    }

private:
    Records<TcpRecord> first_;
    Records<TcpRecord3> second_;
};

// Knows nothing of format 3.
class FirstFormat : public Records<TcpRecord> {
public:
    static constexpr std::uint32_t format = state_format::first;
    static constexpr std::uint64_t readable = 1 << state_format::first;
    static constexpr Table table(std::uint32_t, std::uint16_t kind, std::uint32_t capacity) {
        return table_of<TcpRecord>(kind, version(format), capacity);
    }
    static constexpr std::uint16_t version(std::uint32_t) { return 1; }

    FirstFormat() = default;
    FirstFormat(const Records<TcpRecord>& records) : Records{records} {}  // NOLINT: it is nothing else
    FirstFormat(const RecordStore& store, std::uint32_t in, std::uint16_t kind)
        : Records{store.table<TcpRecord>(kind, version(in))} {}
};

#if defined(INET_VERSION) && INET_VERSION == 2
using ConnectionRecords = BothFormats;
#else
using ConnectionRecords = FirstFormat;
#endif

}  // namespace ant::inet_server
