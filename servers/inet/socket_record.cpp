// What a socket leaves to the next process, and how it comes back there.
#include "lwip_address.hpp"
#include "lwip_error.hpp"
#include "socket.hpp"
#include "socket_management.hpp"

#include <lwip/tcp.h>
#include <lwip/udp.h>

namespace ant::inet_server {

namespace {

std::uint16_t bit(bool set, std::uint16_t which) { return set ? which : 0; }

}  // namespace

SocketRecord Socket::record() const {
    SocketRecord r{};
    r.id = id_;
    r.owner = owner_;
    r.type = static_cast<std::uint8_t>(type_);
    r.state = static_cast<std::uint8_t>(state_);
    r.flags = bit(non_blocking_, socket_bit::non_blocking) | bit(end_of_stream_, socket_bit::end_of_stream) |
              bit(receive_shut_, socket_bit::receive_shut) | bit(send_shut_, socket_bit::send_shut) |
              bit(fin_pending_, socket_bit::fin_pending) | bit(gone_, socket_bit::gone);
    r.error = static_cast<std::uint8_t>(error_);
    r.backlog = backlog_;
    r.read = received_.read();
    r.end = received_.end();
    r.current = current_;
    r.deferred = deferred_;
    if (tcp_ != nullptr) {
        r.ttl = tcp_->ttl;
        r.so_options = tcp_->so_options;
        r.local_ip = from_lwip_ip(tcp_->local_ip);
        r.local_port = tcp_->local_port;
    } else if (udp_ != nullptr) {
        r.ttl = udp_->ttl;
        r.so_options = udp_->so_options;
        r.local_ip = from_lwip_ip(udp_->local_ip);
        r.local_port = udp_->local_port;
        r.remote_ip = from_lwip_ip(udp_->remote_ip);
        r.remote_port = udp_->remote_port;
    }
    if (listener_ != nullptr) {
        r.listener = listener_->id_;
        r.accept_order = accept_order_;
    }
    r.receive_limit = receive_limit_;
    r.linger_s = linger_s_;
    r.receive_timeout_us = receive_timeout_us_;
    r.send_timeout_us = send_timeout_us_;
    return r;
}

void Socket::take_over(const SocketRecord& r) {
    state_ = static_cast<State>(r.state);
    non_blocking_ = (r.flags & socket_bit::non_blocking) != 0;
    end_of_stream_ = (r.flags & socket_bit::end_of_stream) != 0;
    receive_shut_ = (r.flags & socket_bit::receive_shut) != 0;
    send_shut_ = (r.flags & socket_bit::send_shut) != 0;
    fin_pending_ = (r.flags & socket_bit::fin_pending) != 0;
    gone_ = (r.flags & socket_bit::gone) != 0;
    error_ = static_cast<Error>(r.error);
    backlog_ = r.backlog;
    current_ = r.current;
    deferred_ = r.deferred;
    accept_order_ = r.accept_order;
    receive_limit_ = r.receive_limit;
    linger_s_ = r.linger_s;
    receive_timeout_us_ = r.receive_timeout_us;
    send_timeout_us_ = r.send_timeout_us;
}

// A control block like the one before, except that of a connection: it has a record of its own.
Result<> Socket::create_again(const SocketRecord& r) {
    const ip_addr_t local = to_lwip(r.local_ip);
    if (state_ == State::listening) {
        tcp_pcb* listener = restore_listener(ip_2_ip4(&local)->addr, r.local_port, r.so_options, r.backlog);
        if (listener == nullptr) return Failure(Error::no_memory);
        listener->ttl = r.ttl;
        listens(listener);
        return {};
    }
    ANT_TRY(create());
    if (is_stream()) {
        tcp_->ttl = r.ttl;
        tcp_->so_options = r.so_options;
        if (r.local_port == 0) return {};
        const err_t error = tcp_bind(tcp_, &local, r.local_port);
        return error == ERR_OK ? Result<>{} : Failure(from_lwip(error));
    }
    udp_->ttl = r.ttl;
    udp_->so_options = r.so_options;
    if (r.local_port != 0)
        if (const err_t error = udp_bind(udp_, &local, r.local_port); error != ERR_OK) return Failure(from_lwip(error));
    if (state_ != State::connected) return {};
    const ip_addr_t remote = to_lwip(r.remote_ip);
    const err_t error = udp_connect(udp_, &remote, r.remote_port);
    return error == ERR_OK ? Result<>{} : Failure(from_lwip(error));
}

void Socket::continue_with(tcp_pcb* connection) {
    tcp_ = connection;
    set_callbacks();
    if (state_ == State::connecting) {
        connection->connected = on_connected;
        if (connection->state != SYN_SENT) {  // the record of the connection is the newer one
            state_ = State::connected;
            changed();
        }
    }
}

// A connection is needed for the first time in this process: lwIP gets the bytes that are not acknowledged.
void Socket::refill(tcp_pcb& pcb) {
    static SendPiece pieces[SentAreas::capacity];
    std::size_t count = 0;
    sent_.each_unacknowledged([&](std::span<const std::byte> bytes) {
        pieces[count++] = {bytes.data(), static_cast<std::uint32_t>(bytes.size())};
    });
    const auto taken = all_.connections().requeue(pcb, {pieces, count});
    if (!taken) {
        tcp_abort(&pcb);
        return;
    }
    sent_.written(*taken);
    all_.changed(*this);
}

}  // namespace ant::inet_server
