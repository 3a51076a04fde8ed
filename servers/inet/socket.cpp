#include "socket.hpp"

#include "lwip_address.hpp"
#include "lwip_error.hpp"
#include "socket_management.hpp"

#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#include <algorithm>

namespace ant::inet_server {

namespace {

constexpr std::uint8_t poll_interval = 2;              // of lwIP's slow timer: once a second
constexpr std::uint32_t datagram_buffer = 128 * 1024;  // bytes that wait for one socket
constexpr std::uint32_t max_backlog = 128;

// An address that a socket of this host can have.
bool is_local(std::uint32_t ip) {
    constexpr std::uint32_t loopback_net = 127;
    if (ip == 0 || ip >> 24 == loopback_net) return true;
    for (const netif* n = netif_list; n != nullptr; n = n->next)
        if (lwip_ntohl(netif_ip4_addr(n)->addr) == ip) return true;
    return false;
}

}  // namespace

Socket::Socket(Sockets& all, inet::SocketType type, std::uint32_t owner, std::uint32_t id)
    : all_{all}, id_{id}, owner_{owner}, type_{type}, received_{all.store(), id}, receive_limit_{datagram_buffer} {}

void Socket::changed() {
    all_.changed(*this);
    all_.touched(*this);
}

// Control blocks -------------------------------------------------------------------------------------------

Result<> Socket::create() {
    if (is_stream()) {
        tcp_ = tcp_new();
        if (tcp_ == nullptr) return Failure(Error::too_many);
        set_callbacks();
        return {};
    }
    udp_ = udp_new();
    if (udp_ == nullptr) return Failure(Error::too_many);
    udp_recv(udp_, on_datagram, this);
    return {};
}

void Socket::adopt(tcp_pcb* connection, Socket& listener) {
    tcp_ = connection;
    state_ = State::connected;
    set_callbacks();
    started();
    all_.connections().set_socket(*connection, id_);
    tcp_backlog_delayed(connection);
    listener_ = &listener;
    accept_order_ = all_.next_accept_order();
    listener.accepted_.push_back(this);
    all_.touched(*this);
}

void Socket::set_callbacks() {
    tcp_arg(tcp_, this);
    tcp_recv(tcp_, on_received);
    tcp_sent(tcp_, on_sent);
    tcp_err(tcp_, on_error);
    tcp_poll(tcp_, on_poll, poll_interval);
}

// The low half of a position is the sequence number.
void Socket::started() {
    received_.start(tcp_->rcv_nxt);
    sent_.start(tcp_->snd_lbb);
}

void Socket::touch() {
    if (tcp_ != nullptr && tcp_->state != LISTEN) (void)all_.connections().touch(*tcp_);
}

// lwIP finishes the connection by itself.
void Socket::detach() {
    tcp_arg(tcp_, nullptr);
    if (tcp_->state == LISTEN) {
        tcp_accept(tcp_, nullptr);
    } else {
        all_.connections().set_socket(*tcp_, 0);
        tcp_recv(tcp_, nullptr);
        tcp_sent(tcp_, nullptr);
        tcp_err(tcp_, nullptr);
        tcp_poll(tcp_, nullptr, 0);
    }
    tcp_ = nullptr;
    gone_ = true;
    all_.touched(*this);
}

void Socket::abort() {
    if (tcp_pcb* pcb = tcp_; pcb != nullptr) {
        detach();
        tcp_abort(pcb);
    }
    sent_.abandon(all_.areas());
}

Result<> Socket::bind(const inet::Address& address) {
    if (state_ != State::fresh) return Failure(Error::invalid_argument);
    if (!is_local(address.ip)) return Failure(Error::invalid_argument);
    const ip_addr_t ip = to_lwip(address.ip);
    const err_t error = is_stream() ? tcp_bind(tcp_, &ip, address.port) : udp_bind(udp_, &ip, address.port);
    if (error != ERR_OK) return Failure(from_lwip(error));
    all_.touched(*this);
    return {};
}

Result<> Socket::listen(std::uint32_t backlog) {
    if (!is_stream()) return Failure(Error::not_supported);
    const auto bounded = static_cast<std::uint8_t>(std::clamp<std::uint32_t>(backlog, 1, max_backlog));
    if (state_ == State::listening) {
        tcp_backlog_set(tcp_, bounded);
        backlog_ = bounded;
        all_.touched(*this);
        return {};
    }
    if (state_ != State::fresh) return Failure(Error::invalid_argument);
    if (tcp_->local_port == 0)
        if (const err_t error = tcp_bind(tcp_, IP_ADDR_ANY, 0); error != ERR_OK) return Failure(from_lwip(error));
    err_t error = ERR_OK;
    tcp_pcb* listener = tcp_listen_with_backlog_and_err(tcp_, bounded, &error);
    if (listener == nullptr) return Failure(error == ERR_MEM ? Error::too_many : from_lwip(error));
    backlog_ = bounded;
    listens(listener);
    all_.touched(*this);
    return {};
}

void Socket::listens(tcp_pcb* listener) {
    tcp_ = listener;
    state_ = State::listening;
    all_.connections().add_listener(*tcp_, id_);
    tcp_arg(tcp_, this);
    tcp_accept(tcp_, on_accept);
}

Result<> Socket::connect(const inet::Address& address) {
    const ip_addr_t ip = to_lwip(address.ip);
    if (!is_stream()) {
        all_.touched(*this);
        if (address.ip == 0 && address.port == 0) {
            udp_disconnect(udp_);
            state_ = State::fresh;
            return {};
        }
        if (const err_t error = udp_connect(udp_, &ip, address.port); error != ERR_OK) return Failure(from_lwip(error));
        state_ = State::connected;
        return {};
    }
    if (state_ == State::connecting) return Failure(Error::in_progress);
    if (state_ == State::connected) return Failure(Error::already_connected);
    if (state_ != State::fresh || address.ip == 0 || address.port == 0) return Failure(Error::invalid_argument);
    const err_t error = tcp_connect(tcp_, &ip, address.port, on_connected);
    if (error != ERR_OK) return Failure(from_lwip(error));
    state_ = State::connecting;
    all_.touched(*this);
    if (all_.connections().add(*tcp_, id_)) return {};
    abort();
    state_ = State::failed;
    return Failure(Error::too_many);
}

Socket* Socket::accept(Cause cause) {
    Socket* connection = accepted_.pop_front();
    if (connection == nullptr) return nullptr;
    connection->listener_ = nullptr;
    connection->note(cause, Error::none, connection->id_);
    connection->touch();
    if (connection->tcp_ != nullptr) tcp_backlog_accepted(connection->tcp_);
    return connection;
}

Result<> Socket::shutdown(inet::ShutdownHow how) {
    if (state_ != State::connected) return Failure(Error::not_connected);
    changed();
    if (how != inet::ShutdownHow::send) {
        const std::uint32_t unread = received_.bytes();
        receive_shut_ = true;
        received_.consume_all();
        all_.back_pressure().eased(id_);
        touch();
        if (tcp_ != nullptr) all_.connections().fetched(*tcp_, unread);
    }
    if (how == inet::ShutdownHow::receive || send_shut_) return {};
    send_shut_ = true;
    fin_pending_ = is_stream();
    return {};
}

// Unread data, or the wish not to linger, ends a connection with a reset.
bool Socket::close() {
    while (Socket* connection = accepted_.pop_front()) {
        connection->listener_ = nullptr;
        connection->abort();
        all_.free(*connection);
    }
    if (udp_ != nullptr) udp_remove(udp_);
    udp_ = nullptr;
    touch();
    if (tcp_ == nullptr || (state_ == State::connected && (!received_.empty() || linger_s_ == 0))) {
        abort();
        return true;
    }
    if (state_ != State::connected) {
        tcp_pcb* pcb = tcp_;
        detach();
        (void)tcp_close(pcb);  // a listener, or no connection yet: nothing to wait for
        return true;
    }
    state_ = State::closing;
    fin_pending_ = true;
    all_.touched(*this);
    return finish_closing();
}

// After shutdown or close. True: there is nothing more to do for this socket, which may be an open one.
bool Socket::finish_closing() {
    const bool closing = state_ == State::closing;
    if (fin_pending_ && tcp_ != nullptr && sent_.all_written()) {
        touch();
        if (tcp_ == nullptr) return true;
        if (closing) all_.connections().end_limit(*tcp_);
        const bool takes_data = tcp_->state == ESTABLISHED || tcp_->state == CLOSE_WAIT;
        const bool undelivered = takes_data && (tcp_->refused_data != nullptr || tcp_->rcv_wnd != TCP_WND_MAX(tcp_));
        if (closing && undelivered) {
            abort();
            return true;
        }
        const err_t error = closing ? tcp_close(tcp_) : tcp_shutdown(tcp_, 0, 1);
        if (error == ERR_MEM) return false;  // tried again by on_poll
        fin_pending_ = false;
        all_.touched(*this);
    }
    if (tcp_ == nullptr) {
        sent_.abandon(all_.areas());
        return true;
    }
    // With both directions ended lwIP may drop its control block without a word.
    if (fin_pending_ || !sent_.all_acknowledged() || !(closing || (send_shut_ && end_of_stream_))) return false;
    detach();
    sent_.abandon(all_.areas());
    return true;
}

// What lwIP says ------------------------------------------------------------------------------------------

err_t Socket::on_accept(void* self, tcp_pcb* connection, err_t error) {
    if (self == nullptr || connection == nullptr || error != ERR_OK) return ERR_VAL;
    auto& listener = *static_cast<Socket*>(self);
    if (listener.all_.adopt(connection, listener) == nullptr) return ERR_MEM;  // lwIP resets it
    listener.all_.changed(listener);
    return ERR_OK;
}

err_t Socket::on_connected(void* self, tcp_pcb*, err_t) {
    auto& socket = *static_cast<Socket*>(self);
    socket.state_ = State::connected;
    socket.started();
    socket.changed();
    return ERR_OK;
}

err_t Socket::on_received(void* self, tcp_pcb* pcb, pbuf* p, err_t) {
    auto& socket = *static_cast<Socket*>(self);
    socket.all_.changed(socket);
    if (p == nullptr) {
        socket.end_of_stream_ = true;
        socket.all_.touched(socket);
        return ERR_OK;
    }
    if (socket.receive_shut_ || socket.state_ == State::closing) {
        socket.all_.connections().fetched(*pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    const bool kept = socket.received_.push_segment(p);
    pbuf_free(p);
    if (kept) return ERR_OK;
    // The peer will be told that these bytes are here: without memory for them the connection cannot go on.
    socket.error_ = Error::no_memory;
    socket.changed();
    socket.end_of_stream_ = true;
    socket.abort();
    return ERR_ABRT;
}

err_t Socket::on_sent(void* self, tcp_pcb* pcb, std::uint16_t) {
    auto& socket = *static_cast<Socket*>(self);
    socket.sent_.acknowledged(pcb->lastack, socket.all_.areas());
    socket.all_.changed(socket);
    return ERR_OK;
}

// What failed for want of memory is tried again.
err_t Socket::on_poll(void* self, tcp_pcb* pcb) {
    auto& socket = *static_cast<Socket*>(self);
    if (!socket.sent_.all_written() || !socket.writers.empty() || socket.fin_pending_) socket.all_.changed(socket);
    return tcp_output(pcb) == ERR_ABRT ? ERR_ABRT : ERR_OK;
}

// The control block is gone already.
void Socket::on_error(void* self, err_t error) {
    if (self == nullptr) return;
    auto& socket = *static_cast<Socket*>(self);
    const bool connecting = socket.state_ == State::connecting;
    Error meaning = from_lwip(error);
    if (error == ERR_RST && connecting) meaning = Error::connection_refused;
    if (error == ERR_ABRT) meaning = Error::timed_out;  // our own aborts are not reported here
    socket.connection_gone(error == ERR_CLSD ? Error::none : meaning);
}

void Socket::connection_gone(Error error) {
    tcp_ = nullptr;
    gone_ = true;
    sent_.abandon(all_.areas());
    if (listener_ != nullptr) {  // reset before anybody accepted it
        List<Socket, AcceptTag>::remove(this);
        all_.free(*this);
        return;
    }
    error_ = error;
    if (state_ == State::connecting) state_ = State::failed;
    end_of_stream_ = true;
    changed();
}

void Socket::on_datagram(void* self, udp_pcb*, pbuf* p, const ip_addr_t* from, std::uint16_t port) {
    auto& socket = *static_cast<Socket*>(self);
    const bool fits = socket.received_.bytes() + p->tot_len <= socket.receive_limit_ && !socket.receive_shut_;
    if (fits && socket.received_.push_datagram(p, from_lwip_ip(*from), port)) socket.all_.changed(socket);
    pbuf_free(p);
    if (socket.received_.bytes() > socket.receive_limit_ / 2) socket.all_.back_pressure().crowded(socket.id_);
}

// What calls did ------------------------------------------------------------------------------------------

void Socket::note(Cause cause, Error error, std::uint32_t value) {
    (cause.deferred ? deferred_ : current_) = {cause.call, static_cast<std::uint32_t>(error), value};
    all_.touched(*this);
}

std::optional<Effect> Socket::effect_of(std::uint64_t call) const {
    if (current_.call == call) return current_;
    if (deferred_.call == call) return deferred_;
    return std::nullopt;
}

Error Socket::take_error(Cause cause) {
    const Error error = std::exchange(error_, Error::none);
    if (error != Error::none) note(cause, error, 0);
    return error;
}

}  // namespace ant::inet_server
