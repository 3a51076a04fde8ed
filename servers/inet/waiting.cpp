// Calls that wait. They are not saved for the next process: it gets them again.
#include "calls.hpp"
#include "process_list.hpp"
#include "protocol_management.hpp"
#include "request_management.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ant::inet_server {

namespace {

constexpr unsigned early_per_round = 8;

// A wait does not begin anew with each process.
std::uint64_t deadline_of(Call call, std::uint64_t timeout_us) {
    if (timeout_us == for_ever) return for_ever;
    CallNote& note = note_of(call);
    if (note.deadline_ns == 0) note.deadline_ns = deadline_ns(timeout_us);
    return note.deadline_ns;
}

}  // namespace

Outcome Requests::defer(Call call, Wait::Kind kind, Socket* socket, std::uint64_t timeout_us) {
    Wait* wait = waits_.add(kind, call.control(), call.requester(), deadline_of(call, timeout_us));
    if (wait == nullptr) return Error::too_many;
    wait->socket = socket;
    if (socket != nullptr) (kind == Wait::Kind::send ? socket->writers : socket->waiting).push_back(wait);
    return Call::defer();
}

// What the call did is on record before its requester hears of it.
void Requests::answer(Wait& wait, Error error, std::int64_t value) {
    const std::uint64_t control = wait.control;
    waits_.remove(wait);
    sockets.commit();
    (void)Server::answer(control, error, value);
}

