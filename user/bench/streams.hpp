// Some TCP connections between the same two programs, through which bytes go as fast as they can.
#pragma once

#include <ant/sockets.hpp>

#include <array>

namespace ant::bench {

class Streams {
public:
    static constexpr unsigned most = 64;
    static constexpr std::size_t area_bytes = 64 * 1024;

    static Result<Streams> connect(Client& server, inet::Address to, unsigned count);
    static Result<Streams> accept(Client& server, std::uint16_t port, unsigned count);
    Result<> set_no_delay();

    // At least so many bytes, in areas that inet keeps, on one connection after the other.
    Result<> send(std::uint64_t bytes);
    // At least so many bytes, from whichever connection has some. Fewer: all have ended. -> bytes
    Result<std::uint64_t> receive(std::uint64_t bytes);
    Socket& at(unsigned index) { return socket_[index]; }

private:
    Result<std::uint64_t> receive_some();
    Client* server_ = nullptr;
    std::array<Socket, most> socket_;
    std::array<inet::PollEntry, most> poll_{};
    std::array<Socket*, most> asked_{};  // for whom these are
    unsigned count_ = 0, next_ = 0;
    Ica inbox_;
};

}  // namespace ant::bench
