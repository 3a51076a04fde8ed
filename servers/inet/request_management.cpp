#include "request_management.hpp"

#include "process_list.hpp"
#include "protocol_management.hpp"
#include "socket_management.hpp"

#include <algorithm>

namespace ant::inet_server {

namespace {

constexpr std::uint64_t for_ever = ~std::uint64_t{0};
constexpr std::uint64_t ns_per_us = 1000;
constexpr std::uint32_t max_ping_bytes = 8192;
constexpr std::uint32_t max_frame_bytes = 1518;

std::uint64_t deadline_ns(std::uint64_t timeout_us) {
    const std::uint64_t now = clock_ns();
    return timeout_us >= (for_ever - now) / ns_per_us ? for_ever : now + timeout_us * ns_per_us;
}
// An option of 0 means no limit.
std::uint64_t option_timeout(std::uint64_t option_us) { return option_us == 0 ? for_ever : option_us; }

Result<Socket*> socket_of(Call call, std::uint32_t id) { return sockets.find(id, call.requester()); }

abi::DataMode data_mode(Call call) { return static_cast<abi::DataMode>(call.frame().flags & abi::flag::data_mask); }

// Bytes of the area that came with the call, by move or on loan.
std::uint64_t area_bytes(std::uint64_t address) {
    const auto info = sys::ica_info(address);
    return info ? info->pages * abi::page_size : 0;
}

// Where a result is to be written: an area on loan, or the parameter area behind the structure P.
template <class P>
Result<std::span<std::byte>> room_of(Call call, std::uint64_t offset, std::uint64_t bytes) {
    std::uint64_t start = 0, size = 0;
    if (data_mode(call) == abi::DataMode::lend_write) {
        start = call.data();
        size = area_bytes(start);
    } else if (data_mode(call) == abi::DataMode::none) {
        start = call.frame().parameters + sizeof(P);
        size = call.parameter_bytes() - sizeof(P);
    } else {
        return Failure(Error::invalid_argument);
    }
    if (offset > size || bytes > size - offset) return Failure(Error::bad_address);
    return std::span{reinterpret_cast<std::byte*>(start + offset), bytes};
}

Outcome transmitted(const CallResult& result) {
    protocol.transmitted(result);
    return {};
}

// An area that a call should not have brought along must not stay.
void drop_moved(Call call) {
    if (data_mode(call) == abi::DataMode::move) (void)sys::ica_release(call.data());
    for (const abi::DataListEntry& entry : call.data_list())
        if (entry.mode == static_cast<std::uint32_t>(abi::DataMode::move)) (void)sys::ica_release(entry.address);
}

}  // namespace

// Sockets -----------------------------------------------------------------------------------------------------

Outcome Requests::socket(Call call) {
    const auto params = call.params<inet::Socket>();
    if (params.type != static_cast<std::uint32_t>(inet::SocketType::stream) &&
        params.type != static_cast<std::uint32_t>(inet::SocketType::datagram))
        return Error::invalid_argument;
    if ((params.flags & ~inet::socket_flag::non_blocking) != 0) return Error::invalid_argument;
    const auto socket = sockets.open(static_cast<inet::SocketType>(params.type), call.requester());
    if (!socket) return socket.error();
    (*socket)->set_non_blocking((params.flags & inet::socket_flag::non_blocking) != 0);
    return call.reply_with(inet::SocketId{(*socket)->id(), 0});
}

Outcome Requests::bind(Call call) {
    const auto params = call.params<inet::Endpoint>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    const auto bound = (*socket)->bind(params.address);
    return bound ? Outcome{} : Outcome{bound.error()};
}

Outcome Requests::listen(Call call) {
    const auto params = call.params<inet::Listen>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    const auto listens = (*socket)->listen(params.backlog);
    return listens ? Outcome{} : Outcome{listens.error()};
}

Outcome Requests::connect(Call call) {
    const auto params = call.params<inet::Endpoint>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    const auto begun = (*socket)->connect(params.address);
    if (!begun) return begun.error();
    if ((*socket)->state() == Socket::State::connected) return {};
    if ((*socket)->non_blocking()) return Error::in_progress;
    return defer(call, Wait::Kind::connect, *socket, option_timeout((*socket)->send_timeout_us()));
}

Outcome Requests::accept(Call call) {
    const auto socket = socket_of(call, call.params<inet::SocketId>().socket);
    if (!socket) return socket.error();
    Socket& listener = **socket;
    if (listener.state() != Socket::State::listening) return Error::invalid_argument;
    if (call.parameter_bytes() < sizeof(inet::Accepted)) return Error::invalid_argument;
    if (Socket* connection = listener.waiting.empty() ? listener.accept() : nullptr; connection != nullptr)
        return accepted(call, *connection);
    if (listener.non_blocking()) return Error::would_block;
    return defer(call, Wait::Kind::accept, &listener, option_timeout(listener.receive_timeout_us()));
}

Outcome Requests::accepted(Call call, Socket& connection) {
    return call.reply_with(inet::Accepted{connection.id(), 0, connection.peer().value_or(inet::Address{})});
}

Outcome Requests::close(Call call) {
    const auto socket = socket_of(call, call.params<inet::SocketId>().socket);
    if (!socket) return socket.error();
    cancel_waits(**socket);
    sockets.close(**socket);
    return {};
}

Outcome Requests::shutdown(Call call) {
    const auto params = call.params<inet::Shutdown>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    if (params.how > static_cast<std::uint32_t>(inet::ShutdownHow::both)) return Error::invalid_argument;
    const auto done = (*socket)->shutdown(static_cast<inet::ShutdownHow>(params.how));
    return done ? Outcome{} : Outcome{done.error()};
}

Outcome Requests::set_option(Call call) {
    const auto params = call.params<inet::SocketOption>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    const auto set = (*socket)->set_option(static_cast<inet::Option>(params.option), params.value);
    return set ? Outcome{} : Outcome{set.error()};
}

Outcome Requests::get_option(Call call) {
    auto params = call.params<inet::SocketOption>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    const auto value = (*socket)->option(static_cast<inet::Option>(params.option));
    if (!value) return value.error();
    params.value = *value;
    return call.reply_with(params);
}

Outcome Requests::local_address(Call call) {
    const auto socket = socket_of(call, call.params<inet::SocketId>().socket);
    if (!socket) return socket.error();
    const auto address = (*socket)->local();
    return address ? call.reply_with(*address) : Outcome{address.error()};
}

Outcome Requests::peer_address(Call call) {
    const auto socket = socket_of(call, call.params<inet::SocketId>().socket);
    if (!socket) return socket.error();
    const auto address = (*socket)->peer();
    return address ? call.reply_with(*address) : Outcome{address.error()};
}

// Sending -----------------------------------------------------------------------------------------------------

struct Requests::Payload {
    std::span<const std::byte> bytes;
    std::uint64_t moved = 0;        // area that is ours now
    std::uint64_t moved_bytes = 0;  // its size
};

Result<Requests::Payload> Requests::payload_of(Call call, const inet::Send& send) {
    Payload payload;
    std::uint64_t start = call.data(), size = 0;
    switch (data_mode(call)) {
        case abi::DataMode::move:
            payload.moved = start;
            payload.moved_bytes = size = area_bytes(start);
            break;
        case abi::DataMode::lend_read:
        case abi::DataMode::lend_write:
            size = area_bytes(start);
            break;
        case abi::DataMode::none:
            start = call.frame().parameters + sizeof(inet::Send);
            size = call.parameter_bytes() - sizeof(inet::Send);
            break;
    }
    if (send.offset > size || send.bytes > size - send.offset) {
        drop(payload);
        return Failure(Error::bad_address);
    }
    payload.bytes = {reinterpret_cast<const std::byte*>(start + send.offset), send.bytes};
    return payload;
}

void Requests::drop(const Payload& payload) {
    if (payload.moved != 0) (void)sys::ica_release(payload.moved);
}

Outcome Requests::send(Call call) {
    const auto& params = call.params<inet::Send>();
    const auto socket = socket_of(call, params.socket);
    if (!socket || (call.frame().flags & abi::flag::data_list) != 0) {
        drop_moved(call);
        return socket ? Error::invalid_argument : socket.error();
    }
    const auto payload = payload_of(call, params);
    if (!payload) return payload.error();
    Socket& to = **socket;
    return to.is_stream() ? send_stream(call, to, *payload) : send_datagram(call, to, *payload);
}

Outcome Requests::send_datagram(Call call, Socket& socket, const Payload& payload) {
    const auto& params = call.params<inet::Send>();
    const inet::Address* to = (params.flags & inet::message_flag::to) != 0 ? &params.address : nullptr;
    const auto sent = socket.send_datagram(payload.bytes, to);
    drop(payload);
    if (!sent) return sent.error();
    return Call::reply(static_cast<std::int64_t>(payload.bytes.size()));
}

Outcome Requests::send_stream(Call call, Socket& socket, const Payload& payload) {
    const std::uint32_t flags = call.params<inet::Send>().flags;
    if (!socket.can_write()) {
        drop(payload);
        if (const Error error = socket.take_error(); error != Error::none) return error;
        return socket.send_shut() || socket.state() == Socket::State::connected ? Error::connection_aborted
                                                                                : Error::not_connected;
    }
    const bool wait = !socket.non_blocking() && (flags & inet::message_flag::dont_wait) == 0;
    if (!wait && !socket.writers.empty()) {
        if (payload.moved == 0) return Error::would_block;
        return Call::reply(0, {payload.moved, abi::DataMode::move});  // nothing taken: the area goes back
    }
    Writer writer;
    writer.from = payload.bytes.data();
    writer.total = writer.remaining = static_cast<std::uint32_t>(payload.bytes.size());
    writer.more = (flags & inet::message_flag::more) != 0;
    if (payload.moved != 0) {
        writer.area = protocol.areas().add(payload.moved, payload.moved_bytes);
        if (writer.area == nullptr) {
            drop(payload);
            return Error::too_many;
        }
    }
    const SentArea* area = writer.area;
    const bool written = socket.writers.empty() && socket.write(writer);
    socket.push(writer.more && written);
    if (!written) return send_later(call, socket, writer, wait);
    if (area != nullptr && protocol.transmitter().pass_on(call, *area)) return Call::defer();
    return Call::reply(writer.total);
}

// Not everything fitted. The rest of an area that was moved here is written later even if nobody waits for it.
Outcome Requests::send_later(Call call, Socket& socket, const Writer& writer, bool wait) {
    const std::uint32_t done = writer.total - writer.remaining;
    if (!wait && writer.area == nullptr) return done == 0 ? Outcome{Error::would_block} : Call::reply(done);
    const std::uint64_t limit = wait ? deadline_ns(option_timeout(socket.send_timeout_us())) : for_ever;
    Wait* waiting = waits_.add(Wait::Kind::send, wait ? call.control() : 0, call.requester(), limit);
    if (waiting == nullptr) {
        Writer unfinished = writer;
        socket.forget(unfinished);
        return done == 0 ? Outcome{Error::too_many} : Call::reply(done);
    }
    waiting->socket = &socket;
    waiting->writer = writer;
    socket.writers.push_back(waiting);
    return wait ? Call::defer() : Call::reply(writer.total);
}

void Requests::advance_writers(Socket& socket) {
    bool wrote = false;
    while (Wait* wait = socket.writers.front()) {
        const std::uint32_t before = wait->writer.remaining;
        const bool all = socket.write(wait->writer);
        wrote |= wait->writer.remaining != before;
        if (!all) break;
        answer(*wait, Error::none, wait->writer.total);
    }
    if (wrote) socket.push();
}

// Receiving -----------------------------------------------------------------------------------------------------

Outcome Requests::receive(Call call) {
    auto& params = call.params<inet::Receive>();
    const auto socket = socket_of(call, params.socket);
    if (!socket || (call.frame().flags & abi::flag::data_list) != 0) {
        drop_moved(call);
        return socket ? Error::invalid_argument : socket.error();
    }
    const auto room = room_of<inet::Receive>(call, params.offset, params.bytes);
    if (!room) {
        drop_moved(call);
        return room.error();
    }
    Socket& from = **socket;
    const auto got = from.waiting.empty() ? from.receive(*room, params.flags, params.address)
                                          : Result<std::uint32_t>{Failure(Error::would_block)};
    if (got) return Call::reply(*got);
    if (got.error() != Error::would_block) return got.error();
    if (from.non_blocking() || (params.flags & inet::message_flag::dont_wait) != 0) return Error::would_block;
    return defer(call, Wait::Kind::receive, &from, option_timeout(from.receive_timeout_us()));
}

// Several sockets -----------------------------------------------------------------------------------------------

// A socket that was closed meanwhile is reported as in error, so that no poll waits for ever for it.
unsigned Requests::mark_ready(inet::Poll& poll, std::uint32_t owner) {
    unsigned count = 0;
    for (inet::PollEntry& entry : std::span{poll.entry, std::min(poll.count, inet::max_poll)}) {
        constexpr std::uint16_t always = inet::readiness::error | inet::readiness::hang_up;
        const auto socket = sockets.find(entry.socket, owner);
        const std::uint16_t ready = socket ? (*socket)->readiness() : inet::readiness::error;
        entry.ready = ready & static_cast<std::uint16_t>(entry.wanted | always);
        count += entry.ready != 0;
    }
    return count;
}

Outcome Requests::poll(Call call) {
    auto& params = call.params<inet::Poll>();
    if (params.count > inet::max_poll) return Error::invalid_argument;
    for (const inet::PollEntry& entry : std::span{params.entry, params.count})
        if (const auto socket = socket_of(call, entry.socket); !socket) return socket.error();
    const unsigned ready = mark_ready(params, call.requester());
    if (ready != 0 || params.timeout_us == 0) return Call::reply(ready);
    polls_wait_ = true;
    return defer(call, Wait::Kind::poll, nullptr, params.timeout_us);
}

void Requests::settle_polls() {
    polls_wait_ = false;
    waits_.each([this](Wait& wait) {
        if (wait.kind != Wait::Kind::poll) return;
        const unsigned ready = mark_ready(Call{wait.control}.params<inet::Poll>(), wait.owner);
        if (ready != 0)
            answer(wait, Error::none, ready);
        else
            polls_wait_ = true;
    });
}

// Names, echo, figures ------------------------------------------------------------------------------------------

Outcome Requests::resolve(Call call) {
    const auto& params = call.params<inet::Resolve>();
    const bool terminated = std::find(std::begin(params.name), std::end(params.name), '\0') != std::end(params.name);
    if (!terminated || params.name[0] == '\0') return Error::invalid_argument;
    if (call.parameter_bytes() < sizeof(inet::Resolved)) return Error::invalid_argument;
    Wait* wait = waits_.add(Wait::Kind::resolve, call.control(), call.requester(), for_ever);
    if (wait == nullptr) return Error::too_many;
    std::uint32_t ip = 0;
    const auto known = protocol.resolve(params.name, wait->ticket, ip);
    if (known && !*known) return Call::defer();
    waits_.remove(*wait);
    if (!known) return known.error();
    return call.reply_with(inet::Resolved{1, {ip}});
}

void Requests::resolved(std::uint32_t ticket, std::uint32_t ip) {
    Wait* wait = waits_.by_ticket(Wait::Kind::resolve, ticket);
    if (wait == nullptr) return;
    Call{wait->control}.params<inet::Resolved>() = {1, {ip}};
    answer(*wait, ip == 0 ? Error::name_unknown : Error::none);
}

Outcome Requests::ping(Call call) {
    const auto params = call.params<inet::Ping>();
    if (params.bytes > max_ping_bytes) return Error::message_too_long;
    if (params.ip == 0 || call.parameter_bytes() < sizeof(inet::Pong)) return Error::invalid_argument;
    Wait* wait = waits_.add(Wait::Kind::ping, call.control(), call.requester(), deadline_ns(params.timeout_us));
    if (wait == nullptr) return Error::too_many;
    wait->sent_ns = clock_ns();
    const auto sent = protocol.ping(params, static_cast<std::uint16_t>(wait->ticket));
    if (sent) return Call::defer();
    waits_.remove(*wait);
    return sent.error();
}

void Requests::pong(std::uint16_t sequence, const inet::Pong& pong) {
    Wait* wait = waits_.by_ticket(Wait::Kind::ping, sequence, 0xffff);
    if (wait == nullptr) return;
    inet::Pong& result = Call{wait->control}.params<inet::Pong>();
    result = pong;
    result.round_trip_ns = clock_ns() - wait->sent_ns;
    answer(*wait, Error::none);
}

Outcome Requests::interface(Call call) {
    inet::Interface result{};
    protocol.describe(result);
    sockets.count(result);
    return call.reply_with(result);
}

Outcome Requests::configure(Call call) {
    if (!protocol.attached()) return Error::not_found;
    protocol.configure(call.params<inet::Configure>());
    return {};
}

Outcome Requests::connections(Call call) {
    if (data_mode(call) != abi::DataMode::lend_write) {
        drop_moved(call);
        return Error::invalid_argument;
    }
    auto* records = reinterpret_cast<inet::ConnectionRecord*>(call.data());
    const std::uint64_t room = area_bytes(call.data()) / sizeof *records;
    std::uint64_t count = 0;
    sockets.each([&](const Socket& socket) {
        if (count < room) socket.describe(records[count++]);
    });
    return Call::reply(static_cast<std::int64_t>(count));
}

// The NIC driver ------------------------------------------------------------------------------------------------

// Only the driver process whose slot has that name may be our driver.
Outcome Requests::attach(Call call) {
    auto params = call.params<inet::Attach>();
    params.driver[sizeof params.driver - 1] = '\0';
    bool genuine = false;
    const auto listed = each_process([&](const abi::ProcessRecord& process) {
        genuine |= process.slot == call.requester() && process.priority >= abi::priority::driver &&
                   __builtin_strncmp(process.name, params.driver, sizeof process.name) == 0;
    });
    if (!listed) return listed.error();
    if (!genuine) return Error::denied;
    const auto attached = protocol.attach(server_, params, call.requester(), transmitted);
    return attached ? Outcome{} : Outcome{attached.error()};
}

Outcome Requests::ethernet_input(Call call) {
    const std::span<abi::DataListEntry> areas = call.data_list();
    const std::size_t head = sizeof(abi::DataList) + areas.size_bytes();
    const bool complete =
        (call.frame().flags & abi::flag::data_list) != 0 && call.parameter_bytes() >= head + sizeof(inet::EthernetInput);
    if (!complete || call.requester() != protocol.driver_slot()) {
        drop_moved(call);
        return complete ? Error::denied : Error::invalid_argument;
    }
    protocol.transmitter().check_passed_on();
    const inet::EthernetInput input = call.params_after_list<inet::EthernetInput>();
    protocol.set_link(input.link_up != 0);
    for (std::size_t i = 0; i < areas.size(); ++i) {
        const abi::DataListEntry& area = areas[i];
        const inet::Frame frame = i < input.count && i < inet::max_frames ? input.frame[i] : inet::Frame{};
        const std::uint64_t size = std::uint64_t{area.pages} * abi::page_size;
        const bool fits = frame.bytes != 0 && frame.bytes <= max_frame_bytes && std::uint64_t{frame.offset} + frame.bytes <= size;
        const bool ours = area.mode == static_cast<std::uint32_t>(abi::DataMode::move);
        pbuf* p = nullptr;
        if (ours && area.pages == 1) {
            if (fits)
                p = protocol.pages().take_frame(area.address, frame.offset, frame.bytes);
            else
                protocol.pages().give_back(area.address);
        } else {
            if (fits) p = ReceivePages::copy_frame(reinterpret_cast<const std::byte*>(area.address + frame.offset), frame.bytes);
            if (ours) (void)sys::ica_release(area.address);
        }
        if (p != nullptr) protocol.input(p, frame.flags);
    }
    Outcome outcome;
    give_back_pages(call, outcome);
    return outcome;
}

// As many as there is room for in the list, most of what the driver has just brought.
void Requests::give_back_pages(Call call, Outcome& outcome) {
    auto& list = call.params<abi::DataList>();
    const std::size_t room = (call.parameter_bytes() - sizeof(abi::DataList)) / sizeof(abi::DataListEntry);
    std::uint32_t count = 0;
    while (count < std::min<std::size_t>(room, abi::max_data_list)) {
        const std::uint64_t page = protocol.pages().next_return();
        if (page == 0) break;
        list.entries[count++] = {page, 1, static_cast<std::uint32_t>(abi::DataMode::move)};
    }
    list.count = count;
    outcome.list = count != 0;
    outcome.value = count;
}

// Waiting -------------------------------------------------------------------------------------------------------

Outcome Requests::defer(Call call, Wait::Kind kind, Socket* socket, std::uint64_t timeout_us) {
    const std::uint64_t limit = timeout_us == for_ever ? for_ever : deadline_ns(timeout_us);
    Wait* wait = waits_.add(kind, call.control(), call.requester(), limit);
    if (wait == nullptr) return Error::too_many;
    wait->socket = socket;
    if (socket != nullptr) socket->waiting.push_back(wait);
    return Call::defer();
}

void Requests::answer(Wait& wait, Error error, std::int64_t value) {
    const std::uint64_t control = wait.control;
    waits_.remove(wait);
    if (control != 0) (void)Server::answer(control, error, value);
}

void Requests::expire(Wait& wait) {
    switch (wait.kind) {
        case Wait::Kind::poll:
            return answer(wait, Error::none, 0);
        case Wait::Kind::accept:
        case Wait::Kind::receive:
            return answer(wait, Error::would_block);
        case Wait::Kind::send: {
            const std::uint32_t done = wait.writer.total - wait.writer.remaining;
            wait.socket->forget(wait.writer);
            return answer(wait, done == 0 ? Error::would_block : Error::none, done);
        }
        case Wait::Kind::connect:
        case Wait::Kind::resolve:
        case Wait::Kind::ping:
            return answer(wait, Error::timed_out);
    }
}

// One waiting call of a socket that has changed. False: it goes on waiting, and so do those behind it.
bool Requests::proceed(Wait& wait) {
    Socket& socket = *wait.socket;
    const Call call{wait.control};
    if (wait.kind == Wait::Kind::connect) {
        if (socket.state() == Socket::State::connecting) return false;
        const bool connected = socket.state() == Socket::State::connected;
        answer(wait, connected ? Error::none : socket.take_error());
        return true;
    }
    if (wait.kind == Wait::Kind::accept) {
        Socket* connection = socket.accept();
        if (connection == nullptr) return false;
        call.params<inet::Accepted>() = {connection->id(), 0, connection->peer().value_or(inet::Address{})};
        answer(wait, Error::none);
        return true;
    }
    auto& params = call.params<inet::Receive>();
    const auto room = room_of<inet::Receive>(call, params.offset, params.bytes);
    const auto got = room ? socket.receive(*room, params.flags, params.address) : Result<std::uint32_t>{Failure(room.error())};
    if (!got && got.error() == Error::would_block) return false;
    answer(wait, got ? Error::none : got.error(), got.value_or(0));
    return true;
}

void Requests::settle(Socket& socket) {
    while (Wait* wait = socket.waiting.front())
        if (!proceed(*wait)) break;
    if (socket.state() == Socket::State::connected || socket.state() == Socket::State::closing) {
        if (!socket.alive() && !socket.writers.empty()) {
            const Error error = socket.take_error();
            while (Wait* wait = socket.writers.front()) {
                socket.forget(wait->writer);
                answer(*wait, error == Error::none ? Error::connection_aborted : error);
            }
        }
        advance_writers(socket);
    }
    const bool done = socket.finish_closing();
    if (done && socket.state() == Socket::State::closing) sockets.free(socket);
}

// The calls of a socket that is being closed. What was moved here is still sent.
void Requests::cancel_waits(Socket& socket) {
    while (Wait* wait = socket.waiting.front()) answer(*wait, Error::cancelled);
    for (Wait* wait = socket.writers.front(); wait != nullptr;) {
        Wait* writer = wait;
        wait = socket.writers.after(wait);
        if (writer->control == 0) continue;
        if (writer->writer.area == nullptr) {
            answer(*writer, Error::cancelled);
            continue;
        }
        (void)Server::answer(writer->control, Error::cancelled);
        writer->control = 0;
    }
}

void Requests::end_owner(std::uint32_t slot) {
    waits_.each([&](Wait& wait) {
        if (wait.owner == slot && wait.socket == nullptr) answer(wait, Error::cancelled);
    });
    while (Socket* socket = sockets.of_owner(slot)) {
        cancel_waits(*socket);
        sockets.close(*socket);
    }
}

// Sockets of a slot that has no process any more are closed.
void Requests::process_ended() {
    std::array<std::uint32_t, 128> alive;
    std::size_t count = 0;
    const auto listed = each_process([&](const abi::ProcessRecord& process) {
        if (process.state == static_cast<std::uint32_t>(abi::ProcessState::ending)) return;
        if (count < alive.size()) alive[count++] = process.slot;
    });
    if (!listed || count == alive.size()) return;
    const auto is_alive = [&](std::uint32_t slot) {
        return std::find(alive.begin(), alive.begin() + count, slot) != alive.begin() + count;
    };
    for (;;) {
        std::uint32_t gone = 0;
        sockets.each([&](const Socket& socket) {
            if (!is_alive(socket.owner())) gone = socket.owner();
        });
        waits_.each([&](const Wait& wait) {
            if (wait.socket == nullptr && !is_alive(wait.owner)) gone = wait.owner;
        });
        if (gone == 0) return;
        end_owner(gone);
    }
}

void Requests::save(HandOver& state) {
    waits_.each([&](const Wait& wait) {
        if (wait.control != 0) (void)state.add_call(wait.control);
    });
}

// The sockets that these calls were about are gone.
void Requests::take_over(const HandOver& state) {
    for (const std::uint64_t control : state.waiting()) (void)Server::answer(control, Error::restarted);
    protocol.take_over(server_, state, transmitted);
}

std::uint64_t Requests::before_receive() {
    std::uint64_t timer_us = protocol.run_timers();
    const std::uint64_t now = clock_ns();
    while (Wait* wait = waits_.expired(now)) expire(*wait);
    bool any = false;
    protocol.poll_loopback();
    while (Socket* socket = sockets.next_changed()) {
        settle(*socket);
        protocol.poll_loopback();
        any = true;
    }
    if (any && polls_wait_) settle_polls();
    protocol.finish_batch();
    const std::uint64_t next = waits_.next_deadline_ns();
    if (next != for_ever) timer_us = std::min(timer_us, next > now ? (next - now) / ns_per_us + 1 : 1);
    if (timer_us == for_ever) return no_limit;
    return timer_us == 0 ? abi::poll : timer_us;
}

// Registration --------------------------------------------------------------------------------------------------

namespace {

Requests* requests = nullptr;  // handlers are plain functions

template <Outcome (Requests::*handler)(Call)>
Outcome handle(Call call) {
    return (requests->*handler)(call);
}

// As handle, for calls that bring no data area.
template <Outcome (Requests::*handler)(Call)>
Outcome handle_plain(Call call) {
    if ((call.frame().flags & (abi::flag::data_mask | abi::flag::data_list)) != 0) {
        drop_moved(call);
        return Error::invalid_argument;
    }
    return (requests->*handler)(call);
}

}  // namespace

void Requests::register_handlers() {
    requests = this;
    server_.on(inet::socket, handle_plain<&Requests::socket>);
    server_.on(inet::bind, handle_plain<&Requests::bind>);
    server_.on(inet::listen, handle_plain<&Requests::listen>);
    server_.on(inet::connect, handle_plain<&Requests::connect>);
    server_.on(inet::accept, handle_plain<&Requests::accept>);
    server_.on(inet::close, handle_plain<&Requests::close>);
    server_.on(inet::send, handle<&Requests::send>);
    server_.on(inet::recv, handle<&Requests::receive>);
    server_.on(inet::shutdown, handle_plain<&Requests::shutdown>);
    server_.on(inet::set_option, handle_plain<&Requests::set_option>);
    server_.on(inet::get_option, handle_plain<&Requests::get_option>);
    server_.on(inet::poll, handle_plain<&Requests::poll>);
    server_.on(inet::local_address, handle_plain<&Requests::local_address>);
    server_.on(inet::peer_address, handle_plain<&Requests::peer_address>);
    server_.on(inet::resolve, handle_plain<&Requests::resolve>);
    server_.on(inet::ping, handle_plain<&Requests::ping>);
    server_.on(inet::interface, handle_plain<&Requests::interface>);
    server_.on(inet::configure, handle_plain<&Requests::configure>);
    server_.on(inet::connections, handle<&Requests::connections>);
    server_.on(inet::ifattach, handle_plain<&Requests::attach>);
    server_.on(inet::ethinput, handle<&Requests::ethernet_input>);
    server_.before_receive([] { return requests->before_receive(); });
    server_.on_event([](std::uint64_t events) {
        if ((events & abi::event::process_ended) != 0) requests->process_ended();
    });
}

}  // namespace ant::inet_server
