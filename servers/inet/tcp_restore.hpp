// TCP connections outlive this process: lwIP's control blocks are a cache over records, one per connection, from which the
// next process makes them anew.
//
// Output commit: what a segment tells its peer (what has been received, how far the window goes, what has been sent) is
// in a record before the segment leaves. Each control block that receives or sends a segment is marked by lwIP's hooks;
// Connections::commit() writes the records of those that are marked, and whoever hands a batch to the driver, or an
// answer to an AP, calls it first.
#pragma once

#include "connection_records.hpp"
#include "segment_name.hpp"

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include <cstdint>
#include <span>

namespace ant::inet_server {

// Bytes of a stream that are not acknowledged, where they lie: in memory that stays until they are.
struct SendPiece {
    const void* address;
    std::uint32_t bytes;
};

TcpRecord save_tcp(const tcp_pcb& pcb);  // without `socket` and `listener`

// A listening control block. nullptr: no memory.
tcp_pcb* restore_listener(std::uint32_t ip, std::uint16_t port, std::uint8_t so_options, std::uint8_t backlog);

class Connections {
public:
    static constexpr unsigned capacity = MEMP_NUM_TCP_PCB;
    // Called when a restored connection is needed for the first time: gives it its bytes with requeue().
    using Refill = void (*)(tcp_pcb& pcb);

    // After lwip_init. `records` has `capacity` places. There is one object of this class.
    void start(const ConnectionRecords& records, Refill refill);
    // They lie elsewhere now.
    void use_records(const ConnectionRecords& records) { records_ = records; }

    // New connections of `socket`: before tcp_connect, and after listening began. Those of listeners come by themselves.
    // False: there are too many.
    bool add(tcp_pcb& pcb, std::uint32_t socket);
    void add_listener(tcp_pcb& listener, std::uint32_t socket);
    // It belongs to this socket now; 0: to none, lwIP ends it by itself.
    void set_socket(tcp_pcb& pcb, std::uint32_t socket);
    // Before anything is done with it (tcp_write, tcp_recved, tcp_sndbuf, options, tcp_close): its record will be written
    // anew. Not needed for segments that arrive, nor for those that lwIP sends by itself. False: it has ended.
    bool touch(tcp_pcb& pcb);

    [[nodiscard]] bool changed() const { return changed_ != nullptr; }
    // False while lwIP is in the middle of a segment, whose bytes nobody has yet: commit() must wait, and nothing may
    // leave (linkoutput: ERR_MEM, lwIP tries again).
    [[nodiscard]] static bool may_commit() { return tcp_input_pcb == nullptr; }
    // Writes the records of the connections that changed, and erases those of connections that ended. A socket's own
    // record must be written before: one that says "connected" and has no connection record was cut off.
    void commit();

    // From a record that start() has found, before a segment for it is received; nullptr: no memory, or the record
    // cannot be. `unread`: bytes that were received and are still to be fetched. `listener`: that of record.listener,
    // nullptr if it is gone. The caller sets the callbacks, and may have moved rcv_nxt on to the end of what it has.
    tcp_pcb* restore(unsigned index, const TcpRecord& record, std::uint32_t unread, tcp_pcb* listener);
    // A record that start() has found is not to be restored.
    void forget(unsigned index);
    // Only in Refill: the stream's bytes from lastack on, which is that of the record. What was sent must be among
    // them, of the rest it takes what has room. -> bytes taken. no_memory, state_refused: it cannot go on, abort it.
    Result<std::uint32_t> requeue(tcp_pcb& pcb, std::span<const SendPiece> pieces);
    // Frames may have been lost, by this server's failure or by the driver's: connections say again what they have
    // received, and send again what is not acknowledged, carefully until the peer answers. Call it when the frames
    // that waited have been handled. After a failure of this server alone it is those that were restored: what this process has
    // begun has lost nothing.
    enum class Lost : std::uint8_t { by_server, by_driver };
    void resume(Lost lost);

    // The application has fetched bytes: the peer may send as many more.
    void fetched(tcp_pcb& pcb, std::size_t bytes);
    // The card has lost frames for want of room: for a while no connection's window is opened again
    // beyond what fits into its ring.
    void limit_windows();
    // Before lwIP is to close it: it resets a connection whose window is not open as far as it goes, as one with bytes that
    // nobody has fetched.
    void end_limit(tcp_pcb& pcb) const;
    static constexpr std::uint32_t limited_window = 64 * 1024;

