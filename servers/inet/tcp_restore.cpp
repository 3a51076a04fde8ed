#include "tcp_restore.hpp"

#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <lwip_hooks.h>

#include <algorithm>
#include <utility>

namespace ant::inet_server {

namespace {

// The rest is about what is queued, and made anew.
constexpr tcpflags_t lasting_flags = TF_CLOSEPEND | TF_RXCLOSED | TF_FIN | TF_NODELAY | TF_WND_SCALE | TF_BACKLOGPEND | TF_SACK;
constexpr std::uint16_t write_step = 32 * 1024;      // lwIP counts in 16 bits
constexpr unsigned counted_segments = 2;             // by lwIP, for each acknowledgement in slow start
constexpr unsigned probe_segments = 2;               // a peer that delays its acknowledgements answers the second
constexpr std::uint32_t first_bytes = 16 * TCP_MSS;  // of a new connection: a peer that begins slowly does not wait

// After resuming: who has not answered is asked again soon, since either segment may have been lost.
constexpr std::uint32_t first_look_ms = 3;
constexpr unsigned looks = 6;  // each after twice the time
constexpr std::uint32_t recently_ms = 2000;
constexpr unsigned duplicate_acks = 4;  // a peer takes three for a loss (RFC 5681), but the first may open the window as well

Connections* the_connections = nullptr;

// A FIN that has been queued, and not acknowledged, is what these states mean.
bool fin_queued(const tcp_pcb& pcb) { return pcb.state == FIN_WAIT_1 || pcb.state == CLOSING || pcb.state == LAST_ACK; }
bool receives(const tcp_pcb& pcb) { return pcb.state == ESTABLISHED || pcb.state == FIN_WAIT_1 || pcb.state == FIN_WAIT_2; }

std::uint32_t milliseconds(std::uint32_t ticks) { return ticks * TCP_SLOW_INTERVAL; }

void restore_identity(tcp_pcb& pcb, const TcpRecord& record) {
    ip4_addr_set_u32(ip_2_ip4(&pcb.local_ip), record.local_ip);
    ip4_addr_set_u32(ip_2_ip4(&pcb.remote_ip), record.remote_ip);
    pcb.local_port = record.local_port;
    pcb.remote_port = record.remote_port;
    pcb.ttl = record.ttl;
    pcb.tos = record.tos;
    pcb.so_options = record.so_options;
    pcb.prio = record.prio;
    pcb.state = static_cast<tcp_state>(record.state);
    pcb.flags = record.flags & static_cast<tcpflags_t>(lasting_flags & ~(TF_BACKLOGPEND | TF_CLOSEPEND));
}

// The window never shrinks: what was announced is still there.
void restore_receiver(tcp_pcb& pcb, const TcpRecord& record, std::uint32_t unread) {
    pcb.rcv_nxt = record.rcv_nxt;
    pcb.rcv_scale = record.rcv_scale;
    pcb.rcv_ann_right_edge = record.right_edge;
    if (pcb.state == SYN_SENT) return;  // as tcp_alloc has set it
    pcb.rcv_wnd = TCP_WND_MAX(&pcb) - std::min<tcpwnd_size_t>(unread, TCP_WND_MAX(&pcb));
    (void)tcp_update_rcv_ann_wnd(&pcb);
}

void restore_sender(tcp_pcb& pcb, const TcpRecord& record) {
    pcb.lastack = record.lastack;
    pcb.snd_nxt = record.snd_nxt;
    pcb.snd_lbb = record.lastack;  // what follows is queued by requeue()
    pcb.snd_wnd = record.snd_wnd;
    pcb.snd_wnd_max = record.snd_wnd_max;
    pcb.snd_wl1 = record.snd_wl1;
    pcb.snd_wl2 = record.snd_wl2;
    pcb.snd_scale = record.snd_scale;
    pcb.mss = record.mss;
    pcb.cwnd = record.cwnd;
    pcb.ssthresh = record.ssthresh;
}

void restore_timers(tcp_pcb& pcb, const TcpRecord& record) {
    pcb.sa = record.sa;
    pcb.sv = record.sv;
    pcb.rto = record.rto;
    pcb.nrtx = record.nrtx;
    pcb.tmr = tcp_ticks - (sys_now() - record.active_ms) / TCP_SLOW_INTERVAL;
    pcb.keep_idle = record.keep_idle;
    pcb.keep_intvl = record.keep_intvl;
    pcb.keep_cnt = record.keep_cnt;
    pcb.keep_cnt_sent = record.keep_cnt_sent;
}

// The persist timer runs over unsent bytes only.
void restore_persist(tcp_pcb& pcb, const TcpRecord& record) {
    if (pcb.unsent == nullptr) return;
    pcb.persist_backoff = record.persist_backoff;
    pcb.persist_cnt = record.persist_cnt;
    pcb.persist_probe = record.persist_probe;
}

bool plausible(const TcpRecord& record) {
    return record.state >= SYN_SENT && record.state <= TIME_WAIT && record.mss != 0 && record.snd_scale <= 14 &&
           record.rcv_scale <= TCP_RCV_SCALE && record.persist_backoff <= 7 && record.rto >= 0;
}

void hand_to_lwip(tcp_pcb& pcb) {
    if (pcb.state == TIME_WAIT)
        TCP_REG(&tcp_tw_pcbs, &pcb);
    else
        TCP_REG_ACTIVE(&pcb);
}

void wait_for_accept(tcp_pcb& pcb, tcp_pcb* listener, bool pending) {
    if (listener == nullptr) return;
    pcb.listener = reinterpret_cast<tcp_pcb_listen*>(listener);
    if (pcb.state == SYN_RCVD) pcb.callback_arg = listener->callback_arg;
    if (pending) tcp_backlog_delayed(&pcb);
}

// -> bytes taken of `piece`; fewer: no room or no memory
std::uint32_t write_piece(tcp_pcb& pcb, const SendPiece& piece, bool more) {
    std::uint32_t done = 0;
    while (done < piece.bytes) {
        const std::uint32_t count = std::min<std::uint32_t>({piece.bytes - done, pcb.snd_buf, write_step});
        const bool last = !more && done + count == piece.bytes;
        const auto* from = static_cast<const std::uint8_t*>(piece.address) + done;
        if (count == 0 ||
            tcp_write(&pcb, from, static_cast<u16_t>(count), static_cast<u8_t>(last ? 0 : TCP_WRITE_FLAG_MORE)) != ERR_OK)
            break;
        done += count;
    }
    return done;
}

std::uint32_t write_pieces(tcp_pcb& pcb, std::span<const SendPiece> pieces) {
    std::uint32_t done = 0;
    for (const SendPiece& piece : pieces) {
        const std::uint32_t taken = write_piece(pcb, piece, &piece != &pieces.back());
        done += taken;
        if (taken < piece.bytes) break;
    }
    return done;
}

// In slow start lwIP lets two segments more be under way for each acknowledgement (RFC 3465), as if each acknowledged two. One
// that is for many, as those of hosts that join what arrives, counts for up to eight (RFC 9406, for senders that do not pace).
void count_large_acknowledgement(tcp_pcb& pcb, std::uint32_t acknowledged) {
    constexpr unsigned most = 8;
    const bool slow_start = pcb.state >= ESTABLISHED && pcb.cwnd < pcb.ssthresh && (pcb.flags & (TF_RTO | TF_INFR)) == 0;
    if (!slow_start) return;
    const std::uint32_t uncounted = std::min<std::uint32_t>(acknowledged, most * pcb.mss) - counted_segments * pcb.mss;
    pcb.cwnd += std::min<std::uint32_t>(uncounted, pcb.ssthresh - pcb.cwnd);
}

}  // namespace

TcpRecord save_tcp(const tcp_pcb& pcb) {
    TcpRecord r{};
    r.local_ip = ip4_addr_get_u32(ip_2_ip4(&pcb.local_ip));
    r.remote_ip = ip4_addr_get_u32(ip_2_ip4(&pcb.remote_ip));
    r.local_port = pcb.local_port;
    r.remote_port = pcb.remote_port;
    r.state = static_cast<std::uint8_t>(pcb.state);
    r.ttl = pcb.ttl;
    r.tos = pcb.tos;
    r.so_options = pcb.so_options;
    r.flags = pcb.flags & lasting_flags;
    r.mss = pcb.mss;
    r.rcv_nxt = pcb.rcv_nxt;
    r.right_edge = pcb.rcv_ann_right_edge;
    r.lastack = pcb.lastack;
    r.snd_nxt = pcb.snd_nxt;
    r.snd_wnd = pcb.snd_wnd;
    r.snd_wnd_max = pcb.snd_wnd_max;
    r.snd_wl1 = pcb.snd_wl1;
    r.snd_wl2 = pcb.snd_wl2;
    r.cwnd = pcb.cwnd;
    r.ssthresh = pcb.ssthresh;
    r.sa = pcb.sa;
    r.sv = pcb.sv;
    r.rto = pcb.rto;
    r.nrtx = pcb.nrtx;
    r.prio = pcb.prio;
    r.active_ms = sys_now() - milliseconds(tcp_ticks - pcb.tmr);
    r.keep_idle = pcb.keep_idle;
    r.keep_intvl = pcb.keep_intvl;
    r.keep_cnt = static_cast<std::uint16_t>(pcb.keep_cnt);
    r.keep_cnt_sent = pcb.keep_cnt_sent;
    r.persist_backoff = pcb.persist_backoff;
    r.persist_cnt = pcb.persist_cnt;
    r.persist_probe = pcb.persist_probe;
    r.snd_scale = pcb.snd_scale;
    r.rcv_scale = pcb.rcv_scale;
    return r;
}

// tcp_bind would refuse a port that connections have already.
tcp_pcb* restore_listener(std::uint32_t ip, std::uint16_t port, std::uint8_t so_options, std::uint8_t backlog) {
    tcp_pcb* pcb = tcp_new();
    if (pcb == nullptr) return nullptr;
    ip4_addr_set_u32(ip_2_ip4(&pcb->local_ip), ip);
    pcb->local_port = port;
    pcb->so_options = so_options;
    TCP_REG(&tcp_bound_pcbs, pcb);
    tcp_pcb* listener = tcp_listen_with_backlog(pcb, backlog);
    if (listener == nullptr) tcp_abort(pcb);
    return listener;
}

// Which connections there are ------------------------------------------------------------------------------

void Connections::start(const ConnectionRecords& records, Refill refill) {
    the_connections = this;
    records_ = records;
    refill_ = refill;
    id_ = tcp_ext_arg_alloc_id();
    records_.each_unchecked([this](unsigned index, const TcpRecord&) { slots_[index].left = true; });
    for (unsigned i = capacity; i-- != 0;)
        if (!slots_[i].left) release(slots_[i]);
}

void Connections::release(Slot& slot) {
    slot.next = free_;
    free_ = &slot;
}

Connections::Slot* Connections::slot_of(const tcp_pcb& pcb) const {
    if (pcb.state == LISTEN) return nullptr;
    return static_cast<Slot*>(tcp_ext_arg_get(&pcb, id_));
}

void Connections::attach(Slot& slot, tcp_pcb& pcb) {
    static constexpr tcp_ext_arg_callbacks callbacks{.destroy = ended, .passive_open = nullptr};
    slot.pcb = &pcb;
    slot.phase = Phase::live;
    slot.hurry = slot.resumed = slot.begun_here = false;
    slot.socket = slot.listener = 0;
    slot.short_end = pcb.lastack;
    slot.withheld = 0;
    tcp_ext_arg_set(&pcb, id_, &slot);
    tcp_ext_arg_set_callbacks(&pcb, id_, &callbacks);
}

Connections::Slot* Connections::take(tcp_pcb& pcb) {
    Slot* slot = free_;
    if (slot == nullptr) return nullptr;
    free_ = slot->next;
    attach(*slot, pcb);
    slot->hurry = slot->begun_here = true;
    slot->edge = pcb.rcv_nxt + first_bytes;
    mark(*slot);
    return slot;
}

bool Connections::add(tcp_pcb& pcb, std::uint32_t socket) {
    Slot* slot = take(pcb);
    if (slot == nullptr) return false;
    slot->socket = socket;
    return true;
}

// The additional argument of a listener is its socket's number.
void Connections::add_listener(tcp_pcb& listener, std::uint32_t socket) {
    static constexpr tcp_ext_arg_callbacks callbacks{.destroy = nullptr, .passive_open = opened};
    tcp_ext_arg_set(&listener, id_, reinterpret_cast<void*>(std::uintptr_t{socket}));
    tcp_ext_arg_set_callbacks(&listener, id_, &callbacks);
}

// A connection request for a listener: its answer leaves when there is a record.
err_t Connections::opened(std::uint8_t id, tcp_pcb_listen* listener, tcp_pcb* pcb) {
    Slot* slot = the_connections->take(*pcb);
    if (slot == nullptr) return ERR_MEM;
    const auto* argument = tcp_ext_arg_get(reinterpret_cast<tcp_pcb*>(listener), id);
    slot->listener = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(argument));
    return ERR_OK;
}

