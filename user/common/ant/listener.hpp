// What TCP servers that wait for many sockets at once have in common.
#pragma once

#include <ant/server.hpp>
#include <ant/sockets.hpp>

#include <array>

namespace ant {

// A non-blocking listening socket.
inline Result<Socket> open_listener(std::uint16_t port, std::uint32_t backlog) {
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::stream, inet::socket_flag::non_blocking));
    ANT_TRY(socket.set_option(inet::Option::reuse_address, 1));
    ANT_TRY(socket.bind({0, port, 0}));
    ANT_TRY(socket.listen(backlog));
    return socket;
}

// Whether inet has that socket, and as ours.
inline bool inet_knows(std::uint32_t socket) {
    const auto address = Socket::default_server().call(inet::local_address, {socket, 0});
    return address || address.error() == Error::not_connected;
}

// The sockets that one poll waits for. The poll is an asynchronous call: its result comes to the server loop, so
// that the program stays a server that answers others. The result names the sockets, so that a process that has
// taken the asker's place understands it as well.
class PollSet {
public:
    void clear() { count_ = 0; }
    void add(const Socket& socket, std::uint16_t wanted) { add(socket.id(), wanted); }
    void add(std::uint32_t socket, std::uint16_t wanted) {
        if (count_ != entries_.size()) entries_[count_++] = {socket, wanted, 0};
    }
    // `tag` comes back with the result.
    Result<> send(std::uint64_t timeout_us, std::uint32_t tag = 0) {
        inet::Poll params{timeout_us, count_, tag, {}};
        for (unsigned i = 0; i < count_; ++i) params.entry[i] = entries_[i];
        ANT_TRY(Socket::default_server().send(inet::poll, params));
        return {};
    }
    static std::uint32_t tag(const CallResult& result) {
        return reinterpret_cast<const inet::Poll*>(result.control + abi::parameter_base)->reserved;
    }
    static std::uint32_t only_socket(const CallResult& result) {
        return reinterpret_cast<const inet::Poll*>(result.control + abi::parameter_base)->entry[0].socket;
    }
    // Calls `ready(socket number, readiness)` for each socket that the result of a poll says is ready.
    template <class Ready>
    static void deliver(const CallResult& result, Ready ready) {
        // A copy: the handlers make calls of their own.
        const auto params = *reinterpret_cast<const inet::Poll*>(result.control + abi::parameter_base);
        for (unsigned i = 0; i < params.count && i < inet::max_poll; ++i)
            if (params.entry[i].ready != 0) ready(params.entry[i].socket, params.entry[i].ready);
    }

private:
    std::array<inet::PollEntry, inet::max_poll> entries_{};
    unsigned count_ = 0;
};

}  // namespace ant
