// From the records of the process before: sockets, connections, what they have received and have to send. docs/inet.md
#pragma once

#include "protocol_records.hpp"
#include "socket_management.hpp"
#include "state_records.hpp"

#include <ant/server.hpp>

#include <span>

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
    [[nodiscard]] Result<std::uint64_t> heap(std::uint64_t bytes) const;
    // f(address) for each area that the records name.
    template <class F>
    void each_area(F&& f) const;
    // Only those remain.
    void sweep() const;
    void copy_network(const Tables& from);
    // At once, as far as another process is concerned.
    Result<> change_format(std::uint32_t to);

private:
    explicit Tables(const RecordStore& store);
    // Of a change that was interrupted, or finished all but this.
    void drop_other_formats();
};

template <class F>
void Tables::each_area(F&& f) const {
    store.for_each_area(f);
    const auto own = [&](std::uint64_t area) {
        if (sys::ica_info(area)) f(area);
    };
    areas.each([&](unsigned, const AreaUse& use) { own(use.address); });
    sends.each_written([&](unsigned index) {
        if (const SendRecord* record = sends.peek(index); record != nullptr) own(record->address);
    });
    ReceiveStore::each_place(directory(), [&](unsigned, std::uint64_t page) { own(page); });
}

class Recovery {
public:
    Recovery(Sockets& sockets, Tables& tables) : sockets_{sockets}, tables_{tables} {}

    // state_refused: a record is damaged.
    Result<> run();

private:
    template <class T, class Table, class F>
    static Result<> load(const Table& records, F f);
    bool restore_socket(unsigned index, const SocketRecord& record);
    void restore_connection(unsigned index, const TcpRecord& record);
    bool restore_streams(Socket& socket, const TcpRecord& record);
    void finish(Socket& socket, const SocketRecord& record);
    [[nodiscard]] std::span<const SocketRecord> records() const { return {records_, count_}; }
    void restore_accept_queues();
    void close_orphans();

    Sockets& sockets_;
    Tables& tables_;
    SocketRecord records_[Sockets::max_sockets];  // of those that were restored
    unsigned count_ = 0;
    tcp_pcb* orphans_[Connections::capacity];
    unsigned orphan_count_ = 0;
};

}  // namespace ant::inet_server
