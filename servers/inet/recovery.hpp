// From the records of the process before: sockets, connections, what they have received and have to send. docs/inet.md
#pragma once

#include "protocol_records.hpp"
#include "socket_management.hpp"
#include "state_records.hpp"

#include <ant/server.hpp>

namespace ant::inet_server {

// The tables of the state ICA.
struct Tables {
    RecordStore store;
    Records<SocketRecord> sockets;
    Records<TcpRecord> connections;
    Records<SendRecord> sends;
    Records<NetRecord> net;
    Records<LeaseRecord> lease;
    Records<NeighbourRecord> neighbours;
    Records<AreaUse> areas;

    static constexpr std::uint32_t format = 2;
    // All empty, with an area for the directory of received pages.
    static Result<Tables> create();
    static Result<Tables> adopt(const sys::State& registered);

    [[nodiscard]] std::uint64_t directory() const;
    // The areas that the records name, and no others, remain. First of all: a process that fails while it goes on for
    // another must not leave its areas to the next.
    void sweep() const;
    void copy_network(const Tables& from);

private:
    explicit Tables(const RecordStore& store);
};

class Recovery {
public:
    Recovery(Sockets& sockets, Tables& tables) : sockets_{sockets}, tables_{tables} {}

    // state_refused: a record is damaged.
    Result<> run();

private:
    template <class T, class F>
    static Result<> load(const Records<T>& records, F f);
    bool restore_socket(unsigned index, const SocketRecord& record);
    void restore_connection(unsigned index, const TcpRecord& record);
    bool restore_streams(Socket& socket, const TcpRecord& record);
    void finish(Socket& socket, const SocketRecord& record);
    void restore_accept_queues();
    void close_orphans();

    Sockets& sockets_;
    Tables& tables_;
    tcp_pcb* orphans_[Connections::capacity];
    unsigned orphan_count_ = 0;
};

}  // namespace ant::inet_server