// The record stays until the next commit: what became of the connection may have to be recorded first.
void Connections::ended(std::uint8_t, void* data) {
    auto& slot = *static_cast<Slot*>(data);
    slot.pcb = nullptr;
    the_connections->mark(slot);
    the_connections->release(slot);
}

void Connections::set_socket(tcp_pcb& pcb, std::uint32_t socket) {
    Slot* slot = slot_of(pcb);
    if (slot == nullptr) return;
    slot->socket = socket;
    mark(*slot);
}

bool Connections::touch(tcp_pcb& pcb) {
    Slot* slot = slot_of(pcb);
    if (slot == nullptr) return true;
    refill(*slot);
    mark(*slot);
    return slot->pcb != nullptr;
}

// Records --------------------------------------------------------------------------------------------------

void Connections::mark(Slot& slot) {
    if (slot.changed) return;
    slot.changed = true;
    slot.next_changed = changed_;
    changed_ = &slot;
}

TcpRecord Connections::record_of(const Slot& slot) const {
    TcpRecord record = slot.phase == Phase::restored ? slot.record : save_tcp(*slot.pcb);
    if (slot.phase == Phase::probing) record.cwnd = slot.cwnd;
    record.socket = slot.socket;
    record.listener = slot.pcb->listener == nullptr ? 0 : slot.listener;
    return record;
}

