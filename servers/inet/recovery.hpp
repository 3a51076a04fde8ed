// From the records of the process before: sockets, connections, what they have received and have to send. docs/inet.md
#pragma once

#include "protocol_records.hpp"
#include "segment_name.hpp"
#include "socket_management.hpp"
#include "state_records.hpp"

#include <ant/server.hpp>

#include <cstdint>

namespace ant::inet_server {

// The tables of the state ICA.
struct Tables {
    RecordStore store;
    Records<SocketRecord> sockets;
    ConnectionRecords connections;
    Records<SendRecord> sends;
    Records<NetRecord> net;
    Records<LeaseRecord> lease;
    Records<NeighbourRecord> neighbours;
    Records<AreaUse> areas;

    static constexpr std::uint32_t format = ConnectionRecords::format;
    static constexpr std::uint64_t readable = 1 | ConnectionRecords::readable;  // 1: no state at all
    // All empty, with an area for the directory of received pages.
    static Result<Tables> create(std::uint32_t in_format);
    static Result<Tables> adopt(const sys::State& registered);

    [[nodiscard]] std::uint64_t directory() const;
    // lwIP's memory: that of the process before, as it was left, unless a driver still reads from it.
    [[nodiscard]] Result<std::uint64_t> memory(unsigned which, std::uint64_t bytes) const;
    // f(address) for each area of inet itself.
    template <class F>
    void each_area(F&& f) const {
        store.for_each_area(f);
        areas.each_unchecked([&](unsigned, const AreaUse& use) { f(use.address); });
    }
    void copy_network(const Tables& from);
    // At once, as far as another process is concerned.
    Result<> change_format(std::uint32_t to);

private:
    explicit Tables(const RecordStore& store);
    // Of a change that was interrupted, or finished all but this.
    void drop_other_formats();
};

// A connection and its socket are restored when a segment or a call wants them for the first time, the others between
// calls, a few at a time: how long nobody serves does not depend on how many there are. Until all are there none is made.
class Recovery {
public:
    Recovery(Sockets& sockets, Server& server) : sockets_{sockets}, server_{server} {}

    // Sees what there is, and restores the sockets that have no connection. If a record turns out to be damaged, here or
    // later, the process ends, and the next one starts clean.
    void begin(Tables& tables);
    // The next few: one that somebody waits behind, or several. True: all are there, and this object is of no use any more.
    bool step(bool somebody_waits = false);
    void complete();
    // Whatever the process before left of the socket with that number. nullptr: nothing.
    Socket* socket(std::uint32_t id);

private:
    struct Left {                  // what there is of a socket
        std::uint32_t id = 0;      // 0: nothing, or it has been restored
        std::uint16_t connection;  // index of its record
        bool connected = false;    // that index is one
        List<Piece> received;
        List<SentArea, StreamTag> sent;
    };
    struct Connection {
        enum class State : std::uint8_t { none, left, restored };
        State state = State::none;
        bool half_open;
        std::uint32_t local_ip, remote_ip;
        std::uint16_t local_port, remote_port;
        std::uint32_t socket;
        [[nodiscard]] bool is(const SegmentName& name) const {
            return remote_port == name.remote_port && local_port == name.local_port && remote_ip == name.remote_ip &&
                   local_ip == name.local_ip;
        }
    };
    static constexpr unsigned places = Sockets::max_sockets + Connections::capacity;

    void list_sockets();
    void list_connections();
    void list_bytes();
    Left* left_of(std::uint32_t socket);
    unsigned visit(unsigned place);
    static err_t look_at_frame(pbuf* frame, netif* interface);
    void want(const pbuf& frame);
    Connection* connection_of(const SegmentName& name);
    void restore_socket(unsigned index);
    void take_bytes(Socket& socket, Left& left);
    void restore_connection(unsigned index);
    void continue_connection(unsigned index, TcpRecord& record);
    bool restore_streams(Socket& socket, TcpRecord& record);
    void finish(Socket& socket, const SocketRecord& record);
    void queue_for_accept(Socket& socket, const SocketRecord& record);
    void close_orphan(tcp_pcb& pcb);
    [[noreturn]] void start_clean();

    Sockets& sockets_;
    Server& server_;
    Tables* tables_ = nullptr;
    unsigned next_ = 0;  // of all places: first of sockets, then of connections
    Left left_[Sockets::max_sockets];
    Connection connections_[Connections::capacity];
};

}  // namespace ant::inet_server
