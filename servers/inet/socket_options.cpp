// Options and what can be said of a socket.
#include "lwip_address.hpp"
#include "socket.hpp"
#include "socket_management.hpp"

#include <lwip/ip.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#include <algorithm>

namespace ant::inet_server {

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
    if (can_write() && writers.empty() && sent_.unacknowledged() < TCP_SND_BUF - TCP_SNDLOWAT) result |= ready::writable;
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
    if (tcp_->state != LISTEN) record.send_queued = sent_.unacknowledged();
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

Result<std::uint64_t> Socket::option(inet::Option option, Cause cause) {
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
            return linger_s_ == no_linger ? ~std::uint64_t{0} : linger_s_;
        case inet::Option::error:
            return static_cast<std::uint64_t>(take_error(cause));
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
            return is_stream() || received_.empty() ? received_.bytes() : received_.head().bytes;
    }
    return Failure(Error::invalid_argument);
}

Result<> Socket::set_option(inet::Option option, std::uint64_t value) {
    constexpr std::uint64_t max_ttl = 255, least_buffer = 2048, most_buffer = 1024 * 1024;
    all_.touched(*this);
    touch();
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
            linger_s_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(value, no_linger));
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
