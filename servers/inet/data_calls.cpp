// Calls that send and receive.
#include "calls.hpp"
#include "protocol_management.hpp"
#include "request_management.hpp"

#include <algorithm>

namespace ant::inet_server {

Result<std::span<std::byte>> room_of(Call call, const inet::Receive& params) {
    std::uint64_t start = 0, size = 0;
    if (data_mode(call) == abi::DataMode::lend_write) {
        start = call.data();
        size = area_bytes(start);
    } else if (data_mode(call) == abi::DataMode::none) {
        start = call.frame().parameters + sizeof params;
        size = call.parameter_bytes() - sizeof params;
    } else {
        return Failure(Error::invalid_argument);
    }
    if (params.offset > size || params.bytes > size - params.offset) return Failure(Error::bad_address);
    return std::span{reinterpret_cast<std::byte*>(start + params.offset), params.bytes};
}

// Sending -----------------------------------------------------------------------------------------------------

Result<Outgoing> Requests::outgoing_of(Call call, const inet::Send& send) {
    Outgoing outgoing;
    std::uint64_t start = call.data(), size = 0;
    switch (data_mode(call)) {
        case abi::DataMode::move:
            outgoing.area = start;
            outgoing.area_bytes = size = area_bytes(start);
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
        drop(outgoing);
        return Failure(Error::bad_address);
    }
    outgoing.bytes = {reinterpret_cast<const std::byte*>(start + send.offset), send.bytes};
    outgoing.more = (send.flags & inet::message_flag::more) != 0;
    return outgoing;
}

void Requests::drop(const Outgoing& outgoing) {
    if (outgoing.area != 0) (void)sys::ica_release(outgoing.area);
}

// Nothing was taken.
Outcome Requests::give_back(const Outgoing& outgoing) { return Call::reply(0, {outgoing.area, abi::DataMode::move}); }

Outcome Requests::send(Call call) {
    const auto& params = call.params<inet::Send>();
    const auto socket = socket_of(call, params.socket);
    if (!socket || (call.frame().flags & abi::flag::data_list) != 0) {
        drop_moved(call);
        return socket ? Error::invalid_argument : socket.error();
    }
    Socket& to = **socket;
    if (call.redelivered() && data_mode(call) == abi::DataMode::move && area_bytes(call.data()) == 0)
        return Call::reply(params.bytes);  // taken, sent, and gone
    auto outgoing = outgoing_of(call, params);
    if (!outgoing) return outgoing.error();
    if (!to.is_stream()) return send_datagram(call, to, *outgoing);
    if (call.redelivered()) {
        if (const auto effect = to.effect_of(call.id())) return static_cast<Error>(effect->error);
        outgoing->taken = protocol.areas().taken_of(to.id(), call.id());
        if (outgoing->total() != 0 && outgoing->taken == outgoing->total()) {
            (void)to.write_out();
            to.push();
            return Call::reply(outgoing->total());
        }
    }
    return send_stream(call, to, *outgoing);
}

Outcome Requests::send_datagram(Call call, Socket& socket, const Outgoing& outgoing) {
    const auto& params = call.params<inet::Send>();
    const inet::Address* to = (params.flags & inet::message_flag::to) != 0 ? &params.address : nullptr;
    const auto sent = socket.send_datagram(outgoing.bytes, to);
    drop(outgoing);
    if (!sent) return sent.error();
    return Call::reply(*sent);
}

// Whether the driver may answer the call, once the card has sent it: for an area that is given away; and for copied bytes when
// nothing else of the connection is under way. Who speaks in turn with its peer waits for it anyway, and others are not to wait
// for the wire.
bool Requests::may_pass_on(Call call, Socket& socket, const Outgoing& outgoing) {
    const SentArea* area = socket.stream().last();
    if (area == nullptr) return false;
    if (outgoing.area != 0) return area->record.address == outgoing.area;
    return data_mode(call) == abi::DataMode::none && socket.stream().unacknowledged() == outgoing.taken;
}

Outcome Requests::send_stream(Call call, Socket& socket, Outgoing outgoing) {
    const std::uint32_t flags = call.params<inet::Send>().flags;
    if (!socket.can_write()) {
        if (outgoing.taken != 0) return Call::reply(outgoing.taken);
        const bool ended = socket.send_shut() || socket.state() == Socket::State::connected;
        const Error error = socket.take_error(cause_of(call));
        if (error != Error::none) return refuse(call, socket, outgoing, error);
        return refuse(call, socket, outgoing, ended ? Error::connection_aborted : Error::not_connected);
    }
    const bool wait = !socket.non_blocking() && (flags & inet::message_flag::dont_wait) == 0;
    const bool behind = !socket.writers.empty() || !socket.stream().all_written();
    if (!wait && behind) {
        if (outgoing.area == 0) return outgoing.taken == 0 ? Outcome{Error::would_block} : Call::reply(outgoing.taken);
        return give_back(outgoing);
    }
    if (behind) return send_later(call, socket, outgoing);
    if (outgoing.total() == 0) {
        drop(outgoing);
        return Call::reply(0);
    }
    const bool all = take(socket, outgoing, call.id());
    if (!wait && outgoing.area != 0 && outgoing.taken == 0) return give_back(outgoing);
    const bool written = socket.stream().all_written();
    socket.push(outgoing.more && all && written);
    if (wait && !(all && written)) return send_later(call, socket, outgoing);
    if (outgoing.taken == 0) return Error::would_block;
    if (may_pass_on(call, socket, outgoing) && protocol.transmitter().pass_on(call, outgoing.taken)) return Call::defer();
    return Call::reply(outgoing.taken);
}

// A moved area that is gone means that its bytes were taken, unless an error is on record.
Outcome Requests::refuse(Call call, Socket& socket, const Outgoing& outgoing, Error error) {
    socket.note(cause_of(call), error, 0);
    sockets.commit();
    drop(outgoing);
    return error;
}

// Makes bytes part of the stream, as many as there is room for, and gives lwIP what it takes. -> whether all are
bool Requests::take(Socket& socket, Outgoing& outgoing, std::uint64_t call) {
    if (outgoing.area != 0) {
        if (outgoing.taken == 0 && socket.append(outgoing.area, outgoing.area_bytes, outgoing.bytes, call))
            outgoing.taken = outgoing.total();
    } else {
        outgoing.taken += socket.append(outgoing.bytes.subspan(outgoing.taken), call, outgoing.taken);
    }
    const bool all = outgoing.taken == outgoing.total();
    (void)socket.write_out(outgoing.more || !all);
    return all;
}

Outcome Requests::send_later(Call call, Socket& socket, const Outgoing& outgoing) {
    const Outcome deferred = defer(call, Wait::Kind::send, &socket, option_timeout(socket.send_timeout_us()));
    if (deferred.kind == Outcome::Kind::deferred) {
        socket.writers.back()->outgoing = outgoing;
        return deferred;
    }
    if (outgoing.taken != 0) return Call::reply(outgoing.taken);
    return refuse(call, socket, outgoing, deferred.error);
}

// Receiving -----------------------------------------------------------------------------------------------------

Outcome Requests::receive(Call call) {
    auto& params = call.params<inet::Receive>();
    const auto socket = socket_of(call, params.socket);
    if (!socket || (call.frame().flags & abi::flag::data_list) != 0) {
        drop_moved(call);
        return socket ? Error::invalid_argument : socket.error();
    }
    const auto room = room_of(call, params);
    if (!room) {
        drop_moved(call);
        return room.error();
    }
    Socket& from = **socket;
    if (const auto effect = call.redelivered() ? from.effect_of(call.id()) : std::nullopt) {
        if (effect->error != 0) return static_cast<Error>(effect->error);
        return Call::reply(effect->value);  // the bytes were there before it was recorded
    }
    const auto got = from.waiting.empty() ? from.receive(*room, params.flags, params.address, cause_of(call))
                                          : Result<std::uint32_t>{Failure(Error::would_block)};
    if (got) return Call::reply(*got);
    if (got.error() != Error::would_block) return got.error();
    if (from.non_blocking() || (params.flags & inet::message_flag::dont_wait) != 0) return Error::would_block;
    return defer(call, Wait::Kind::receive, &from, option_timeout(from.receive_timeout_us()));
}

// Several sockets -----------------------------------------------------------------------------------------------

// A socket that was closed meanwhile is reported as in error, so that no poll waits for ever for it.
Requests::Marked Requests::mark_ready(inet::Poll& poll, std::uint32_t owner) {
    Marked marked;
    for (inet::PollEntry& entry : std::span{poll.entry, std::min(poll.count, inet::max_poll)}) {
        if ((entry.wanted & inet::readiness::writable) == 0 && sockets.known_as_quiet(entry.socket, owner)) {
            entry.ready = 0;
            continue;
        }
        const auto socket = sockets.find(entry.socket, owner);
        if (socket) {
            (*socket)->watch();
            entry.ready = (*socket)->readiness(entry.wanted);
            if ((*socket)->quiet()) sockets.note_quiet(**socket);
        } else {
            entry.ready = inet::readiness::error;
            marked.unknown = socket.error();
        }
        marked.ready += entry.ready != 0;
    }
    return marked;
}

Outcome Requests::poll(Call call) {
    auto& params = call.params<inet::Poll>();
    if (params.count > inet::max_poll) return Error::invalid_argument;
    const Marked marked = mark_ready(params, call.requester());
    if (marked.unknown != Error::none) return marked.unknown;
    if (marked.ready != 0 || params.timeout_us == 0) return Call::reply(marked.ready);
    polls_wait_ = true;
    return defer(call, Wait::Kind::poll, nullptr, params.timeout_us);
}

}  // namespace ant::inet_server
