#include "socket_management.hpp"

#include "recovery.hpp"

#include <lwip/tcp.h>

namespace ant::inet_server {

void Sockets::start(const Records<SocketRecord>& records, std::uint64_t directory, std::uint32_t generation) {
    records_ = records;
    store_.use_directory(directory);
    for (Entry& entry : entries_) entry.generation = generation;
}

Socket& Sockets::construct(unsigned index, inet::SocketType type, std::uint32_t owner, std::uint32_t id) {
    entries_[index].used = true;
    auto* socket = std::construct_at(&at(index), *this, type, owner, id);
    live_.push_back(socket);
    return *socket;
}

Socket* Sockets::create(inet::SocketType type, std::uint32_t owner) {
    unsigned owned = 0;
    each([&](const Socket& s) { owned += s.owner() == owner; });
    if (owned >= max_per_owner) return nullptr;
    for (unsigned tried = 0; tried < max_sockets; ++tried) {
        const unsigned index = search_from_;
        search_from_ = (search_from_ + 1) % max_sockets;
        Entry& entry = entries_[index];
        if (entry.used) continue;
        entry.generation = (entry.generation + 1) & (0x7fff'ffffu >> index_bits);
        return &construct(index, type, owner, (index + 1) | entry.generation << index_bits);
    }
    return nullptr;
}

Result<Socket*> Sockets::open(inet::SocketType type, std::uint32_t owner, Cause cause) {
    Socket* socket = create(type, owner);
    if (socket == nullptr) return Failure(Error::too_many);
    const auto created = socket->create();
    if (!created) {
        free(*socket);
        return Failure(created.error());
    }
    socket->note(cause, Error::none, socket->id());
    return socket;
}

Socket* Sockets::adopt(tcp_pcb* connection, Socket& listener) {
    Socket* socket = create(inet::SocketType::stream, listener.owner());
    if (socket != nullptr) socket->adopt(connection, listener);
    return socket;
}

Socket* Sockets::to_be_restored(std::uint32_t id) { return recovery_ != nullptr ? recovery_->socket(id) : nullptr; }

Socket* Sockets::made_by(std::uint32_t owner, std::uint64_t call) {
    for (Socket* s = live_.front(); s != nullptr; s = live_.after(s)) {
        if (s->owner() != owner || s->listener_ != nullptr) continue;
        const auto effect = s->effect_of(call);
        if (effect && effect->value == s->id()) return s;
    }
    return nullptr;
}

void Sockets::close(Socket& socket) {
    if (socket.close()) return free(socket);
    quiet_[place_of(socket.id())] = 0;
    List<Socket, LiveTag>::remove(&socket);
}

// The record goes first: what it names is then nobody's.
void Sockets::free(Socket& socket) {
    const std::uint32_t index = index_of(socket.id());
    quiet_[place_of(socket.id())] = 0;
    records_.erase(index);
    back_pressure_.eased(socket.id());
    if (static_cast<Linked<Socket, ChangedTag>&>(socket).linked()) List<Socket, ChangedTag>::remove(&socket);
    if (static_cast<Linked<Socket, TouchedTag>&>(socket).linked()) List<Socket, TouchedTag>::remove(&socket);
    if (static_cast<Linked<Socket, LiveTag>&>(socket).linked()) List<Socket, LiveTag>::remove(&socket);
    std::destroy_at(&socket);
    entries_[index].used = false;
}

void Sockets::commit() {
    while (Socket* socket = touched_.pop_front()) {
        records_.commit(index_of(socket->id()), socket->record());
        socket->received_.release();
    }
    connections_.commit();
}

void Sockets::refill(tcp_pcb& pcb) {
    Socket* socket = pcb.state == SYN_RCVD ? nullptr : static_cast<Socket*>(pcb.callback_arg);
    if (socket != nullptr) return socket->refill(pcb);
    if (!sockets.connections_.requeue(pcb, {})) tcp_abort(&pcb);
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
