#include "request_management.hpp"

#include "calls.hpp"
#include "protocol_management.hpp"

#include <algorithm>

namespace ant::inet_server {

namespace {

constexpr std::uint32_t max_ping_bytes = 8192;

Outcome outcome_of(const Effect& effect) {
    Outcome outcome = static_cast<Error>(effect.error);
    outcome.value = effect.value;
    return outcome;
}

// Not more of the name is overwritten than the call's note has of it.
Outcome resolved_to(Call call, std::uint32_t ip) {
    auto& result = call.params<inet::Resolved>();
    result.count = 1;
    result.ip[0] = ip;
    return {};
}

}  // namespace

void drop_moved(Call call) {
    if (data_mode(call) == abi::DataMode::move) (void)sys::ica_release(call.data());
    for (const abi::DataListEntry& entry : call.data_list())
        if (entry.mode == static_cast<std::uint32_t>(abi::DataMode::move)) (void)sys::ica_release(entry.address);
}

namespace {

// No more than a note has: a call of a function would cost more.
void copy_words(std::uint64_t* to, const std::uint64_t* from, std::size_t words) {
    if (words > 0) to[0] = from[0];
    if (words > 1) to[1] = from[1];
}
static_assert(std::size(CallNote{}.parameters) == 2);

}  // namespace

void begin_note(Call call) {
    CallNote& note = note_of(call);
    auto* parameters = &call.params<std::uint64_t>();
    const std::size_t words = std::min<std::size_t>(call.parameter_bytes() / sizeof *parameters, std::size(note.parameters));
    if (!call.redelivered() || note.call != call.id()) {
        note.deadline_ns = note.done = 0;
        copy_words(note.parameters, parameters, words);
        note.call = call.id();
    } else {
        copy_words(parameters, note.parameters, words);
    }
}

// Sockets -----------------------------------------------------------------------------------------------------

Outcome Requests::socket(Call call) {
    const auto params = call.params<inet::Socket>();
    if (params.type != static_cast<std::uint32_t>(inet::SocketType::stream) &&
        params.type != static_cast<std::uint32_t>(inet::SocketType::datagram))
        return Error::invalid_argument;
    if ((params.flags & ~inet::socket_flag::non_blocking) != 0) return Error::invalid_argument;
    if (call.redelivered())
        if (const Socket* made = sockets.made_by(call.requester(), call.id()); made != nullptr)
            return call.reply_with(inet::SocketId{made->id(), 0});
    const auto socket = sockets.open(static_cast<inet::SocketType>(params.type), call.requester(), cause_of(call));
    if (!socket) return socket.error();
    (*socket)->set_non_blocking((params.flags & inet::socket_flag::non_blocking) != 0);
    return call.reply_with(inet::SocketId{(*socket)->id(), 0});
}

Outcome Requests::bind(Call call) {
    const auto params = call.params<inet::Endpoint>();
    const auto socket = socket_of(call, params.socket);
    if (!socket) return socket.error();
    const auto local = (*socket)->local();
    if (call.redelivered() && local && local->port != 0 && (params.address.port == 0 || local->port == params.address.port))
        return {};
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
    const auto found = socket_of(call, params.socket);
    if (!found) return found.error();
    Socket& socket = **found;
    if (const auto effect = call.redelivered() ? socket.effect_of(call.id()) : std::nullopt) return outcome_of(*effect);
    const bool begun = call.redelivered() && socket.is_stream() && socket.state() != Socket::State::fresh &&
                       socket.state() != Socket::State::listening;
    if (const auto begins = begun ? Result<>{} : socket.connect(params.address); !begins) return begins.error();
    if (socket.state() == Socket::State::connected || !socket.is_stream()) return {};
    if (socket.state() == Socket::State::failed) return socket.take_error(cause_of(call));
    if (socket.non_blocking()) return Error::in_progress;
    return defer(call, Wait::Kind::connect, &socket, option_timeout(socket.send_timeout_us()));
}

Outcome Requests::accept(Call call) {
    const auto socket = socket_of(call, call.params<inet::SocketId>().socket);
    if (!socket) return socket.error();
    Socket& listener = **socket;
    if (listener.state() != Socket::State::listening) return Error::invalid_argument;
    if (call.parameter_bytes() < sizeof(inet::Accepted)) return Error::invalid_argument;
    if (call.redelivered())
        if (const Socket* made = sockets.made_by(call.requester(), call.id()); made != nullptr) return accepted(call, *made);
    if (const Socket* made = listener.waiting.empty() ? listener.accept(cause_of(call)) : nullptr; made != nullptr)
        return accepted(call, *made);
    if (listener.non_blocking()) return Error::would_block;
    return defer(call, Wait::Kind::accept, &listener, option_timeout(listener.receive_timeout_us()));
}

Outcome Requests::accepted(Call call, const Socket& connection) {
    return call.reply_with(inet::Accepted{connection.id(), 0, connection.peer().value_or(inet::Address{})});
}

Outcome Requests::close(Call call) {
    const auto socket = socket_of(call, call.params<inet::SocketId>().socket);
    if (!socket) return call.redelivered() && socket.error() == Error::not_found ? Error::none : socket.error();
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
    // An error that was told is gone.
    const auto told = call.redelivered() ? (*socket)->effect_of(call.id()) : std::nullopt;
    const auto value = told ? Result<std::uint64_t>{std::uint64_t{told->error}}
                            : (*socket)->option(static_cast<inet::Option>(params.option), cause_of(call));
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
    return resolved_to(call, ip);
}

void Requests::resolved(std::uint32_t ticket, std::uint32_t ip) {
    Wait* wait = waits_.by_ticket(Wait::Kind::resolve, ticket);
    if (wait == nullptr) return;
    (void)resolved_to(Call{wait->control}, ip);
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

// Registration --------------------------------------------------------------------------------------------------

namespace {

// What a call needs while not everything is restored.
enum class Needs : std::uint8_t { its_own, everything };  // its_own: find() and frames see to it

// Handlers are plain functions.
template <Outcome (Requests::*handler)(Call), Needs needs>
Outcome handle(Call call) {
    begin_note(call);
    if (requests.resuming()) [[unlikely]] {
        requests.called();
        constexpr auto again = [](Call c) { return (requests.*handler)(c); };
        if (needs == Needs::everything && requests.comes_early(call, again)) return Call::defer();
    }
    return (requests.*handler)(call);
}

// As handle, for calls that bring no data area.
template <Outcome (Requests::*handler)(Call), Needs needs>
Outcome handle_plain(Call call) {
    if ((call.frame().flags & (abi::flag::data_mask | abi::flag::data_list)) != 0) {
        drop_moved(call);
        return Error::invalid_argument;
    }
    return handle<handler, needs>(call);
}

}  // namespace

void Requests::register_handlers() {
    server_.on(inet::socket, handle_plain<&Requests::socket, Needs::everything>);
    server_.on(inet::bind, handle_plain<&Requests::bind, Needs::everything>);
    server_.on(inet::listen, handle_plain<&Requests::listen, Needs::everything>);
    server_.on(inet::connect, handle_plain<&Requests::connect, Needs::everything>);
    server_.on(inet::accept, handle_plain<&Requests::accept, Needs::everything>);
    server_.on(inet::close, handle_plain<&Requests::close, Needs::its_own>);
    server_.on(inet::send, handle<&Requests::send, Needs::its_own>);
    server_.on(inet::recv, handle<&Requests::receive, Needs::its_own>);
    server_.on(inet::shutdown, handle_plain<&Requests::shutdown, Needs::its_own>);
    server_.on(inet::set_option, handle_plain<&Requests::set_option, Needs::its_own>);
    server_.on(inet::get_option, handle_plain<&Requests::get_option, Needs::its_own>);
    server_.on(inet::poll, handle_plain<&Requests::poll, Needs::everything>);
    server_.on(inet::local_address, handle_plain<&Requests::local_address, Needs::its_own>);
    server_.on(inet::peer_address, handle_plain<&Requests::peer_address, Needs::its_own>);
    server_.on(inet::resolve, handle_plain<&Requests::resolve, Needs::its_own>);
    server_.on(inet::ping, handle_plain<&Requests::ping, Needs::its_own>);
    server_.on(inet::interface_state, handle_plain<&Requests::interface, Needs::everything>);
    server_.on(inet::configure, handle_plain<&Requests::configure, Needs::everything>);
    server_.on(inet::connections, handle<&Requests::connections, Needs::everything>);
    server_.on(inet::ifattach, handle_plain<&Requests::attach, Needs::everything>);
    server_.on(inet::ethinput, handle<&Requests::ethernet_input, Needs::its_own>);
    server_.before_receive([] { return requests.before_receive(); });
    server_.on_event([](std::uint64_t events) {
        if ((events & abi::event::process_ended) != 0) requests.process_ended();
    });
}

}  // namespace ant::inet_server
