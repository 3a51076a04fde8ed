#include "socket.hpp"

#include "lwip_error.hpp"
#include "socket_management.hpp"

#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#include <algorithm>

namespace ant::inet_server {

namespace {

constexpr std::uint32_t write_step = 16 * 1024;        // what lwIP refuses, it refuses whole
constexpr std::uint8_t poll_interval = 2;              // of lwIP's slow timer: once a second
constexpr std::uint32_t max_datagram = 65507;          // 65535 less the headers of IP and UDP
constexpr std::uint32_t datagram_buffer = 128 * 1024;  // bytes that wait for one socket

constexpr std::uint32_t max_backlog = 128;

ip_addr_t to_lwip(std::uint32_t ip) { return IPADDR4_INIT(lwip_htonl(ip)); }
std::uint32_t from_lwip_ip(const ip_addr_t& ip) { return lwip_ntohl(ip_2_ip4(&ip)->addr); }

// An address that a socket of this host can have.
bool is_local(std::uint32_t ip) {
    constexpr std::uint32_t loopback_net = 127;
    if (ip == 0 || ip >> 24 == loopback_net) return true;
    for (const netif* n = netif_list; n != nullptr; n = n->next)
        if (lwip_ntohl(netif_ip4_addr(n)->addr) == ip) return true;
    return false;
}

// lwIP counts received bytes in 16 bits.
void window_opens(tcp_pcb* pcb, std::size_t bytes) {
    for (; bytes != 0 && pcb != nullptr;) {
        const auto step = static_cast<u16_t>(std::min<std::size_t>(bytes, 0xffff));
        tcp_recved(pcb, step);
        bytes -= step;
    }
}

}  // namespace

Socket::Socket(Sockets& all, inet::SocketType type, std::uint32_t owner, std::uint32_t id)
    : all_{all}, id_{id}, owner_{owner}, type_{type}, received_{all.packets()}, receive_limit_{datagram_buffer} {}

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
    tcp_backlog_delayed(connection);
    listener_ = &listener;
    listener.accepted_.push_back(this);
}

void Socket::set_callbacks() {
    tcp_arg(tcp_, this);
    tcp_recv(tcp_, on_received);
    tcp_sent(tcp_, on_sent);
    tcp_err(tcp_, on_error);
    tcp_poll(tcp_, on_poll, poll_interval);
}

// lwIP finishes the connection by itself.
void Socket::detach() {
    tcp_arg(tcp_, nullptr);
    if (tcp_->state == LISTEN) {
        tcp_accept(tcp_, nullptr);
    } else {
        tcp_recv(tcp_, nullptr);
        tcp_sent(tcp_, nullptr);
        tcp_err(tcp_, nullptr);
        tcp_poll(tcp_, nullptr, 0);
    }
    tcp_ = nullptr;
}

void Socket::abort() {
    if (tcp_pcb* pcb = tcp_; pcb != nullptr) {
        detach();
        tcp_abort(pcb);
    }
    areas_.abandon(all_.areas());
}

Result<> Socket::bind(const inet::Address& address) {
    if (state_ != State::fresh) return Failure(Error::invalid_argument);
    if (!is_local(address.ip)) return Failure(Error::invalid_argument);
    const ip_addr_t ip = to_lwip(address.ip);
    const err_t error = is_stream() ? tcp_bind(tcp_, &ip, address.port) : udp_bind(udp_, &ip, address.port);
    if (error != ERR_OK) return Failure(from_lwip(error));
    return {};
}

Result<> Socket::listen(std::uint32_t backlog) {
    if (!is_stream()) return Failure(Error::not_supported);
    const auto bounded = static_cast<std::uint8_t>(std::clamp<std::uint32_t>(backlog, 1, max_backlog));
    if (state_ == State::listening) {
        tcp_backlog_set(tcp_, bounded);
        return {};
    }
    if (state_ != State::fresh) return Failure(Error::invalid_argument);
    if (tcp_->local_port == 0)
        if (const err_t error = tcp_bind(tcp_, IP_ADDR_ANY, 0); error != ERR_OK) return Failure(from_lwip(error));
    err_t error = ERR_OK;
    tcp_pcb* listener = tcp_listen_with_backlog_and_err(tcp_, bounded, &error);
    if (listener == nullptr) return Failure(error == ERR_MEM ? Error::too_many : from_lwip(error));
    tcp_ = listener;
    state_ = State::listening;
    tcp_arg(tcp_, this);
    tcp_accept(tcp_, on_accept);
    return {};
}