void Connections::commit() {
    while (Slot* slot = changed_) {
        const auto index = static_cast<unsigned>(slot - slots_);
        if (slot->pcb != nullptr)
            records_.commit(index, record_of(*slot));
        else
            records_.erase(index);
        changed_ = slot->next_changed;
        slot->changed = false;
    }
}

bool Connections::segment_arrives(tcp_pcb& pcb, const tcp_hdr& header, std::uint32_t bytes) {
    Slot* slot = slot_of(pcb);
    if (slot == nullptr) return true;
    refill(*slot);
    if (slot->pcb == nullptr) return false;
    mark(*slot);
    if (several_active()) [[unlikely]]
        recent_[recent_index(ip4_addr_get_u32(ip_2_ip4(&pcb.remote_ip)), pcb.remote_port, pcb.local_port)] = slot;
    const bool answer = (TCPH_FLAGS(&header) & TCP_ACK) != 0 && TCP_SEQ_BETWEEN(header.ackno, pcb.lastack + 1, pcb.snd_nxt);
    if (slot->phase == Phase::probing && answer) {
        slot->phase = Phase::live;
        pcb.cwnd = std::max<tcpwnd_size_t>(pcb.cwnd, slot->cwnd);
    }
    if (answer && header.ackno - pcb.lastack > counted_segments * pcb.mss) [[unlikely]]
        count_large_acknowledgement(pcb, header.ackno - pcb.lastack);
    if (pcb.state == SYN_SENT) slot->edge = header.seqno + first_bytes;
    slot->hurry = slot->hurry && TCP_SEQ_LT(pcb.rcv_nxt, slot->edge);
    const bool several = bytes > pcb.mss;  // joined by us: every second one is acknowledged
    if (several || (slot->hurry && bytes != 0)) tcp_set_flags(&pcb, TF_ACK_DELAY);  // as if it were the second one
    // What was sent twice is acknowledged twice: after its last segment the connection goes on to TIME_WAIT, so that
    // the second one does not meet a reset.
    if (slot->resumed && pcb.state == LAST_ACK) pcb.state = CLOSING;
    return true;
}

