// What TCP servers that wait for many sockets at once have in common.
#pragma once

#include <ant/process.hpp>
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

// The same, as soon as inet is there to do it.
inline Socket wait_for_listener(std::uint16_t port, std::uint32_t backlog) {
    for (bool told = false;; wait_us(20'000)) {
        auto socket = open_listener(port, backlog);
        if (socket) return std::move(*socket);
        const bool starting = socket.error() == Error::no_server || socket.error() == Error::not_found;
        if (!told && !starting) log("port %u: %s", port, error_text(socket.error()));
        told = told || !starting;
    }
}

// The sockets that one poll waits for, each with a number of the caller's.
class PollSet {
public:
    void clear() { count_ = 0; }
    void add(const Socket& socket, std::uint16_t wanted, unsigned tag) {
        if (count_ == entries_.size()) return;
        entries_[count_] = {socket.id(), wanted, 0};
        tags_[count_++] = tag;
    }
    // Calls `ready(tag, readiness)` for each socket that is ready.
    template <class Ready>
    Result<> wait(std::uint64_t timeout_us, Ready ready) {
        ANT_TRY(poll({entries_.data(), count_}, timeout_us));
        for (unsigned i = 0; i < count_; ++i)
            if (entries_[i].ready != 0) ready(tags_[i], entries_[i].ready);
        return {};
    }

private:
    std::array<inet::PollEntry, inet::max_poll> entries_{};
    std::array<unsigned, inet::max_poll> tags_{};
    unsigned count_ = 0;
};

}  // namespace ant
