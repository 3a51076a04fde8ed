// What goes through a socket.
#include "lwip_address.hpp"
#include "lwip_error.hpp"
#include "socket.hpp"
#include "socket_management.hpp"

#include <lwip/tcp.h>
#include <lwip/udp.h>

#include <algorithm>

namespace ant::inet_server {

namespace {

constexpr std::uint32_t write_step = 16 * 1024;  // what lwIP refuses, it refuses whole
// Crumbs of room would become tiny segments.
constexpr std::uint32_t crumb = 2u * TCP_MSS;

}  // namespace

// Sending ---------------------------------------------------------------------------------------------------

bool Socket::can_write() const { return tcp_ != nullptr && state_ == State::connected && !send_shut_ && error_ == Error::none; }

// lwIP gets no more than it has room for, so that a caller who must wait keeps its bytes meanwhile.
std::uint32_t Socket::append(std::span<const std::byte> bytes, std::uint64_t call, std::uint32_t before) {
    touch();
    if (tcp_ == nullptr || !sent_.all_written()) return 0;
    const std::uint32_t room = tcp_sndbuf(tcp_);
    if (room < bytes.size() && room < crumb) return 0;
    std::uint32_t done = 0;
    const auto most = std::min<std::size_t>(bytes.size(), room);
    while (done < most) {
        const std::uint32_t count = copy_in(bytes.subspan(done, most - done), call, before + done);
        if (count == 0) break;
        done += count;
    }
    return done;
}

// Into what is left of the last area, or the next one. Either way one record makes the bytes part of the stream, and
// says how many of the call's there are.
std::uint32_t Socket::copy_in(std::span<const std::byte> bytes, std::uint64_t call, std::uint32_t before) {
    SentArea* last = sent_.last();
    if (last != nullptr && last->room() != 0) {
        const auto count = std::min(static_cast<std::uint32_t>(bytes.size()), last->room());
        __builtin_memcpy(const_cast<std::byte*>(last->at(last->end())), bytes.data(), count);
        sent_.grow(all_.areas(), count, call, before + count);
        return count;
    }
    const std::uint64_t area = all_.copy_areas().take();
    if (area == 0) return 0;
    const auto count = static_cast<std::uint32_t>(std::min(bytes.size(), CopyAreas::bytes));
    __builtin_memcpy(reinterpret_cast<void*>(area), bytes.data(), count);
    const SendRecord record{area, 0, CopyAreas::pages, 0, count, id_, call, before + count, 1};
    if (sent_.push(all_.areas(), record) != nullptr) return count;
    all_.copy_areas().give(area);
    return 0;
}

bool Socket::append(std::uint64_t area, std::uint64_t area_bytes, std::span<const std::byte> bytes, std::uint64_t call) {
    const auto pages = static_cast<std::uint32_t>(area_bytes / abi::page_size);
    const auto offset = static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(bytes.data()) - area);
    const auto length = static_cast<std::uint32_t>(bytes.size());
    return sent_.push(all_.areas(), {area, 0, pages, offset, length, id_, call, length, 0}) != nullptr;
}

bool Socket::write_out(bool more) {
    if (sent_.all_written()) return true;
    touch();
    while (!sent_.all_written() && tcp_ != nullptr) {
        const auto next = sent_.next();
        const auto room = static_cast<std::uint32_t>(tcp_sndbuf(tcp_));
        const auto left = static_cast<std::uint32_t>(next.size());
        const std::uint32_t count = std::min({left, room, write_step});
        if (count == 0 || (count < left && count < crumb)) return false;
        const bool follows = more || sent_.written() + count < sent_.end();
        const auto flags = static_cast<std::uint8_t>(follows ? TCP_WRITE_FLAG_MORE : 0);
        if (tcp_write(tcp_, next.data(), static_cast<u16_t>(count), flags) != ERR_OK) return false;
        sent_.written(count);
    }
    return sent_.all_written();
}

// With more to come only what is less than a segment waits, for half a second at most (on_poll).
void Socket::push(bool more) {
    if (tcp_ == nullptr) return;
    const tcp_seg* first = tcp_->unsent;
    if (more && first != nullptr && first->next == nullptr && first->len < tcp_->mss) return;
    (void)tcp_output(tcp_);
}

Result<std::uint32_t> Socket::send_datagram(std::span<const std::byte> bytes, const inet::Address* to) {
    if (bytes.size() > max_datagram) return Failure(Error::message_too_long);
    if (to == nullptr && state_ != State::connected) return Failure(Error::not_connected);
    if (to != nullptr && to->port == 0) return Failure(Error::invalid_argument);
    if (send_shut_) return Failure(Error::not_connected);
    const bool had_port = udp_->local_port != 0;
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
    if (!had_port) all_.touched(*this);
    if (error == ERR_VAL) return Failure(Error::denied);  // a broadcast without the option
    if (error != ERR_OK) return Failure(from_lwip(error));
    return static_cast<std::uint32_t>(bytes.size());
}

// Receiving -------------------------------------------------------------------------------------------------

Result<std::uint32_t> Socket::receive(std::span<std::byte> to, std::uint32_t flags, inet::Address& from, Cause cause) {
    return is_stream() ? receive_stream(to, flags, cause) : receive_datagram(to, flags, from, cause);
}

Result<std::uint32_t> Socket::receive_stream(std::span<std::byte> to, std::uint32_t flags, Cause cause) {
    if (to.empty()) return 0;
    if (received_.empty()) {
        if (const Error error = take_error(cause); error != Error::none) return Failure(error);
        if (state_ != State::connected) return Failure(Error::not_connected);
        if (end_of_stream_ || receive_shut_ || tcp_ == nullptr) return 0;
        return Failure(Error::would_block);
    }
    const bool all =
        (flags & inet::message_flag::wait_all) != 0 && !end_of_stream_ && received_.bytes() < Connections::limited_window / 2;
    if (all && received_.bytes() < to.size()) return Failure(Error::would_block);
    const std::size_t count = received_.copy(to);
    if ((flags & inet::message_flag::peek) == 0) {
        received_.consume(count);
        note(cause, Error::none, static_cast<std::uint32_t>(count));
        touch();
        if (tcp_ != nullptr) all_.connections().fetched(*tcp_, count);
    }
    return static_cast<std::uint32_t>(count);
}

Result<std::uint32_t> Socket::receive_datagram(std::span<std::byte> to, std::uint32_t flags, inet::Address& from, Cause cause) {
    if (received_.empty()) {
        if (receive_shut_) return 0;
        return Failure(Error::would_block);
    }
    const Datagram head = received_.head();
    const std::size_t count = std::min<std::size_t>(to.size(), head.bytes);
    received_.copy(to.first(count), sizeof head);
    from = {head.ip, head.port, 0};
    if ((flags & inet::message_flag::peek) == 0) {
        received_.consume(sizeof head + head.bytes);
        note(cause, Error::none, static_cast<std::uint32_t>(count));
        if (received_.bytes() <= receive_limit_ / 4) all_.back_pressure().eased(id_);
    }
    return static_cast<std::uint32_t>(count);
}

}  // namespace ant::inet_server
