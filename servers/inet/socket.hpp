// One socket: a stream, a listener or a datagram socket, over lwIP's control block. Its record says what the next
// process of this slot has to know of it; the connection's is written by Connections.
#pragma once

#include "receive_queue.hpp"
#include "sent_areas.hpp"

#include <ant/abi/result.hpp>
#include <ant/interface/inet.hpp>

#include <lwip/err.h>
#include <lwip/ip_addr.h>

#include <cstdint>
#include <optional>
#include <span>

struct tcp_pcb;
struct udp_pcb;

namespace ant::inet_server {

struct Wait;
class Sockets;
struct ChangedTag;
struct TouchedTag;
struct AcceptTag;
struct WaitTag;
struct LiveTag;

// The call on whose behalf a socket changes, and whether it waited.
struct Cause {
    std::uint64_t call = 0;
    bool deferred = false;
};

class Socket : public Linked<Socket, ChangedTag>,
               public Linked<Socket, TouchedTag>,
               public Linked<Socket, AcceptTag>,
               public Linked<Socket, LiveTag> {
public:
    enum class State : std::uint8_t { fresh, listening, connecting, connected, failed, closing };

    Socket(Sockets& all, inet::SocketType type, std::uint32_t owner, std::uint32_t id);
    ~Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    // Control blocks.
    Result<> create();
    void adopt(tcp_pcb* connection, Socket& listener);

    Result<> bind(const inet::Address& address);
    Result<> listen(std::uint32_t backlog);
    Result<> connect(const inet::Address& address);  // stream: begins
    Socket* accept(Cause cause);                     // nullptr: nobody there
    Result<> shutdown(inet::ShutdownHow how);
    // Ends it: gracefully, or at once. True: the socket itself is of no use any more. Otherwise it goes on sending
    // what it has, and is changed() when that is done.
    bool close();
    bool finish_closing();

    // Stream. Takes as many bytes as there is room for; `before` of that call's are here already. -> bytes
    std::uint32_t append(std::span<const std::byte> bytes, std::uint64_t call, std::uint32_t before);
    // Takes the area with that part of it, whole. False: too many areas.
    bool append(std::uint64_t area, std::uint64_t area_bytes, std::span<const std::byte> bytes, std::uint64_t call);
    // Gives lwIP what it takes. -> true when nothing remains
    bool write_out(bool more = false);
    void push(bool more = false);  // what was written leaves now
    [[nodiscard]] bool can_write() const;
    [[nodiscard]] bool alive() const { return tcp_ != nullptr; }
    SendStream& stream() { return sent_; }

    Result<std::uint32_t> send_datagram(std::span<const std::byte> bytes, const inet::Address* to);

    // -> bytes, 0 = end of stream; would_block
    Result<std::uint32_t> receive(std::span<std::byte> to, std::uint32_t flags, inet::Address& from, Cause cause);

    Result<std::uint64_t> option(inet::Option option, Cause cause);
    Result<> set_option(inet::Option option, std::uint64_t value);
    // Those of `wanted`, and errors. A poll of many sockets finds most of them without anything to say.
    [[nodiscard]] std::uint16_t readiness(std::uint16_t wanted) {
        if (quiet() && (wanted & inet::readiness::writable) == 0) return 0;
        return readiness() & static_cast<std::uint16_t>(wanted | inet::readiness::error | inet::readiness::hang_up);
    }
    // A connection with nothing to read and no error. Before it is anything else it is changed().
    [[nodiscard]] bool quiet() const {
        return state_ == State::connected && received_.empty() && !end_of_stream_ && !receive_shut_ && error_ == Error::none &&
               tcp_ != nullptr;
    }
    // A poll has asked for it, and may wait for it.
    void watch() { watched_ = true; }
    [[nodiscard]] bool watched() const { return watched_; }
    [[nodiscard]] bool has_error() const { return error_ != Error::none; }
    // The error is told to that call, and gone.
    [[nodiscard]] Error take_error(Cause cause);
    [[nodiscard]] Result<inet::Address> local() const;
    [[nodiscard]] Result<inet::Address> peer() const;
    void describe(inet::ConnectionRecord& record) const;

    // What that call did here, with its answer; nullopt: nothing yet.
    [[nodiscard]] std::optional<Effect> effect_of(std::uint64_t call) const;
    void note(Cause cause, Error error, std::uint32_t value);

    [[nodiscard]] std::uint32_t id() const { return id_; }
    [[nodiscard]] std::uint32_t owner() const { return owner_; }
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool is_stream() const { return type_ == inet::SocketType::stream; }
    [[nodiscard]] bool non_blocking() const { return non_blocking_; }
    [[nodiscard]] bool send_shut() const { return send_shut_; }
    [[nodiscard]] std::uint64_t receive_timeout_us() const { return receive_timeout_us_; }
    [[nodiscard]] std::uint64_t send_timeout_us() const { return send_timeout_us_; }
    void set_non_blocking(bool on) { non_blocking_ = on; }

    // Calls that wait for this socket; kept by request management.
    List<Wait, WaitTag> waiting;
    List<Wait, WaitTag> writers;

private:
    friend class Sockets;
    friend class Recovery;
    static err_t on_accept(void* self, tcp_pcb* connection, err_t error);
    static err_t on_connected(void* self, tcp_pcb* pcb, err_t error);
    static err_t on_received(void* self, tcp_pcb* pcb, pbuf* p, err_t error);
    static err_t on_sent(void* self, tcp_pcb* pcb, std::uint16_t bytes);
    static err_t on_poll(void* self, tcp_pcb* pcb);
    static void on_error(void* self, err_t error);
    static void on_datagram(void* self, udp_pcb* pcb, pbuf* p, const ip_addr_t* from, std::uint16_t port);

    [[nodiscard]] std::uint16_t readiness();
    void set_callbacks();
    void listens(tcp_pcb* listener);
    void started();  // the connection stands: where its bytes begin is known
    void touch();    // before anything is done with the connection; it may be gone afterwards
    void changed();  // the record, and calls that wait
    void detach();   // lwIP goes on without us
    void abort();
    void connection_gone(Error error);
    std::uint32_t copy_in(std::span<const std::byte> bytes, std::uint64_t call, std::uint32_t before);
    Result<std::uint32_t> receive_stream(std::span<std::byte> to, std::uint32_t flags, Cause cause);
    Result<std::uint32_t> receive_datagram(std::span<std::byte> to, std::uint32_t flags, inet::Address& from, Cause cause);
    [[nodiscard]] std::uint8_t* protocol_options() const;
    [[nodiscard]] bool protocol_option(std::uint8_t which) const;
    void set_protocol_option(std::uint8_t which, bool on);

    // Records.
    [[nodiscard]] SocketRecord record() const;
    void take_over(const SocketRecord& record);
    Result<> create_again(const SocketRecord& record);
    void continue_with(tcp_pcb* connection);
    void refill(tcp_pcb& pcb);

    Sockets& all_;
    std::uint32_t id_;
    std::uint32_t owner_;
    inet::SocketType type_;
    State state_ = State::fresh;
    bool non_blocking_ = false;
    bool watched_ = false;
    bool end_of_stream_ = false;  // the peer sends no more
    bool receive_shut_ = false, send_shut_ = false;
    bool fin_pending_ = false;   // shutdown while data was waiting, or lwIP had no memory for it
    bool gone_ = false;          // there was a connection, and it has ended
    Error error_ = Error::none;  // of the connection, not yet told
    std::uint8_t backlog_ = 0;
    tcp_pcb* tcp_ = nullptr;
    udp_pcb* udp_ = nullptr;
    Socket* listener_ = nullptr;  // while in its accept queue
    std::uint32_t accept_order_ = 0;
    List<Socket, AcceptTag> accepted_;
    ReceiveQueue received_;
    SendStream sent_;
    Effect current_{}, deferred_{};
    std::uint64_t receive_timeout_us_ = 0, send_timeout_us_ = 0;
    std::uint32_t receive_limit_;
    std::uint32_t linger_s_ = no_linger;

    static constexpr std::uint32_t max_datagram = 65507;  // 65535 less the headers of IP and UDP
    static constexpr std::uint32_t no_linger = ~std::uint32_t{0};
};

}  // namespace ant::inet_server