void Requests::expire(Wait& wait) {
    switch (wait.kind) {
        case Wait::Kind::poll:
            return answer(wait, Error::none, 0);
        case Wait::Kind::accept:
        case Wait::Kind::receive:
            return answer(wait, Error::would_block);
        case Wait::Kind::send: {
            const Outgoing outgoing = wait.outgoing;
            answer(wait, outgoing.taken == 0 ? Error::would_block : Error::none, outgoing.taken);
            if (outgoing.taken == 0) drop(outgoing);
            return;
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
    const Cause cause{call.id(), true};
    if (wait.kind == Wait::Kind::connect) {
        if (socket.state() == Socket::State::connecting) return false;
        const bool connected = socket.state() == Socket::State::connected;
        answer(wait, connected ? Error::none : socket.take_error(cause));
        return true;
    }
    if (wait.kind == Wait::Kind::accept) {
        const Socket* connection = socket.accept(cause);
        if (connection == nullptr) return false;
        call.params<inet::Accepted>() = {connection->id(), 0, connection->peer().value_or(inet::Address{})};
        answer(wait, Error::none);
        return true;
    }
    auto& params = call.params<inet::Receive>();
    const auto room = room_of(call, params);
    const auto got =
        room ? socket.receive(*room, params.flags, params.address, cause) : Result<std::uint32_t>{Failure(room.error())};
    if (!got && got.error() == Error::would_block) return false;
    answer(wait, got ? Error::none : got.error(), got.value_or(0));
    return true;
}

void Requests::settle(Socket& socket) {
    while (Wait* wait = socket.waiting.front())
        if (!proceed(*wait)) break;
    if (socket.state() == Socket::State::connected || socket.state() == Socket::State::closing) {
        if (!socket.alive()) fail_writers(socket);
        advance_writers(socket);
    }
    const bool done = socket.finish_closing();
    if (done && socket.state() == Socket::State::closing) sockets.free(socket);
}

void Requests::fail_writers(Socket& socket) {
    while (Wait* wait = socket.writers.front()) {
        const Outgoing outgoing = wait->outgoing;
        const Error error = socket.take_error({Call{wait->control}.id(), true});
        answer(*wait, error == Error::none ? Error::connection_aborted : error);
        if (outgoing.taken == 0) drop(outgoing);
    }
}

void Requests::advance_writers(Socket& socket) {
    const std::uint64_t before = socket.stream().written();
    while (socket.write_out()) {
        Wait* wait = socket.writers.front();
        if (wait == nullptr) break;
        Outgoing& outgoing = wait->outgoing;
        const std::uint32_t taken = outgoing.taken;
        const bool all = take(socket, outgoing, Call{wait->control}.id());
        if (all && socket.stream().all_written())
            answer(*wait, Error::none, outgoing.total());
        else if (outgoing.taken == taken)
            break;
    }
    if (socket.stream().written() != before) socket.push();
}

// The calls of a socket that is being closed. What was moved here is still sent.
void Requests::cancel_waits(Socket& socket) {
    polls_due_ |= socket.watched();
    while (Wait* wait = socket.waiting.front()) answer(*wait, Error::cancelled);
    while (Wait* wait = socket.writers.front()) {
        const Outgoing outgoing = wait->outgoing;
        answer(*wait, Error::cancelled);
        if (outgoing.taken == 0) drop(outgoing);
    }
}

void Requests::settle_polls() {
    polls_wait_ = false;
    waits_.each([this](Wait& wait) {
        if (wait.kind != Wait::Kind::poll) return;
        const unsigned ready = mark_ready(Call{wait.control}.params<inet::Poll>(), wait.owner).ready;
        if (ready != 0)
            answer(wait, Error::none, ready);
        else
            polls_wait_ = true;
    });
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

// Sockets of a slot that has no process any more are closed, when all sockets are here.
void Requests::process_ended() {
    if (resuming_) return;
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

// What has been done is on record before anybody hears of it. Of frames the driver hears only that they have arrived: nobody
// misses what they changed, as long as no packet and no answer tells of it. Until then their senders have them: of bytes, but
// not of an acknowledgement, as that of a SYN, which makes a socket.
void Requests::finish_round() {
    if (!std::exchange(unheard_, false) || sockets.any_touched()) sockets.commit();
    protocol.finish_batch();
    write_returns();
}

// A call that needs more than its own socket.
bool Requests::comes_early(Call call, Handler again) {
    Recovery* recovery = sockets.recovery();
    if (recovery == nullptr) return false;
    if (early_end_ == max_early) {
        recovery->complete();
        return false;
    }
    early_[early_end_++] = {call.control(), again};
    return true;
}

// The next few of what is to be restored, then of the calls that need all of it. True: nothing remains.
bool Requests::all_restored(bool called) {
    if (Recovery* recovery = sockets.recovery(); recovery != nullptr && !recovery->step(called)) return false;
    for (unsigned n = 0; n < early_per_round && early_begin_ != early_end_; ++n) {
        const Early early = early_[early_begin_++];
        const Outcome outcome = early.handler(Call{early.control});
        if (outcome.kind != Outcome::Kind::replied) continue;
        sockets.commit();
        (void)Server::answer(early.control, outcome.error, outcome.value, outcome.data, outcome.list);
    }
    if (early_begin_ != early_end_) return false;
    early_begin_ = early_end_ = 0;
    return true;
}

// The calls of the process before come first. Until they are all here nothing that waits is answered, and what is on
// record of calls stays as it is. The first is not kept waiting. Who is called all the time goes on nevertheless: what
// comes again has come after so many.
bool Requests::resumed() {
    constexpr unsigned most_rounds = 2 * WaitingCalls::capacity;
    const bool came = !std::exchange(idle_, true);
    const unsigned before = rounds_++;
    if (before == 0 || !all_restored(came) || (came && before < most_rounds)) return false;
    resuming_ = false;
    rounds_ = 0;
    sockets.store().release_doubtful();
    process_ended();
    sockets.connections().resume(std::exchange(lost_, Connections::Lost::by_server));
    return true;
}

[[gnu::always_inline]] inline void Requests::settle_changed() {
    do {
        protocol.poll_loopback();
        while (Socket* socket = sockets.next_changed()) {
            polls_due_ |= socket->watched();
            settle(*socket);
            protocol.poll_loopback();
        }
    } while (sockets.connections().answer_input());
    if (std::exchange(polls_due_, false) && polls_wait_) settle_polls();
    sockets.connections().ask_for_holes();
}

// Those for which there is room again, or that have waited for long.
void Requests::let_input_in() {
    while (input_count_ != 0 && !input_is_held()) {
        const Call call{inputs_[0]};
        std::copy(inputs_ + 1, inputs_ + input_count_--, inputs_);
        const Outcome outcome = handle_frames(call);
        settle_changed();
        finish_round();
        (void)Server::answer(call.control(), outcome.error, outcome.value, outcome.data, outcome.list);
    }
}

std::uint64_t Requests::before_receive() {
    if (resuming_ && !resumed()) {
        (void)sockets.connections().answer_input();
        finish_round();
        return abi::poll;
    }
    const std::uint64_t now = clock_ns();
    std::uint64_t timer_us = protocol.run_timers(now);
    while (Wait* wait = waits_.expired(now)) expire(*wait);
    settle_changed();
    finish_round();
    if (input_count_ != 0) [[unlikely]]
        let_input_in();
    if (!protocol.connections().changed()) protocol.collect_areas();
    std::uint64_t next = waits_.next_deadline_ns();
    if (input_count_ != 0) [[unlikely]]
        next = std::min(next, sockets.back_pressure().until());
    if (next != for_ever) timer_us = std::min(timer_us, next > now ? (next - now) / ns_per_us + 1 : 1);
    if (timer_us == for_ever) return no_limit;
    return timer_us == 0 ? abi::poll : timer_us;
}

}  // namespace ant::inet_server
