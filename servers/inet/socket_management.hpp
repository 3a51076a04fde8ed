// Socket management: the table of sockets, whose they are, which of them something happened to, and their records.
#pragma once

#include "back_pressure.hpp"
#include "copy_areas.hpp"
#include "socket.hpp"

#include <cstdint>

namespace ant::inet_server {

class Recovery;

class Sockets {
public:
    static constexpr unsigned index_bits = 9;
    static constexpr unsigned max_sockets = 320;
    static constexpr unsigned max_per_owner = 160;  // one process cannot take them all

    Sockets(SentAreas& areas, ReceivePages& pages, Connections& connections)
        : areas_{areas}, connections_{connections}, store_{pages} {}
    // Before the first socket. `generation`: ids begin there.
    void start(const Records<SocketRecord>& records, std::uint64_t directory, std::uint32_t generation);

    // `call`: that asks for it.
    Result<Socket*> open(inet::SocketType type, std::uint32_t owner, Cause cause);
    // Of a connection that a listener took.
    Socket* adopt(tcp_pcb* connection, Socket& listener);
    // The socket that this owner means by that number.
    Result<Socket*> find(std::uint32_t id, std::uint32_t owner) {
        Socket* socket = by_id(id);
        if (socket == nullptr || socket->state() == Socket::State::closing || socket->listener_ != nullptr)
            return Failure(Error::not_found);
        if (socket->owner() != owner) return Failure(Error::not_owner);
        return socket;
    }
    // Whatever it is doing; nullptr if there is none of that number.
    Socket* by_id(std::uint32_t id) {
        const std::uint32_t index = index_of(id);
        if (index < max_sockets && entries_[index].used && at(index).id() == id) [[likely]]
            return &at(index);
        return to_be_restored(id);
    }
    // The one that this call made, by opening or accepting it.
    Socket* made_by(std::uint32_t owner, std::uint64_t call);
    // Its number is free at once; what it still has to send is sent.
    void close(Socket& socket);
    void free(Socket& socket);

    // Something happened: waiting calls may go on, a closing socket may be done.
    void changed(Socket& socket) {
        quiet_[place_of(socket.id())] = 0;
        if (!static_cast<Linked<Socket, ChangedTag>&>(socket).linked()) changed_.push_back(&socket);
    }
    // Which connections were quiet when a poll looked at them, and have not changed since: of many sockets most are, and a poll
    // sees that without looking at them again.
    void note_quiet(const Socket& socket) { quiet_[place_of(socket.id())] = name_of(socket.id(), socket.owner()); }
    [[nodiscard]] bool known_as_quiet(std::uint32_t id, std::uint32_t owner) const {
        return quiet_[place_of(id)] == name_of(id, owner);
    }
    Socket* next_changed() { return changed_.pop_front(); }
    // Its record is to be written.
    void touched(Socket& socket) {
        if (!static_cast<Linked<Socket, TouchedTag>&>(socket).linked()) touched_.push_back(&socket);
    }
    [[nodiscard]] bool any_touched() const { return !touched_.empty(); }
    // Writes the records that changed, then those of connections: see Connections.
    void commit();

    // An open socket of that owner, nullptr if there is none.
    Socket* of_owner(std::uint32_t owner);
    // Calls f(socket) for each open socket; f must not close any.
    template <class F>
    void each(F f) {
        for (Socket* s = live_.front(); s != nullptr; s = live_.after(s)) f(*s);
    }
    void count(inet::Interface& out);

    SentAreas& areas() { return areas_; }
    CopyAreas& copy_areas() { return copy_areas_; }
    ReceiveStore& store() { return store_; }
    Connections& connections() { return connections_; }
    BackPressure& back_pressure() { return back_pressure_; }
    // While not everything that the process before left has been restored.
    [[nodiscard]] Recovery* recovery() const { return recovery_; }
    std::uint32_t next_accept_order() { return ++accept_order_; }
    static void refill(tcp_pcb& pcb);

private:
    friend class Recovery;
    Socket* to_be_restored(std::uint32_t id);
    Socket* create(inet::SocketType type, std::uint32_t owner);
    Socket& construct(unsigned index, inet::SocketType type, std::uint32_t owner, std::uint32_t id);
    static constexpr std::uint32_t place_of(std::uint32_t id) { return id & ((1u << index_bits) - 1); }
    static constexpr std::uint32_t index_of(std::uint32_t id) { return place_of(id) - 1; }
    // Never 0: no slot has the number ~0.
    static constexpr std::uint64_t name_of(std::uint32_t id, std::uint32_t owner) { return std::uint64_t{~owner} << 32 | id; }

    // Nothing outside this process knows how it arranges what it restores from the records: inet@2 does it otherwise.
#if defined(INET_LAYOUT) && INET_LAYOUT == 2
    struct alignas(128) Entry {
        bool used = false;
        std::uint32_t generation = 0;
        alignas(Socket) std::byte socket[sizeof(Socket)];
    };
#else
    struct Entry {
        alignas(Socket) std::byte socket[sizeof(Socket)];
        std::uint32_t generation = 0;
        bool used = false;
    };
#endif
    Socket& at(unsigned index) { return *reinterpret_cast<Socket*>(entries_[index].socket); }

    SentAreas& areas_;
    Connections& connections_;
    Recovery* recovery_ = nullptr;
    CopyAreas copy_areas_;
    ReceiveStore store_;
    BackPressure back_pressure_;
    Records<SocketRecord> records_;
    Entry entries_[max_sockets];
    std::uint64_t quiet_[1u << index_bits] = {};  // by the place that a number names: number and owner, or 0
    unsigned search_from_ = 0;
    std::uint32_t accept_order_ = 0;
    List<Socket, ChangedTag> changed_;
    List<Socket, TouchedTag> touched_;
    List<Socket, LiveTag> live_;  // without those that are closing
};

extern Sockets& sockets;

}  // namespace ant::inet_server
