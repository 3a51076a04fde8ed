#include "network.hpp"

#include "http.hpp"

#include <algorithm>

namespace ant::shell {
namespace {

constexpr std::uint64_t connect_timeout_us = 20'000'000;
constexpr std::uint64_t call_timeout_us = 30'000'000;
constexpr std::uint64_t receive_wait_us = 200'000;
constexpr std::size_t buffer_bytes = 64 * 1024;

}  // namespace

constinit Client inet_client{"inet"};

Result<std::uint32_t> resolve(std::string_view host) {
    if (const auto ip = parse_ip(host)) return *ip;
    inet::Resolve request{};
    if (host.size() >= sizeof request.name) return Failure(Error::invalid_argument);
    std::copy_n(host.data(), host.size(), request.name);
    const auto answer = ANT_TRY(inet_client.call(inet::resolve, request, {}, call_timeout_us));
    if (answer.result.count == 0) return Failure(Error::name_unknown);
    return answer.result.ip[0];
}

Result<Connection> Connection::open(std::uint32_t ip, std::uint16_t port) {
    Ica buffer = ANT_TRY(Ica::reserve(buffer_bytes));
    const auto made =
        ANT_TRY(inet_client.call(inet::socket, {.type = static_cast<std::uint32_t>(inet::SocketType::stream), .flags = 0}));
    Connection connection{made.result.socket, std::move(buffer)};
    const inet::Endpoint peer{.socket = made.result.socket, .reserved = 0, .address = {.ip = ip, .port = port, .reserved = 0}};
    ANT_TRY(inet_client.call(inet::connect, peer, {}, connect_timeout_us));
    return connection;
}

Connection::~Connection() {
    if (socket_ != none) (void)inet_client.call(inet::close, {.socket = socket_, .reserved = 0});
}

Result<> Connection::send(std::string_view text) {
    while (!text.empty()) {
        const auto piece = text.substr(0, inet::inline_bytes);
        const auto fill = [&](inet::Send& send) {
            send = {.socket = socket_, .flags = 0, .address = {}, .offset = 0, .bytes = static_cast<std::uint32_t>(piece.size())};
            std::copy_n(piece.data(), piece.size(), reinterpret_cast<char*>(&send + 1));
        };
        const auto sent =
            ANT_TRY(inet_client.call_in_place(inet::send, fill, static_cast<std::uint32_t>(piece.size()), {}, call_timeout_us));
        if (sent.value <= 0) return Failure(Error::io_error);
        text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(sent.value)));
    }
    return {};
}

Result<> Connection::wait_readable() {
    const auto fill = [&](inet::Poll& poll) {
        poll.timeout_us = receive_wait_us;
        poll.count = 1;
        poll.entry[0] = {.socket = socket_, .wanted = inet::readiness::readable, .ready = 0};
    };
    ANT_TRY(inet_client.call_in_place(inet::poll, fill, 0, {}, call_timeout_us));
    return {};
}

Result<std::span<const std::byte>> Connection::receive() {
    const inet::Receive request{.socket = socket_,
                                .flags = inet::message_flag::dont_wait,
                                .address = {},
                                .offset = 0,
                                .bytes = static_cast<std::uint32_t>(buffer_.size())};
    const auto received = inet_client.call(inet::recv, request, lend_write(buffer_), call_timeout_us);
    if (received) return buffer_.bytes().first(std::min(static_cast<std::size_t>(received->value), buffer_.size()));
    if (received.error() == Error::would_block) ANT_TRY(wait_readable());
    return Failure(received.error());
}

}  // namespace ant::shell
