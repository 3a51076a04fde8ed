#include "streams.hpp"

#include <algorithm>

namespace ant::bench {
namespace {

constexpr std::uint64_t retry_us = 1000, for_ever = ~std::uint64_t{0};
constexpr unsigned tries = 1000;

// The other end may not listen yet.
Result<Socket> connected(Client& server, inet::Address to) {
    for (unsigned i = 1;; ++i) {
        Socket socket = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server));
        const auto done = socket.connect(to);
        if (done) return socket;
        if (done.error() != Error::connection_refused || i == tries) return Failure(done.error());
        wait_us(retry_us);
    }
}

}  // namespace

Result<Streams> Streams::connect(Client& server, inet::Address to, unsigned count) {
    Streams streams;
    streams.server_ = &server;
    for (; streams.count_ < std::min(count, most); ++streams.count_)
        streams.socket_[streams.count_] = ANT_TRY(connected(server, to));
    return streams;
}

Result<Streams> Streams::accept(Client& server, std::uint16_t port, unsigned count) {
    Streams streams;
    streams.server_ = &server;
    Socket listener = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server));
    ANT_TRY(listener.set_option(inet::Option::reuse_address, 1));
    ANT_TRY(listener.bind({0, port, 0}));
    ANT_TRY(listener.listen(most));
    for (; streams.count_ < std::min(count, most); ++streams.count_) streams.socket_[streams.count_] = ANT_TRY(listener.accept());
    return streams;
}

Result<> Streams::set_no_delay() {
    for (unsigned i = 0; i < count_; ++i) ANT_TRY(socket_[i].set_option(inet::Option::no_delay, 1));
    return {};
}

Result<> Streams::send(std::uint64_t bytes) {
    for (std::uint64_t sent = 0; sent < bytes; sent += area_bytes) {
        Ica area = ANT_TRY(Ica::reserve(area_bytes));
        ANT_TRY(socket_[next_++ % count_].send(std::move(area), 0, area_bytes));
    }
    return {};
}

Result<std::uint64_t> Streams::receive(std::uint64_t bytes) {
    if (!inbox_) inbox_ = ANT_TRY(Ica::reserve(area_bytes));
    std::uint64_t received = 0;
    while (received < bytes) {
        const std::uint64_t some = count_ == 1 ? ANT_TRY(socket_[0].receive(inbox_, area_bytes)) : ANT_TRY(receive_some());
        if (some == 0) break;
        received += some;
    }
    return received;
}

// One round over the connections that have something. A connection that has ended is asked no more.
Result<std::uint64_t> Streams::receive_some() {
    unsigned asked = 0;
    for (Socket& socket : std::span{socket_.data(), count_}) {
        if (!socket) continue;
        asked_[asked] = &socket;
        poll_[asked++] = {socket.id(), inet::readiness::readable, 0};
    }
    if (asked == 0) return 0;
    ANT_TRY(poll({poll_.data(), asked}, for_ever, *server_));
    std::uint64_t received = 0;
    for (unsigned i = 0; i < asked; ++i) {
        if (poll_[i].ready == 0) continue;
        const std::uint64_t bytes = ANT_TRY(asked_[i]->receive(inbox_, area_bytes));
        if (bytes == 0) asked_[i]->close();
        received += bytes;
    }
    return received != 0 ? received : receive_some();
}

}  // namespace ant::bench
