// Socket management: the table of sockets, whose they are, and which of them something happened to.
#pragma once

#include "socket.hpp"

#include <cstdint>

namespace ant::inet_server {

class Sockets {
public:
#if defined(INET_LAYOUT) && INET_LAYOUT == 2
    static constexpr unsigned index_bits = 10;
#else
    static constexpr unsigned index_bits = 9;
#endif
    static constexpr unsigned max_sockets = 320;
    static constexpr unsigned max_per_owner = 160;  // one process cannot take them all

    explicit Sockets(SentAreas& areas) : areas_{areas} {}

    Result<Socket*> open(inet::SocketType type, std::uint32_t owner);
    // Of a connection that a listener took.
    Socket* adopt(tcp_pcb* connection, Socket& listener);
    // The socket that this owner means by that number.
    Result<Socket*> find(std::uint32_t id, std::uint32_t owner);
    // Its number is free at once; what it still has to send is sent.
    void close(Socket& socket);
    void free(Socket& socket);

    // Something happened: waiting calls may go on, a closing socket may be done.
    void changed(Socket& socket) {
        if (!static_cast<Linked<Socket, ChangedTag>&>(socket).linked()) changed_.push_back(&socket);
    }
    Socket* next_changed() { return changed_.pop_front(); }

    // An open socket of that owner, nullptr if there is none.
    Socket* of_owner(std::uint32_t owner);
    // Calls f(socket) for each open socket; f must not close any.
    template <class F>
    void each(F f) {
        for (Socket* s = live_.front(); s != nullptr; s = live_.after(s)) f(*s);
    }
    void count(inet::Interface& out);

    SentAreas& areas() { return areas_; }
    PacketPool& packets() { return packets_; }

private:
    Socket* create(inet::SocketType type, std::uint32_t owner);
    static constexpr std::uint32_t index_of(std::uint32_t id) { return (id & ((1u << index_bits) - 1)) - 1; }

    struct Entry {
        alignas(Socket) std::byte socket[sizeof(Socket)];
        std::uint32_t generation = 0;
        bool used = false;
    };
    Socket& at(unsigned index) { return *reinterpret_cast<Socket*>(entries_[index].socket); }

    SentAreas& areas_;
    PacketPool packets_;
    Entry entries_[max_sockets];
    unsigned search_from_ = 0;
    List<Socket, ChangedTag> changed_;
    List<Socket, LiveTag> live_;  // without those that are closing
};

extern Sockets& sockets;

}  // namespace ant::inet_server
