#include "recovery.hpp"

#include "protocol_management.hpp"

#include <ant/ica.hpp>
#include <ant/process.hpp>

#include <lwip/tcp.h>
#include <netif/ethernet.h>

#include <algorithm>
#include <utility>

namespace ant::inet_server {

namespace {

// A record that is looked at, a socket or connection that is restored, and how many of these are between two looks for calls.
constexpr unsigned little = 1, much = 8, several = 8;

// The peer's FIN has a number as well, behind its bytes.
bool fin_received(std::uint8_t state) {
    return state == CLOSE_WAIT || state == LAST_ACK || state == CLOSING || state == TIME_WAIT;
}

// The position near `position` whose low half is `sequence`.
std::uint64_t position_of(std::uint32_t sequence, std::uint64_t position) {
    return position + static_cast<std::int64_t>(static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(position)));
}

bool plausible(unsigned index, unsigned index_bits, const SocketRecord& r) {
    const bool known_type = r.type == static_cast<std::uint8_t>(inet::SocketType::stream) ||
                            r.type == static_cast<std::uint8_t>(inet::SocketType::datagram);
    return (r.id & ((1u << index_bits) - 1)) == index + 1 && known_type &&
           r.state <= static_cast<std::uint8_t>(Socket::State::closing);
}

bool plausible(const SendRecord& r) { return std::uint64_t{r.offset} + r.length <= std::uint64_t{r.pages} * abi::page_size; }

bool present(const SendRecord& r) {
    const auto area = sys::ica_info(r.address);
    return area && area->pages >= r.pages;
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
Result<std::uint64_t> Tables::memory(unsigned which, std::uint64_t bytes) const {
    AreaUse use{};
    const auto left = areas.load(which, use) == record::Found::good ? sys::ica_info(use.address) : Failure(Error::not_found);
    if (left && !left->on_loan && left->pages * abi::page_size >= bytes) return use.address;
    const std::uint64_t address = ANT_TRY(sys::ica_reserve(bytes / abi::page_size));
    Records<AreaUse>{areas}.commit(which, {address, bytes / abi::page_size});
    return address;
}

void Tables::copy_network(const Tables& from) {
    from.net.each([this](unsigned index, const NetRecord& record) { net.commit(index, record); });
    from.lease.each([this](unsigned index, const LeaseRecord& record) { lease.commit(index, record); });
    from.neighbours.each([this](unsigned index, const NeighbourRecord& record) { neighbours.commit(index, record); });
}

// What there is -----------------------------------------------------------------------------------------------

void Recovery::begin(Tables& tables) {
    tables_ = &tables;
    list_sockets();
    list_connections();
    list_bytes();
    sockets_.recovery_ = this;
    protocol.take_frames(look_at_frame);
    for (unsigned index = 0; index < Sockets::max_sockets; ++index)
        if (left_[index].id != 0 && !left_[index].connected) restore_socket(index);
}

void Recovery::list_sockets() {
    tables_->sockets.each_unchecked([this](unsigned index, const SocketRecord& record) {
        if (Sockets::index_of(record.id) != index) start_clean();
        left_[index].id = record.id;
    });
}

void Recovery::list_connections() {
    tables_->connections.each_unchecked([this](unsigned index, const TcpRecord& r) {
        connections_[index] = {
            Connection::State::left, r.state == SYN_RCVD, r.local_ip, r.remote_ip, r.local_port, r.remote_port, r.socket};
        Left* left = left_of(r.socket);
        if (left == nullptr || left->connected) return;
        left->connected = true;
        left->connection = static_cast<std::uint16_t>(index);
    });
}

// Areas that no record names were held by the process before for a moment only: they go. This one has no such areas yet.
void Recovery::list_bytes() {
    AreaKeeper keeper;
    const auto keep = [&](std::uint64_t area) { keeper.keep(area); };
    tables_->each_area(keep);
    sockets_.store().recover(keep, [this](std::uint32_t id, Piece& piece) {
        Left* left = left_of(id);
        if (left != nullptr) left->received.push_back(&piece);
        return left != nullptr;
    });
    const bool failed = server_.registered() == abi::Registered::restarted;
    sockets_.areas().recover([&](SentArea& area) {
        if (!plausible(area.record) || (failed && !present(area.record))) start_clean();
        keep(area.record.address);
        if (Left* left = left_of(area.record.socket); left != nullptr)
            left->sent.push_back(&area);
        else
            sockets_.areas().retire(area);
    });
    if (keeper.sweep()) return;
    log("a record names an area that is not here");  // the others are kept
    (void)AreaKeeper{}.sweep();
}

Recovery::Left* Recovery::left_of(std::uint32_t socket) {
    const std::uint32_t index = Sockets::index_of(socket);
    return socket != 0 && index < Sockets::max_sockets && left_[index].id == socket ? &left_[index] : nullptr;
}

// A record is damaged, or makes no sense, which wrong code may have written: nothing of what has been restored is to be
// trusted. The next process finds the network's records, and no others.
void Recovery::start_clean() {
    auto clean = Tables::create(server_.write_format());
    if (!clean) panic("no state: %s", error_text(clean.error()));
    clean->copy_network(*tables_);
    panic("%s: the state is damaged: sockets and connections are lost", startup().name);
}

// Who wants what ----------------------------------------------------------------------------------------------

bool Recovery::step(bool somebody_waits) {
    const unsigned most = somebody_waits ? much : several * much;
    for (unsigned work = 0; next_ < places && work < most; ++next_) work += visit(next_);
    if (next_ < places) return false;
    sockets_.recovery_ = nullptr;
    protocol.take_frames(ethernet_input);
    return true;
}

// -> how much that was
unsigned Recovery::visit(unsigned place) {
    if (place < Sockets::max_sockets) {
        if (left_[place].id != 0) return restore_socket(place), much;
        SocketRecord record;
        if (tables_->sockets.load(place, record) == record::Found::damaged) start_clean();
        return little;
    }
    const unsigned index = place - Sockets::max_sockets;
    if (connections_[index].state == Connection::State::left) return restore_connection(index), much;
    TcpRecord record;
    if (tables_->connections.load(index, record) == record::Found::damaged) start_clean();
    return little;
}

void Recovery::complete() {
    while (!step()) {
    }
}

Socket* Recovery::socket(std::uint32_t id) {
    Left* left = left_of(id);
    if (left == nullptr) return nullptr;
    restore_socket(static_cast<unsigned>(left - left_));
    return sockets_.by_id(id);
}

err_t Recovery::look_at_frame(pbuf* frame, netif* interface) {
    if (sockets.recovery() != nullptr) sockets.recovery()->want(*frame);
    return ethernet_input(frame, interface);
}

// What is no segment of a connection that there was may concern any, or make new ones.
void Recovery::want(const pbuf& frame) {
    const auto name = segment_in({static_cast<const std::uint8_t*>(frame.payload), frame.len});
    const Connection* connection = name && !name->begins ? connection_of(*name) : nullptr;
    if (connection == nullptr || connection->half_open) return complete();
    if (connection->state == Connection::State::restored) return;
    const auto index = static_cast<unsigned>(connection - connections_);
    if (const Left* left = left_of(connection->socket); left != nullptr && left->connected && left->connection == index)
        restore_socket(static_cast<unsigned>(left - left_));
    else
        restore_connection(index);
}

Recovery::Connection* Recovery::connection_of(const SegmentName& name) {
    for (Connection& c : connections_)
        if (c.state != Connection::State::none && c.is(name)) return &c;
    return nullptr;
}

// Restoring ---------------------------------------------------------------------------------------------------

void Recovery::restore_socket(unsigned index) {
    Left& left = left_[index];
    left.id = 0;
    SocketRecord record;
    if (tables_->sockets.load(index, record) != record::Found::good || !plausible(index, Sockets::index_bits, record))
        start_clean();
    Socket& socket = sockets_.construct(index, static_cast<inet::SocketType>(record.type), record.owner, record.id);
    socket.take_over(record);
    socket.received_.start(record.read);
    if (socket.state() == Socket::State::closing) List<Socket, LiveTag>::remove(&socket);
    sockets_.accept_order_ = std::max(sockets_.accept_order_, record.accept_order);
    take_bytes(socket, left);
    const bool simple =
        !socket.is_stream() || socket.state() == Socket::State::fresh || socket.state() == Socket::State::listening;
    const auto created = simple ? socket.create_again(record) : Result<>{};
    if (!created) log("socket %u cannot be restored: %s", record.id, error_text(created.error()));
    if (left.connected) restore_connection(left.connection);
    finish(socket, record);
    if (record.listener != 0 && sockets_.by_id(record.id) != nullptr) queue_for_accept(socket, record);
}

void Recovery::take_bytes(Socket& socket, Left& left) {
    const bool unwanted = socket.receive_shut_ || socket.state() == Socket::State::closing;
    while (Piece* piece = left.received.pop_front()) {
        if (unwanted)
            sockets_.store().forget(*piece);
        else
            socket.received_.recover(*piece);
    }
    while (SentArea* area = left.sent.pop_front()) socket.sent_.recover(*area);
}

void Recovery::restore_connection(unsigned index) {
    connections_[index].state = Connection::State::restored;
    TcpRecord record;
    if (tables_->connections.load(index, record) != record::Found::good) start_clean();
    continue_connection(index, record);
}

void Recovery::continue_connection(unsigned index, TcpRecord& record) {
    const bool half_open = record.state == SYN_RCVD;
    Socket* socket = half_open ? nullptr : sockets_.by_id(record.socket);
    if (socket != nullptr && (!socket->is_stream() || socket->tcp_ != nullptr || socket->gone_)) socket = nullptr;
    const Socket* listening = sockets_.by_id(record.listener);
    tcp_pcb* listener = listening != nullptr && listening->state() == Socket::State::listening ? listening->tcp_ : nullptr;
    Connections& connections = sockets_.connections();
    if ((half_open && listener == nullptr) || (socket != nullptr && !restore_streams(*socket, record)))
        return connections.forget(index);
    const std::uint32_t unread = socket != nullptr ? socket->received_.bytes() : 0;
    tcp_pcb* pcb = connections.restore(index, record, unread, listener);
    if (pcb == nullptr) {
        if (socket != nullptr) socket->connection_gone(Error::connection_reset);
        return connections.forget(index);
    }
    if (socket != nullptr) return socket->continue_with(pcb);
    close_orphan(*pcb);
}

// Of a socket that was closed: all was sent, or nobody was to get it.
void Recovery::close_orphan(tcp_pcb& pcb) {
    const bool open = pcb.state == ESTABLISHED || pcb.state == CLOSE_WAIT || pcb.state == SYN_SENT;
    if (open && sockets_.connections().touch(pcb)) (void)tcp_close(&pcb);
}

// False: bytes are missing, and the connection cannot go on. The socket's record is written before the connection's: it may say
// that bytes, and the end of the stream, were received which the other one does not know of. The peer sends them again, and what
// was read of them is known already.
bool Recovery::restore_streams(Socket& socket, TcpRecord& record) {
    if (record.state == SYN_SENT) return true;  // they begin when it is connected
    const std::uint64_t read = socket.received_.read();
    const std::uint32_t fin = fin_received(record.state) ? 1 : 0;
    const std::uint64_t end = std::max(position_of(record.rcv_nxt - fin, read), read);
    record.rcv_nxt = static_cast<std::uint32_t>(end) + fin;
    bool complete = true;
    if (socket.receive_shut_ || socket.state() == Socket::State::closing)
        socket.received_.start(end);
    else
        complete = socket.received_.recovered(read, end);
    complete &= socket.sent_.recovered(record.lastack, sockets_.areas());
    socket.end_of_stream_ = fin != 0;
    if (complete) return true;
    log("bytes of socket %u are missing", socket.id());
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

void Recovery::queue_for_accept(Socket& socket, const SocketRecord& record) {
    Socket* listener = sockets_.by_id(record.listener);
    if (listener == nullptr || listener->state() != Socket::State::listening) {
        socket.abort();
        return sockets_.free(socket);
    }
    Socket* later = nullptr;
    for (Socket* s = listener->accepted_.back(); s != nullptr && s->accept_order_ > record.accept_order;
         s = listener->accepted_.before(s))
        later = s;
    listener->accepted_.insert_before(&socket, later);
    socket.listener_ = listener;
    sockets_.changed(*listener);
}

}  // namespace ant::inet_server
