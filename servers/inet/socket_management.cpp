#include "socket_management.hpp"

#include <lwip/tcp.h>

namespace ant::inet_server {

Socket* Sockets::create(inet::SocketType type, std::uint32_t owner) {
    unsigned owned = 0;
    each([&](const Socket& s) { owned += s.owner() == owner; });
    if (owned >= max_per_owner) return nullptr;
    for (unsigned tried = 0; tried < max_sockets; ++tried) {
        const unsigned index = search_from_;
        search_from_ = (search_from_ + 1) % max_sockets;
        Entry& entry = entries_[index];
        if (entry.used) continue;
        entry.used = true;
        entry.generation = (entry.generation + 1) & (0x7fff'ffffu >> index_bits);
        const std::uint32_t id = (index + 1) | entry.generation << index_bits;
        auto* socket = std::construct_at(&at(index), *this, type, owner, id);
        live_.push_back(socket);
        return socket;
    }
    return nullptr;
}

Result<Socket*> Sockets::open(inet::SocketType type, std::uint32_t owner) {
    Socket* socket = create(type, owner);
    if (socket == nullptr) return Failure(Error::too_many);
    const auto created = socket->create();
    if (!created) {
        free(*socket);
        return Failure(created.error());
    }
    return socket;
}

Socket* Sockets::adopt(tcp_pcb* connection, Socket& listener) {
    Socket* socket = create(inet::SocketType::stream, listener.owner());
    if (socket != nullptr) socket->adopt(connection, listener);
    return socket;
}

Result<Socket*> Sockets::find(std::uint32_t id, std::uint32_t owner) {
    const std::uint32_t index = index_of(id);
    if (index >= max_sockets || !entries_[index].used) return Failure(Error::not_found);
    Socket& socket = at(index);
    if (socket.id() != id || socket.state() == Socket::State::closing || socket.listener_ != nullptr)
        return Failure(Error::not_found);
    if (socket.owner() != owner) return Failure(Error::not_owner);
    return &socket;
}

void Sockets::close(Socket& socket) {
    if (socket.close()) return free(socket);
    List<Socket, LiveTag>::remove(&socket);
}

void Sockets::free(Socket& socket) {
    if (static_cast<Linked<Socket, ChangedTag>&>(socket).linked()) List<Socket, ChangedTag>::remove(&socket);
    if (static_cast<Linked<Socket, LiveTag>&>(socket).linked()) List<Socket, LiveTag>::remove(&socket);
    const std::uint32_t index = index_of(socket.id());
    std::destroy_at(&socket);
    entries_[index].used = false;
}

Socket* Sockets::of_owner(std::uint32_t owner) {
    for (Socket* s = live_.front(); s != nullptr; s = live_.after(s))
        if (s->owner() == owner && s->listener_ == nullptr) return s;
    return nullptr;
}

void Sockets::count(inet::Interface& out) {
    each([&](const Socket& s) {
        ++out.sockets;
        if (!s.is_stream())
            ++out.datagram_sockets;
        else if (s.state() == Socket::State::listening)
            ++out.listeners;
        else if (s.state() == Socket::State::connected)
            ++out.connections;
    });
}

}  // namespace ant::inet_server
