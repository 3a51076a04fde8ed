// Request management: takes the calls of APs and of the NIC driver, checks them, hands them to socket and
// protocol management, and keeps those that have to wait. A call that comes again, because the process before ended
// while it had it, is answered from what that process recorded of it, or done.
#pragma once

#include "tcp_restore.hpp"
#include "waiting_calls.hpp"

#include <ant/server.hpp>

#include <algorithm>

namespace ant::inet_server {

class Requests {
public:
    explicit Requests(Server& server) : server_{server} {}

    void register_handlers();
    // After each call, result or event: lets calls go on that wait for what has changed meanwhile.
    // -> us until there is something to do again, as Server::before_receive wants it
    std::uint64_t before_receive();
    // In a process that goes on for another, or whose driver does: what waited for it comes first, then the peers hear of it.
    void resume(Connections::Lost lost) {
        resuming_ = true;
        idle_ = false;
        lost_ = std::max(lost_, lost);
    }
    [[nodiscard]] bool resuming() const { return resuming_; }

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
    static Outcome transmitted(const CallResult& result);
    void called() { idle_ = false; }
    // Before a handler: whether the call has to wait until everything is restored, `again` is its handler.
    using Handler = Outcome (*)(Call);
    bool comes_early(Call call, Handler again);

    void resolved(std::uint32_t ticket, std::uint32_t ip);
    void pong(std::uint16_t sequence, const inet::Pong& pong);

private:
    static Result<Outgoing> outgoing_of(Call call, const inet::Send& send);
    static void drop(const Outgoing& outgoing);
    static Outcome give_back(const Outgoing& outgoing);
    Outcome send_datagram(Call call, Socket& socket, const Outgoing& outgoing);
    Outcome send_stream(Call call, Socket& socket, Outgoing outgoing);
    static bool may_pass_on(Call call, Socket& socket, const Outgoing& outgoing);
    Outcome send_later(Call call, Socket& socket, const Outgoing& outgoing);
    static Outcome refuse(Call call, Socket& socket, const Outgoing& outgoing, Error error);
    bool take(Socket& socket, Outgoing& outgoing, std::uint64_t call);
    static Outcome accepted(Call call, const Socket& connection);
    struct Marked {
        unsigned ready = 0;
        Error unknown = Error::none;  // of an entry that is none of the owner's sockets
    };
    static Marked mark_ready(inet::Poll& poll, std::uint32_t owner);

    // Waiting (waiting.cpp).
    Outcome defer(Call call, Wait::Kind kind, Socket* socket, std::uint64_t timeout_us);
    void answer(Wait& wait, Error error, std::int64_t value = 0);
    void expire(Wait& wait);
    void finish_round();
    bool resumed();
    bool all_restored(bool called);
    void settle(Socket& socket);
    void settle_changed();
    void fail_writers(Socket& socket);
    bool proceed(Wait& wait);
    void advance_writers(Socket& socket);
    void cancel_waits(Socket& socket);
    void settle_polls();
    void end_owner(std::uint32_t slot);

    // The NIC driver (driver_calls.cpp).
    Outcome handle_frames(Call call);
    static void copy_frame(Call call, const inet::Frame& frame);
    static void take_page(Call call, const abi::DataListEntry& area, const inet::Frame& frame);
    Outcome give_back_pages(Call call);
    void write_returns();
    static bool input_is_held();
    bool input_waits(Call call);
    void let_input_in();

    struct Returned {  // pages that go back with the answer to this call
        std::uint64_t call = 0;
        std::uint32_t count = 0;
        std::uint64_t page[abi::max_data_list];
    };

    static constexpr unsigned max_inputs = 8;  // more than a driver has under way

    Server& server_;
    WaitingCalls waits_;
    std::uint64_t inputs_[max_inputs];  // calls of the driver that wait (BackPressure), in order
    unsigned input_count_ = 0;
    Returned returned_;
    bool polls_wait_ = false;
    bool polls_due_ = false;  // a socket has changed that a poll may wait for
    bool unheard_ = false;    // in this round frames have arrived, and nothing else has happened
    bool resuming_ = false;
    Connections::Lost lost_ = Connections::Lost::by_server;
    bool idle_ = false;    // nothing has come since the last receive
    unsigned rounds_ = 0;  // while resuming
    struct Early {
        std::uint64_t control;
        Handler handler;
    };
    static constexpr unsigned max_early = WaitingCalls::capacity;
    Early early_[max_early];  // calls that came before what they need was restored
    unsigned early_begin_ = 0, early_end_ = 0;
};

extern Requests& requests;

}  // namespace ant::inet_server