    // While several frames arrive together, a connection answers the last of its segments only.
    void begin_input() { together_ = true; }
    void end_input() { together_ = false; }
    // What it has to answer. -> whether there was anything
    bool answer_input();
    // Of lwIP: it would send now, at the end of a segment's input.
    err_t output_after_input(tcp_pcb& pcb);

    // Of lwIP: the last segment of what is queued is no full one. Whether it leaves now.
    bool short_segment_leaves(const tcp_pcb& pcb);

    // Before lwIP looks for the connection of this frame, which it finds at once if that is one of those that had segments last.
    // -> whether it is
    bool expect(std::span<const std::uint8_t> frame);
    // Whether it is worth it.
    [[nodiscard]] static bool several_active() { return tcp_active_pcbs != nullptr && tcp_active_pcbs->next != nullptr; }

    // After each round: who has filled one hole of several hears at once that there is another. A peer that takes no notice
    // of selective acknowledgements sends but one segment for each three acknowledgements that repeat another (RFC 5681).
    void ask_for_holes();

    // Of lwIP's hooks: a segment with so many bytes arrives for this control block, or one leaves. False: there is none
    // any more.
    bool segment_arrives(tcp_pcb& pcb, const tcp_hdr& header, std::uint32_t bytes);
    void segment_leaves(const tcp_pcb& pcb);

private:
    enum class Phase : std::uint8_t {
        live,
        restored,  // without its bytes
        probing,   // sends little until the peer says what it has
    };
    struct Slot {
        tcp_pcb* pcb = nullptr;  // nullptr: unused
        Slot* next = nullptr;    // of those that are free
        Slot* next_changed = nullptr;
        Slot* next_answering = nullptr;
        Slot* before = nullptr;  // whose control block was before this one in lwIP's list, when we looked last
        bool changed = false;
        bool answering = false;
        bool left = false;   // by the process before: its record waits for restore() or forget()
        bool hurry = false;  // up to `edge` each segment is acknowledged at once: bytes may have been lost, or it begins
        bool resumed = false;
        bool begun_here = false;  // by this process
        Phase phase = Phase::live;
        std::uint32_t socket = 0, listener = 0;
        std::uint32_t cwnd = 0;            // probing: when the peer has answered
        std::uint32_t seen = 0, edge = 0;  // rcv_nxt when we looked last; window when we resumed
        std::uint32_t asked = 0;           // rcv_nxt when we repeated an acknowledgement last
        std::uint32_t short_end = 0;       // behind the last short segment that was sent
        std::uint32_t withheld = 0;        // bytes that were fetched, but do not open the window
        TcpRecord record{};                // restored
    };

    static err_t opened(std::uint8_t id, tcp_pcb_listen* listener, tcp_pcb* pcb);
    static void ended(std::uint8_t id, void* data);
    static void look_again(void* self);
    static void limit_ends(void* self);

    Slot* slot_of(const tcp_pcb& pcb) const;
    Slot* take(tcp_pcb& pcb);
    void attach(Slot& slot, tcp_pcb& pcb);
    void release(Slot& slot);
    void mark(Slot& slot);
    void refill(Slot& slot);
    void resume(Slot& slot);
    void send_again(Slot& slot);
    void probe(Slot& slot);
    bool look_again(Slot& slot);
    static void ask(Slot& slot);
    TcpRecord record_of(const Slot& slot) const;
    bool bring_to_front(Slot& slot);
    static bool before_is_known(const Slot& slot);
    void learn_order();
    static constexpr unsigned recent = 256;
    static unsigned recent_index(std::uint32_t remote_ip, std::uint16_t remote_port, std::uint16_t local_port) {
        return (remote_ip >> 24 ^ remote_port ^ local_port) % recent;
    }

    ConnectionRecords records_;
    Refill refill_ = nullptr;
    std::uint8_t id_ = 0;  // of lwIP's additional argument
    unsigned looks_ = 0;
    Slot* free_ = nullptr;
    Slot* changed_ = nullptr;
    Slot* answering_ = nullptr;
    bool together_ = false;
    bool limited_ = false;
    Slot slots_[capacity];
    Slot* recent_[recent] = {};  // which connection of those with this index had a segment last
};

}  // namespace ant::inet_server