err_t Connections::output_after_input(tcp_pcb& pcb) {
    Slot* slot = together_ ? slot_of(pcb) : nullptr;
    if (slot == nullptr) return tcp_output(&pcb);
    if (slot->answering) return ERR_OK;
    slot->answering = true;
    slot->next_answering = answering_;
    answering_ = slot;
    return ERR_OK;
}

bool Connections::answer_input() {
    if (answering_ == nullptr) return false;
    while (Slot* slot = answering_) {
        answering_ = slot->next_answering;
        slot->answering = false;
        if (slot->pcb != nullptr) (void)tcp_output(slot->pcb);
    }
    return true;
}

// Nagle's rule in Minshall's form (RFC 9293, A.3): the end of what an application has sent waits only while another short
// segment is not acknowledged, not while full ones are. Bytes that more are to follow wait as in RFC 896.
bool Connections::short_segment_leaves(const tcp_pcb& pcb) {
    Slot* slot = slot_of(pcb);
    if (slot == nullptr) return true;
    const tcp_hdr& header = *pcb.unsent->tcphdr;
    const std::uint32_t end = lwip_ntohl(header.seqno) + pcb.unsent->len;
    const bool another = slot->short_end != end && TCP_SEQ_BETWEEN(slot->short_end, pcb.lastack + 1, pcb.snd_nxt);
    const bool ends = (TCPH_FLAGS(&header) & TCP_PSH) != 0;
    if ((another || !ends) && !tcp_do_output_nagle(&pcb)) return false;
    slot->short_end = end;
    return true;
}

