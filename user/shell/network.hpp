// inet as a client sees it: names and stream connections.
#pragma once

#include <ant/client.hpp>
#include <ant/interface/inet.hpp>

#include <optional>
#include <string_view>

namespace ant::shell {

extern Client inet_client;

// Dotted numbers or a name.
Result<std::uint32_t> resolve(std::string_view host);

// A TCP connection, closed at the end of its life.
class Connection {
public:
    static Result<Connection> open(std::uint32_t ip, std::uint16_t port);
    Connection(Connection&& other) noexcept : socket_{std::exchange(other.socket_, none)}, buffer_{std::move(other.buffer_)} {}
    Connection& operator=(Connection&&) = delete;
    ~Connection();

    Result<> send(std::string_view text);
    // What has arrived; empty at the end of the stream. would_block: nothing for a while.
    Result<std::span<const std::byte>> receive();

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    Connection(std::uint32_t socket, Ica buffer) : socket_{socket}, buffer_{std::move(buffer)} {}
    Result<> wait_readable();

    std::uint32_t socket_;
    Ica buffer_;
};

}  // namespace ant::shell