Result<> Socket::connect(const inet::Address& address) {
    const ip_addr_t ip = to_lwip(address.ip);
    if (!is_stream()) {
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
    return {};
}

Socket* Socket::accept() {
    Socket* connection = accepted_.pop_front();
    if (connection == nullptr) return nullptr;
    connection->listener_ = nullptr;
    if (connection->tcp_ != nullptr) tcp_backlog_accepted(connection->tcp_);
    return connection;
}

Result<> Socket::shutdown(inet::ShutdownHow how) {
    if (state_ != State::connected) return Failure(Error::not_connected);
    if (how != inet::ShutdownHow::send) {
        receive_shut_ = true;
        window_opens(tcp_, received_.bytes());
        received_.clear();
        all_.changed(*this);
    }
    if (how == inet::ShutdownHow::receive || send_shut_) return {};
    send_shut_ = true;
    fin_pending_ = is_stream();
    all_.changed(*this);
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
    const bool unread = !received_.empty();
    received_.clear();
    if (tcp_ == nullptr || (state_ == State::connected && (unread || linger_s_ == 0))) {
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
    return finish_closing();
}

// After shutdown or close. True: there is nothing more to do for this socket, which may be an open one.
bool Socket::finish_closing() {
    const bool closing = state_ == State::closing;
    if (fin_pending_ && tcp_ != nullptr && writers.empty()) {
        const bool takes_data = tcp_->state == ESTABLISHED || tcp_->state == CLOSE_WAIT;
        const bool undelivered = takes_data && (tcp_->refused_data != nullptr || tcp_->rcv_wnd != TCP_WND_MAX(tcp_));
        if (closing && undelivered) {
            abort();
            return true;
        }
        const err_t error = closing ? tcp_close(tcp_) : tcp_shutdown(tcp_, 0, 1);
        if (error == ERR_MEM) return false;  // tried again by on_poll
        fin_pending_ = false;
    }
    if (tcp_ == nullptr) {
        areas_.abandon(all_.areas());
        return true;
    }
    // With both directions ended lwIP may drop its control block without a word.
    if (fin_pending_ || !areas_.empty() || !(closing || (send_shut_ && end_of_stream_))) return false;
    detach();
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
    socket.all_.changed(socket);
    return ERR_OK;
}

err_t Socket::on_received(void* self, tcp_pcb* pcb, pbuf* p, err_t) {
    auto& socket = *static_cast<Socket*>(self);
    socket.all_.changed(socket);
    if (p == nullptr) {
        socket.end_of_stream_ = true;
        return ERR_OK;
    }
    if (socket.receive_shut_ || socket.state_ == State::closing) {
        window_opens(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    return socket.received_.push_segment(p) ? ERR_OK : ERR_MEM;  // lwIP keeps what is refused and offers it again
}

err_t Socket::on_sent(void* self, tcp_pcb*, std::uint16_t bytes) {
    auto& socket = *static_cast<Socket*>(self);
    socket.areas_.acknowledged(bytes, socket.all_.areas());
    socket.all_.changed(socket);
    return ERR_OK;
}

// What failed for want of memory is tried again.
err_t Socket::on_poll(void* self, tcp_pcb* pcb) {
    auto& socket = *static_cast<Socket*>(self);
    if (!socket.writers.empty() || socket.fin_pending_) socket.all_.changed(socket);
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
    areas_.abandon(all_.areas());
    if (listener_ != nullptr) {  // reset before anybody accepted it
        List<Socket, AcceptTag>::remove(this);
        all_.free(*this);
        return;
    }
    error_ = error;
    if (state_ == State::connecting) state_ = State::failed;
    end_of_stream_ = true;
    all_.changed(*this);
}

void Socket::on_datagram(void* self, udp_pcb*, pbuf* p, const ip_addr_t* from, std::uint16_t port) {
    auto& socket = *static_cast<Socket*>(self);
    const bool fits = socket.received_.bytes() + p->tot_len <= socket.receive_limit_ && !socket.receive_shut_;
    if (!fits || !socket.received_.push_datagram(p, from_lwip_ip(*from), port)) {
        pbuf_free(p);
        return;
    }
    socket.all_.changed(socket);
}

// Sending ---------------------------------------------------------------------------------------------------

bool Socket::can_write() const { return tcp_ != nullptr && state_ == State::connected && !send_shut_ && error_ == Error::none; }

bool Socket::write(Writer& writer) {
    if (writer.area != nullptr && writer.remaining == writer.total) {
        if (!static_cast<Linked<SentArea, StreamTag>&>(*writer.area).linked()) areas_.push(*writer.area);
    }
    while (writer.remaining != 0 && tcp_ != nullptr) {
        const auto room = static_cast<std::uint32_t>(tcp_sndbuf(tcp_));
        const std::uint32_t count = std::min({writer.remaining, room, write_step});
        // Crumbs of room would become tiny segments.
        if (count == 0 || (count < writer.remaining && count < 2u * TCP_MSS)) return false;
        const bool more = writer.more || count < writer.remaining;
        const auto flags =
            static_cast<std::uint8_t>((writer.area == nullptr ? TCP_WRITE_FLAG_COPY : 0) | (more ? TCP_WRITE_FLAG_MORE : 0));
        if (tcp_write(tcp_, writer.from, static_cast<u16_t>(count), flags) != ERR_OK) return false;
        writer.from += count;
        writer.remaining -= count;
        areas_.written(count);
    }
    if (writer.remaining == 0) forget(writer);
    return writer.remaining == 0;
}

void Socket::forget(Writer& writer) {
    SentArea* area = writer.area;
    writer.area = nullptr;
    if (area == nullptr) return;
    if (static_cast<Linked<SentArea, StreamTag>&>(*area).linked())
        areas_.complete(*area, all_.areas());
    else
        all_.areas().retire(*area);
}

// With more to come only what is less than a segment waits, for half a second at most (on_poll).
void Socket::push(bool more) {
    if (tcp_ == nullptr) return;
    const tcp_seg* first = tcp_->unsent;
    if (more && first != nullptr && first->next == nullptr && first->len < tcp_->mss) return;
    (void)tcp_output(tcp_);
}

Result<> Socket::send_datagram(std::span<const std::byte> bytes, const inet::Address* to) {
    if (bytes.size() > max_datagram) return Failure(Error::message_too_long);
    if (to == nullptr && state_ != State::connected) return Failure(Error::not_connected);
    if (to != nullptr && to->port == 0) return Failure(Error::invalid_argument);
    if (send_shut_) return Failure(Error::not_connected);
    pbuf* p = pbuf_alloc(PBUF_TRANSPORT, static_cast<u16_t>(bytes.size()), PBUF_RAM);
    if (p == nullptr) return Failure(Error::no_memory);
    (void)pbuf_take(p, bytes.data(), static_cast<u16_t>(bytes.size()));
    err_t error;
    if (to != nullptr) {
        const ip_addr_t ip = to_lwip(to->ip);
        error = udp_sendto(udp_, p, &ip, to->port);
    } else {
        error = udp_send(udp_, p);
    }
    pbuf_free(p);
    if (error == ERR_VAL) return Failure(Error::denied);  // a broadcast without the option
    if (error != ERR_OK) return Failure(from_lwip(error));
    return {};
}

// Receiving -------------------------------------------------------------------------------------------------

Result<std::uint32_t> Socket::receive(std::span<std::byte> to, std::uint32_t flags, inet::Address& from) {
    return is_stream() ? receive_stream(to, flags) : receive_datagram(to, flags, from);
}

Result<std::uint32_t> Socket::receive_stream(std::span<std::byte> to, std::uint32_t flags) {
    if (to.empty()) return 0;
    if (received_.empty()) {
        if (const Error error = take_error(); error != Error::none) return Failure(error);
        if (state_ != State::connected) return Failure(Error::not_connected);
        if (end_of_stream_ || receive_shut_ || tcp_ == nullptr) return 0;
        return Failure(Error::would_block);
    }
    const bool all = (flags & inet::message_flag::wait_all) != 0 && !end_of_stream_ && received_.bytes() < TCP_WND / 2;
    if (all && received_.bytes() < to.size()) return Failure(Error::would_block);
    const std::size_t count = received_.copy(to);
    if ((flags & inet::message_flag::peek) == 0) {
        received_.consume(count);
        window_opens(tcp_, count);
    }
    return static_cast<std::uint32_t>(count);
}

Result<std::uint32_t> Socket::receive_datagram(std::span<std::byte> to, std::uint32_t flags, inet::Address& from) {
    QueuedPacket* packet = received_.front();
    if (packet == nullptr) {
        if (receive_shut_) return 0;
        return Failure(Error::would_block);
    }
    const auto count = static_cast<u16_t>(std::min<std::size_t>(to.size(), packet->data->tot_len));
    pbuf_copy_partial(packet->data, to.data(), count, 0);
    from = {packet->ip, packet->port, 0};
    if ((flags & inet::message_flag::peek) == 0) received_.drop_front();
    return count;
}

// State and options -----------------------------------------------------------------------------------------

Error Socket::take_error() { return std::exchange(error_, Error::none); }

std::uint16_t Socket::readiness() {
    namespace ready = inet::readiness;
    std::uint16_t result = 0;
    if (error_ != Error::none) result |= ready::error | ready::readable | ready::writable;
    if (!is_stream()) {
        if (!received_.empty() || receive_shut_) result |= ready::readable;
        return result | ready::writable;
    }
    if (state_ == State::listening) return accepted_.empty() ? result : result | ready::readable;
    if (state_ == State::failed) return result | ready::hang_up | ready::readable | ready::writable;
    if (state_ != State::connected) return result;
    if (!received_.empty() || end_of_stream_ || receive_shut_) result |= ready::readable;
    if (can_write() && writers.empty() && tcp_sndbuf(tcp_) > TCP_SNDLOWAT) result |= ready::writable;
    if (send_shut_ || tcp_ == nullptr) result |= ready::writable;  // a send would fail at once
    if (tcp_ == nullptr || (end_of_stream_ && send_shut_)) result |= ready::hang_up;
    return result;
}

Result<inet::Address> Socket::local() const {
    if (tcp_ != nullptr) return inet::Address{from_lwip_ip(tcp_->local_ip), tcp_->local_port, 0};
    if (udp_ != nullptr) return inet::Address{from_lwip_ip(udp_->local_ip), udp_->local_port, 0};
    return Failure(Error::not_connected);
}

Result<inet::Address> Socket::peer() const {
    if (state_ != State::connected) return Failure(Error::not_connected);
    if (tcp_ != nullptr) return inet::Address{from_lwip_ip(tcp_->remote_ip), tcp_->remote_port, 0};
    if (udp_ != nullptr) return inet::Address{from_lwip_ip(udp_->remote_ip), udp_->remote_port, 0};
    return Failure(Error::not_connected);
}

void Socket::describe(inet::ConnectionRecord& record) const {
    record = {};
    record.local = local().value_or(inet::Address{});
    record.remote = peer().value_or(inet::Address{});
    record.socket = id_;
    record.type = static_cast<std::uint32_t>(type_);
    record.owner = owner_;
    record.receive_queued = received_.bytes();
    if (tcp_ == nullptr) return;
    record.state = static_cast<std::uint32_t>(tcp_->state);
    if (tcp_->state != LISTEN) record.send_queued = static_cast<std::uint32_t>(areas_.unacknowledged());
}

std::uint8_t* Socket::protocol_options() const {
    if (tcp_ != nullptr) return &tcp_->so_options;
    return udp_ != nullptr ? &udp_->so_options : nullptr;
}

bool Socket::protocol_option(std::uint8_t which) const {
    const std::uint8_t* options = protocol_options();
    return options != nullptr && (*options & which) != 0;
}

void Socket::set_protocol_option(std::uint8_t which, bool on) {
    std::uint8_t* options = protocol_options();
    if (options == nullptr) return;
    *options = static_cast<std::uint8_t>(on ? *options | which : *options & ~which);
}

Result<std::uint64_t> Socket::option(inet::Option option) {
    const bool connection = tcp_ != nullptr && tcp_->state != LISTEN;
    switch (option) {
        case inet::Option::reuse_address:
            return protocol_option(SOF_REUSEADDR);
        case inet::Option::keep_alive:
            return protocol_option(SOF_KEEPALIVE);
        case inet::Option::broadcast:
            return protocol_option(SOF_BROADCAST);
        case inet::Option::no_delay:
            return connection && tcp_nagle_disabled(tcp_);
        case inet::Option::receive_timeout_us:
            return receive_timeout_us_;
        case inet::Option::send_timeout_us:
            return send_timeout_us_;
        case inet::Option::receive_buffer:
            return is_stream() ? TCP_WND : receive_limit_;
        case inet::Option::send_buffer:
            return is_stream() ? TCP_SND_BUF : max_datagram;
        case inet::Option::linger_s:
            return linger_s_;
        case inet::Option::error:
            return static_cast<std::uint64_t>(take_error());
        case inet::Option::type:
            return static_cast<std::uint64_t>(type_);
        case inet::Option::accepting:
            return state_ == State::listening;
        case inet::Option::non_blocking:
            return non_blocking_;
        case inet::Option::time_to_live:
            if (tcp_ != nullptr) return tcp_->ttl;
            return udp_ != nullptr ? udp_->ttl : 0;
        case inet::Option::pending_bytes:
            return is_stream() ? received_.bytes() : received_.front_bytes();
    }
    return Failure(Error::invalid_argument);
}

Result<> Socket::set_option(inet::Option option, std::uint64_t value) {
    constexpr std::uint64_t max_ttl = 255, least_buffer = 2048, most_buffer = 1024 * 1024;
    switch (option) {
        case inet::Option::reuse_address:
            set_protocol_option(SOF_REUSEADDR, value != 0);
            return {};
        case inet::Option::keep_alive:
            set_protocol_option(SOF_KEEPALIVE, value != 0);
            return {};
        case inet::Option::broadcast:
            set_protocol_option(SOF_BROADCAST, value != 0);
            return {};
        case inet::Option::receive_timeout_us:
            receive_timeout_us_ = value;
            return {};
        case inet::Option::send_timeout_us:
            send_timeout_us_ = value;
            return {};
        case inet::Option::linger_s:
            linger_s_ = value;
            return {};
        case inet::Option::non_blocking:
            non_blocking_ = value != 0;
            return {};
        case inet::Option::receive_buffer:  // of a stream it is fixed: asking for another size is no error
            receive_limit_ = static_cast<std::uint32_t>(std::clamp(value, least_buffer, most_buffer));
            return {};
        case inet::Option::send_buffer:
            return {};
        case inet::Option::no_delay:
            if (!is_stream()) return Failure(Error::not_supported);
            if (tcp_ == nullptr || tcp_->state == LISTEN) return {};
            if (value != 0)
                tcp_nagle_disable(tcp_);
            else
                tcp_nagle_enable(tcp_);
            return {};
        case inet::Option::time_to_live:
            if (value == 0 || value > max_ttl) return Failure(Error::invalid_argument);
            if (tcp_ != nullptr) tcp_->ttl = static_cast<std::uint8_t>(value);
            if (udp_ != nullptr) udp_->ttl = static_cast<std::uint8_t>(value);
            return {};
        case inet::Option::error:
        case inet::Option::type:
        case inet::Option::accepting:
        case inet::Option::pending_bytes:
            break;
    }
    return Failure(Error::invalid_argument);
}

}  // namespace ant::inet_server