// A new connection in which both ends speak in turn needs no hurry: what is received is acknowledged with the answer.
void Connections::segment_leaves(const tcp_pcb& pcb) {
    Slot* slot = slot_of(pcb);
    if (slot == nullptr) return;
    mark(*slot);
    const std::uint32_t first = slot->edge - first_bytes + 1;  // behind the peer's SYN
    if (slot->hurry && !slot->resumed && pcb.unsent != nullptr && TCP_SEQ_GT(pcb.rcv_nxt, first)) slot->hurry = false;
}

// Restoring ------------------------------------------------------------------------------------------------

tcp_pcb* Connections::restore(unsigned index, const TcpRecord& record, std::uint32_t unread, tcp_pcb* listener) {
    if (index >= capacity || !slots_[index].left || !plausible(record)) return nullptr;
    tcp_pcb* pcb = tcp_alloc(record.prio);
    if (pcb == nullptr) return nullptr;
    restore_identity(*pcb, record);
    restore_receiver(*pcb, record, unread);
    restore_sender(*pcb, record);
    restore_timers(*pcb, record);
    wait_for_accept(*pcb, listener, (record.flags & TF_BACKLOGPEND) != 0);
    hand_to_lwip(*pcb);

    Slot& slot = slots_[index];
    slot.left = false;
    attach(slot, *pcb);
    slot.phase = Phase::restored;
    slot.socket = record.socket;
    slot.listener = record.listener;
    slot.record = record;
    return pcb;
}

void Connections::forget(unsigned index) {
    records_.erase(index);
    if (std::exchange(slots_[index].left, false)) release(slots_[index]);
}

// It is then as after a retransmission time-out: everything is to be sent (again), but the peer may acknowledge
// all up to snd_nxt.
Result<std::uint32_t> Connections::requeue(tcp_pcb& pcb, std::span<const SendPiece> pieces) {
    const tcp_state state = pcb.state;
    const std::uint32_t fin = fin_queued(pcb) ? 1 : 0;
    const std::uint32_t sent = pcb.snd_nxt - pcb.lastack;
    if (state == SYN_SENT || state == SYN_RCVD) {
        if (tcp_enqueue_flags(&pcb, state == SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK) != ERR_OK) return Failure(Error::no_memory);
        return 0;
    }
    std::uint32_t offered = 0;
    for (const SendPiece& piece : pieces) offered += piece.bytes;
    const std::uint32_t needed = fin != 0 ? offered : sent;
    if (offered + fin < sent) return Failure(Error::state_refused);
    pcb.snd_buf = std::max<tcpwnd_size_t>(pcb.snd_buf, needed);  // a record may be older than what was written
    pcb.state = ESTABLISHED;                                     // in which lwIP takes bytes
    const std::uint32_t taken = write_pieces(pcb, pieces);
    pcb.state = state;
    if (taken < needed) return Failure(Error::no_memory);
    pcb.snd_buf = std::min<tcpwnd_size_t>(pcb.snd_buf, TCP_SND_BUF);
    if (fin != 0 && tcp_send_fin(&pcb) != ERR_OK) return Failure(Error::no_memory);
    return taken;
}

void Connections::refill(Slot& slot) {
    if (slot.phase != Phase::restored) return;
    tcp_pcb& pcb = *slot.pcb;
    probe(slot);
    refill_(pcb);
    if (slot.pcb == nullptr) return;  // aborted
    restore_persist(pcb, slot.record);
    if ((slot.record.flags & TF_CLOSEPEND) != 0) tcp_set_flags(&pcb, TF_CLOSEPEND);
}

void Connections::probe(Slot& slot) {
    tcp_pcb& pcb = *slot.pcb;
    if (slot.phase != Phase::probing) slot.cwnd = pcb.cwnd;
    slot.phase = Phase::probing;
    pcb.cwnd = std::min<tcpwnd_size_t>(pcb.cwnd, probe_segments * pcb.mss);
}

