#include "recovery.hpp"

#include <ant/ica.hpp>
#include <ant/process.hpp>

#include <lwip/tcp.h>

#include <algorithm>

namespace ant::inet_server {

namespace {

// The peer's FIN has a number as well, behind its bytes.
bool fin_received(std::uint8_t state) {
    return state == CLOSE_WAIT || state == LAST_ACK || state == CLOSING || state == TIME_WAIT;
}

// The position near `position` whose low half is `sequence`.
std::uint64_t position_of(std::uint32_t sequence, std::uint64_t position) {
    return position + (sequence - static_cast<std::uint32_t>(position));
}

bool plausible(unsigned index, unsigned index_bits, const SocketRecord& r) {
    const bool known_type = r.type == static_cast<std::uint8_t>(inet::SocketType::stream) ||
                            r.type == static_cast<std::uint8_t>(inet::SocketType::datagram);
    return (r.id & ((1u << index_bits) - 1)) == index + 1 && known_type &&
           r.state <= static_cast<std::uint8_t>(Socket::State::closing);
}

}  // namespace

Tables::Tables(const RecordStore& records)
    : store{records},
      sockets{records.table<SocketRecord>(table::socket)},
      connections{records, records.format(), table::connection},
      sends{records.table<SendRecord>(table::send)},
      net{records.table<NetRecord>(table::net)},
      lease{records.table<LeaseRecord>(table::lease)},
      neighbours{records.table<NeighbourRecord>(table::neighbour)},
      areas{records.table<AreaUse>(table::area)} {}

Result<Tables> Tables::create(std::uint32_t in_format) {
    const Table all[] = {table_of<SocketRecord>(table::socket, 1, Sockets::max_sockets),
                         ConnectionRecords::table(in_format, table::connection, Connections::capacity),
                         table_of<SendRecord>(table::send, 1, SentAreas::capacity),
                         table_of<NetRecord>(table::net, 1, 1),
                         table_of<LeaseRecord>(table::lease, 1, 1),
                         table_of<NeighbourRecord>(table::neighbour, 1, neighbour_capacity),
                         table_of<AreaUse>(table::area, 1, AreaUse::count)};
    Ica directory = ANT_TRY(Ica::reserve(ReceiveStore::directory_bytes));
    Tables tables{ANT_TRY(RecordStore::create(in_format, all))};
    const std::uint64_t pages = directory.pages();
    tables.areas.commit(AreaUse::directory, {directory.detach(), pages});
    return tables;
}

Result<Tables> Tables::adopt(const sys::State& registered) {
    Tables tables{ANT_TRY(RecordStore::adopt(registered))};
    const bool complete = tables.sockets.capacity() == Sockets::max_sockets &&
                          tables.connections.capacity() == Connections::capacity &&
                          tables.sends.capacity() == SentAreas::capacity && tables.net && tables.lease &&
                          tables.neighbours.capacity() == neighbour_capacity && tables.areas.capacity() == AreaUse::count;
    if (!complete || tables.directory() == 0) return Failure(Error::state_refused);
    tables.drop_other_formats();
    return tables;
}

void Tables::drop_other_formats() {
    for (const std::uint32_t other : {state_format::first, state_format::second})
        if (other != store.format()) (void)store.drop_table(table::connection, BothFormats::version(other));
}

Result<> Tables::change_format(std::uint32_t to) {
    if (to == store.format()) return {};
    ANT_TRY(store.add_table(ConnectionRecords::table(to, table::connection, Connections::capacity)));
    ConnectionRecords changed{store, to, table::connection};
    for (unsigned index = 0; index < Connections::capacity; ++index) {
        TcpRecord record;
        if (connections.load(index, record) == record::Found::good) changed.commit(index, record);
    }
    ANT_TRY(store.set_format(to));
    connections = changed;
    drop_other_formats();
    return {};
}

std::uint64_t Tables::directory() const {
    AreaUse use{};
    if (areas.load(AreaUse::directory, use) != record::Found::good) return 0;
    const auto info = sys::ica_info(use.address);
    return info && info->pages * abi::page_size >= ReceiveStore::directory_bytes ? use.address : 0;
}

// A packet that was under way is neither moved nor overwritten.
Result<std::uint64_t> Tables::heap(std::uint64_t bytes) const {
    AreaUse use{};
    const auto left =
        areas.load(AreaUse::heap, use) == record::Found::good ? sys::ica_info(use.address) : Failure(Error::not_found);
    if (left && !left->on_loan && left->pages * abi::page_size >= bytes) return use.address;
    const std::uint64_t address = ANT_TRY(sys::ica_reserve(bytes / abi::page_size));
    Records<AreaUse>{areas}.commit(AreaUse::heap, {address, bytes / abi::page_size});
    return address;
}

void Tables::sweep() const {
    AreaKeeper keeper;
    each_area([&](std::uint64_t area) { keeper.keep(area); });
    if (const auto swept = keeper.sweep(); !swept) log("inet: areas cannot be released: %s", error_text(swept.error()));
}

void Tables::copy_network(const Tables& from) {
    from.net.each([this](unsigned index, const NetRecord& record) { net.commit(index, record); });
    from.lease.each([this](unsigned index, const LeaseRecord& record) { lease.commit(index, record); });
    from.neighbours.each([this](unsigned index, const NeighbourRecord& record) { neighbours.commit(index, record); });
}

template <class T, class Table, class F>
Result<> Recovery::load(const Table& records, F f) {
    bool good = true;
    records.each_written([&](unsigned index) {
        T data;
        const record::Found found = records.load(index, data);
        good = good && (found == record::Found::none || (found == record::Found::good && f(index, data)));
    });
    return good ? Result<>{} : Failure(Error::state_refused);
}

Result<> Recovery::run() {
    ANT_TRY(
        load<SocketRecord>(tables_.sockets, [this](unsigned index, const SocketRecord& r) { return restore_socket(index, r); }));
    sockets_.store().recover([this](std::uint32_t id, Piece& piece) {
        Socket* socket = sockets_.by_id(id);
        if (socket == nullptr || socket->receive_shut_ || socket->state() == Socket::State::closing) return false;
        socket->received_.recover(piece);
        return true;
    });
    sockets_.areas().recover([this](SentArea& area) {
        Socket* socket = sockets_.by_id(area.record.socket);
        if (socket != nullptr)
            socket->sent_.recover(area);
        else
            sockets_.areas().retire(area);
    });
    ANT_TRY(load<TcpRecord>(tables_.connections, [this](unsigned index, const TcpRecord& r) {
        restore_connection(index, r);
        return true;
    }));
    for (const SocketRecord& r : records())
        if (Socket* socket = sockets_.by_id(r.id); socket != nullptr) finish(*socket, r);
    restore_accept_queues();
    close_orphans();
    return {};
}

bool Recovery::restore_socket(unsigned index, const SocketRecord& record) {
    if (!plausible(index, Sockets::index_bits, record)) return false;
    records_[count_++] = record;
    Socket& socket = sockets_.construct(index, static_cast<inet::SocketType>(record.type), record.owner, record.id);
    socket.take_over(record);
    socket.received_.start(record.read);
    if (socket.state() == Socket::State::closing) List<Socket, LiveTag>::remove(&socket);
    const bool simple =
        !socket.is_stream() || socket.state() == Socket::State::fresh || socket.state() == Socket::State::listening;
    if (!simple) return true;
    if (const auto created = socket.create_again(record); !created)
        log("inet: socket %u cannot be restored: %s", record.id, error_text(created.error()));
    return true;
}

void Recovery::restore_connection(unsigned index, const TcpRecord& record) {
    const bool half_open = record.state == SYN_RCVD;
    Socket* socket = half_open ? nullptr : sockets_.by_id(record.socket);
    if (socket != nullptr && (!socket->is_stream() || socket->tcp_ != nullptr || socket->gone_)) socket = nullptr;
    const Socket* listening = sockets_.by_id(record.listener);
    tcp_pcb* listener = listening != nullptr && listening->state() == Socket::State::listening ? listening->tcp_ : nullptr;
    if ((half_open && listener == nullptr) || (socket != nullptr && !restore_streams(*socket, record)))
        return tables_.connections.erase(index);
    const std::uint32_t unread = socket != nullptr ? socket->received_.bytes() : 0;
    tcp_pcb* pcb = sockets_.connections().restore(index, record, unread, listener);
    if (pcb == nullptr) {
        if (socket != nullptr) socket->connection_gone(Error::connection_reset);
        return tables_.connections.erase(index);
    }
    if (socket != nullptr) return socket->continue_with(pcb);
    if (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT || pcb->state == SYN_SENT) orphans_[orphan_count_++] = pcb;
}

// False: bytes are missing, and the connection cannot go on.
bool Recovery::restore_streams(Socket& socket, const TcpRecord& record) {
    if (record.state == SYN_SENT) return true;  // they begin when it is connected
    const std::uint64_t read = socket.received_.read();
    const std::uint64_t end = position_of(record.rcv_nxt - (fin_received(record.state) ? 1 : 0), read);
    bool complete = true;
    if (socket.receive_shut_ || socket.state() == Socket::State::closing)
        socket.received_.start(end);
    else
        complete = socket.received_.recovered(read, end);
    complete &= socket.sent_.recovered(record.lastack, sockets_.areas());
    if (fin_received(record.state)) socket.end_of_stream_ = true;
    if (complete) return true;
    log("inet: bytes of socket %u are missing", socket.id());
    socket.connection_gone(Error::connection_reset);
    return false;
}

// What has no connection now: it ended before, or its record was never written.
void Recovery::finish(Socket& socket, const SocketRecord& record) {
    if (!socket.is_stream()) return socket.received_.recovered_datagrams(record.read);
    if (socket.tcp_ != nullptr) return;
    switch (socket.state()) {
        case Socket::State::connecting:  // whoever asked for it does so again
            socket.state_ = Socket::State::fresh;
            (void)socket.create_again(record);
            return;
        case Socket::State::closing:
            return sockets_.free(socket);
        case Socket::State::connected:
            if (socket.gone_) {
                (void)socket.received_.recovered(record.read, record.end);
                return;
            }
            // Nobody can know it yet: the call that accepts it comes again as well.
            if (record.listener != 0 || record.current.value == record.id || record.deferred.value == record.id)
                return sockets_.free(socket);
            return socket.connection_gone(Error::connection_reset);
        default:
            return;
    }
}

void Recovery::restore_accept_queues() {
    struct Waiting {
        std::uint32_t order;
        Socket* socket;
        std::uint32_t listener;
    };
    static Waiting waiting[Sockets::max_sockets];
    std::size_t count = 0;
    for (const SocketRecord& record : records()) {
        sockets_.accept_order_ = std::max(sockets_.accept_order_, record.accept_order);
        Socket* socket = record.listener != 0 ? sockets_.by_id(record.id) : nullptr;
        if (socket != nullptr) waiting[count++] = {record.accept_order, socket, record.listener};
    }
    std::sort(waiting, waiting + count, [](const Waiting& a, const Waiting& b) { return a.order < b.order; });
    for (const Waiting& w : std::span{waiting, count}) {
        Socket* listener = sockets_.by_id(w.listener);
        if (listener == nullptr || listener->state() != Socket::State::listening) {
            w.socket->abort();
            sockets_.free(*w.socket);
            continue;
        }
        w.socket->listener_ = listener;
        listener->accepted_.push_back(w.socket);
        sockets_.changed(*listener);
    }
}

// Of sockets that were closed: all was sent, or nobody was to get it.
void Recovery::close_orphans() {
    for (tcp_pcb* pcb : std::span{orphans_, orphan_count_}) {
        sockets_.connections().touch(*pcb);
        (void)tcp_close(pcb);
    }
}

}  // namespace ant::inet_server
