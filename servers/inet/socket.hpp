// One socket: a stream, a listener or a datagram socket, over lwIP's control block.
#pragma once

#include "receive_queue.hpp"
#include "sent_areas.hpp"

#include <ant/abi/result.hpp>
#include <ant/interface/inet.hpp>

#include <lwip/err.h>
#include <lwip/ip_addr.h>

#include <cstdint>
#include <span>

struct tcp_pcb;
struct udp_pcb;

namespace ant::inet_server {

struct Wait;
class Sockets;
struct ChangedTag;
struct AcceptTag;
struct WaitTag;
struct LiveTag;

// Bytes on their way into a stream, as far as the send buffer has room.
struct Writer {
    const std::byte* from = nullptr;
    std::uint32_t remaining = 0, total = 0;
    SentArea* area = nullptr;  // moved here: sent from where it lies. Otherwise the bytes are copied
    bool more = false;
};

class Socket : public Linked<Socket, ChangedTag>, public Linked<Socket, AcceptTag>, public Linked<Socket, LiveTag> {
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
    Socket* accept();                                // nullptr: nobody there
    Result<> shutdown(inet::ShutdownHow how);
    // Ends it: gracefully, or at once. True: the socket itself is of no use any more. Otherwise it goes on sending
    // what it has, and is changed() when that is done.
    bool close();
    bool finish_closing();

    // Stream. Gives lwIP what it takes. -> true when nothing remains
    bool write(Writer& writer);
    void push(bool more = false);  // what was written leaves now
    void forget(Writer& writer);   // it will not be continued
    [[nodiscard]] bool can_write() const;
    [[nodiscard]] bool alive() const { return tcp_ != nullptr; }

    Result<> send_datagram(std::span<const std::byte> bytes, const inet::Address* to);

    // -> bytes, 0 = end of stream; would_block
    Result<std::uint32_t> receive(std::span<std::byte> to, std::uint32_t flags, inet::Address& from);

    Result<std::uint64_t> option(inet::Option option);
    Result<> set_option(inet::Option option, std::uint64_t value);
    [[nodiscard]] std::uint16_t readiness();
    [[nodiscard]] Error take_error();
    [[nodiscard]] Result<inet::Address> local() const;
    [[nodiscard]] Result<inet::Address> peer() const;
    void describe(inet::ConnectionRecord& record) const;

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
    static err_t on_accept(void* self, tcp_pcb* connection, err_t error);
    static err_t on_connected(void* self, tcp_pcb* pcb, err_t error);
    static err_t on_received(void* self, tcp_pcb* pcb, pbuf* p, err_t error);
    static err_t on_sent(void* self, tcp_pcb* pcb, std::uint16_t bytes);
    static err_t on_poll(void* self, tcp_pcb* pcb);
    static void on_error(void* self, err_t error);
    static void on_datagram(void* self, udp_pcb* pcb, pbuf* p, const ip_addr_t* from, std::uint16_t port);

    void set_callbacks();
    void detach();  // lwIP goes on without us
    void abort();
    void connection_gone(Error error);
    Result<std::uint32_t> receive_stream(std::span<std::byte> to, std::uint32_t flags);
    Result<std::uint32_t> receive_datagram(std::span<std::byte> to, std::uint32_t flags, inet::Address& from);
    [[nodiscard]] std::uint8_t* protocol_options() const;
    [[nodiscard]] bool protocol_option(std::uint8_t which) const;
    void set_protocol_option(std::uint8_t which, bool on);

    Sockets& all_;
    std::uint32_t id_;
    std::uint32_t owner_;
    inet::SocketType type_;
    State state_ = State::fresh;
    bool non_blocking_ = false;
    bool end_of_stream_ = false;  // the peer sends no more
    bool receive_shut_ = false, send_shut_ = false;
    bool fin_pending_ = false;   // shutdown while data was waiting, or lwIP had no memory for it
    Error error_ = Error::none;  // of the connection, not yet told
    tcp_pcb* tcp_ = nullptr;
    udp_pcb* udp_ = nullptr;
    Socket* listener_ = nullptr;  // while in its accept queue
    List<Socket, AcceptTag> accepted_;
    ReceiveQueue received_;
    AreaStream areas_;
    std::uint64_t receive_timeout_us_ = 0, send_timeout_us_ = 0;
    std::uint32_t receive_limit_;
    std::uint64_t linger_s_ = ~std::uint64_t{0};
};

}  // namespace ant::inet_server
