// Request management: takes the calls of APs and of the NIC driver, checks them, hands them to socket and
// protocol management, and keeps those that have to wait.
#pragma once

#include "hand_over.hpp"
#include "waiting_calls.hpp"

#include <ant/server.hpp>

namespace ant::inet_server {

class Requests {
public:
    explicit Requests(Server& server) : server_{server} {}

    void register_handlers();
    // After each call, result or event: lets calls go on that wait for what has changed meanwhile.
    // -> us until there is something to do again, as Server::before_receive wants it
    std::uint64_t before_receive();

    // Handlers.
    Outcome socket(Call call);
    Outcome bind(Call call);
    Outcome listen(Call call);
    Outcome connect(Call call);
    Outcome accept(Call call);
    Outcome close(Call call);
    Outcome send(Call call);
    Outcome receive(Call call);
    Outcome shutdown(Call call);
    Outcome set_option(Call call);
    Outcome get_option(Call call);
    Outcome poll(Call call);
    Outcome local_address(Call call);
    Outcome peer_address(Call call);
    Outcome resolve(Call call);
    Outcome ping(Call call);
    Outcome interface(Call call);
    Outcome configure(Call call);
    Outcome connections(Call call);
    Outcome attach(Call call);
    Outcome ethernet_input(Call call);
    void process_ended();

    // State for the next process of this slot, and from the one before.
    void save(HandOver& state);
    void take_over(const HandOver& state);

    void resolved(std::uint32_t ticket, std::uint32_t ip);
    void pong(std::uint16_t sequence, const inet::Pong& pong);

private:
    struct Payload;
    static Result<Payload> payload_of(Call call, const inet::Send& send);
    static void drop(const Payload& payload);
    Outcome send_datagram(Call call, Socket& socket, const Payload& payload);
    Outcome send_stream(Call call, Socket& socket, const Payload& payload);
    Outcome send_later(Call call, Socket& socket, const Writer& writer, bool wait);
    static Outcome accepted(Call call, Socket& connection);
    static unsigned mark_ready(inet::Poll& poll, std::uint32_t owner);

    Outcome defer(Call call, Wait::Kind kind, Socket* socket, std::uint64_t timeout_us);
    void answer(Wait& wait, Error error, std::int64_t value = 0);
    void expire(Wait& wait);
    void settle(Socket& socket);
    bool proceed(Wait& wait);
    void advance_writers(Socket& socket);
    void cancel_waits(Socket& socket);
    void settle_polls();
    void end_owner(std::uint32_t slot);
    void give_back_pages(Call call, Outcome& outcome);

    Server& server_;
    WaitingCalls waits_;
    bool polls_wait_ = false;
};

}  // namespace ant::inet_server