void Connections::resume(Lost lost) {
    for (Slot& slot : slots_)
        if (slot.pcb != nullptr && (lost == Lost::by_driver || !slot.begun_here)) resume(slot);
    looks_ = 0;
    sys_untimeout(look_again, this);
    sys_timeout(first_look_ms, look_again, this);
}

void Connections::resume(Slot& slot) {
    refill(slot);
    if (slot.pcb == nullptr) return;
    tcp_pcb& pcb = *slot.pcb;
    slot.seen = slot.asked = pcb.rcv_nxt;
    slot.edge = pcb.rcv_ann_right_edge;
    slot.hurry = receives(pcb);
    slot.resumed = true;
    send_again(slot);
    if (pcb.state == SYN_SENT || pcb.state == SYN_RCVD) return;
    const bool window_closed = pcb.snd_wnd == 0 && pcb.unsent != nullptr && pcb.unacked == nullptr;
    if (window_closed)
        (void)tcp_zero_window_probe(&pcb);  // the peer may have opened it meanwhile
    else if ((pcb.flags & TF_ACK_NOW) != 0)
        (void)tcp_send_empty_ack(&pcb);
}

// And with it what has been received.
void Connections::send_again(Slot& slot) {
    tcp_pcb& pcb = *slot.pcb;
    if (tcp_rexmit_rto_prepare(&pcb) == ERR_OK) probe(slot);
    if (pcb.state >= ESTABLISHED) tcp_ack_now(&pcb);
    (void)tcp_output(&pcb);
}

// As long as something comes that had been lost the next hole is near.
void Connections::look_again(void* self) {
    auto& all = *static_cast<Connections*>(self);
    bool progress = false;
    for (Slot& slot : all.slots_)
        if (slot.pcb != nullptr) progress |= all.look_again(slot);
    all.looks_ = progress ? 0 : all.looks_ + 1;
    if (all.looks_ < looks) sys_timeout(first_look_ms << all.looks_, look_again, self);
}

// Segments of the peer that were lost: it sends them again at once if it hears several times that they are missing.
// -> something has arrived since we looked last
bool Connections::look_again(Slot& slot) {
    tcp_pcb& pcb = *slot.pcb;
    if (slot.phase == Phase::probing && pcb.unacked != nullptr) send_again(slot);
    if (!slot.hurry || !receives(pcb) || !TCP_SEQ_LT(pcb.rcv_nxt, slot.edge)) return false;
    const bool progress = pcb.rcv_nxt != slot.seen;
    slot.seen = pcb.rcv_nxt;
    const bool idle = milliseconds(tcp_ticks - pcb.tmr) > recently_ms;
    if (!progress && !idle) ask(slot);
    return progress;
}

void Connections::ask(Slot& slot) {
    slot.asked = slot.pcb->rcv_nxt;
    for (unsigned i = 0; i < duplicate_acks; ++i) (void)tcp_send_empty_ack(slot.pcb);
}

void Connections::ask_for_holes() {
    for (Slot* slot = changed_; slot != nullptr; slot = slot->next_changed) {
        const tcp_pcb* pcb = slot->pcb;
        if (pcb == nullptr || !slot->hurry || !slot->resumed || pcb->ooseq == nullptr) continue;
        if (receives(*pcb) && pcb->rcv_nxt != slot->asked && TCP_SEQ_LT(pcb->rcv_nxt, slot->edge)) ask(*slot);
    }
}

}  // namespace ant::inet_server

using ant::inet_server::the_connections;

// Before a segment is looked at. Other than ERR_OK: it is dropped.
err_t ant_lwip_connection_receives(tcp_pcb* pcb, const tcp_hdr* header, const pbuf* bytes) {
    return the_connections->segment_arrives(*pcb, *header, bytes->tot_len) ? ERR_OK : ERR_ABRT;
}

// lwIP asks for options that we want to add; a reset may have no control block.
err_t ant_lwip_output_after_input(tcp_pcb* pcb) { return the_connections->output_after_input(*pcb); }

int ant_lwip_short_segment_leaves(tcp_pcb* pcb) { return the_connections->short_segment_leaves(*pcb) ? 1 : 0; }

u32_t* ant_lwip_connection_sends(const tcp_pcb* pcb, u32_t* options) {
    if (pcb != nullptr) the_connections->segment_leaves(*pcb);
    return options;
}
