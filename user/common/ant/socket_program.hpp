// SocketProgram: a TCP server that one listener and one poll at a time keep going, and whose next process goes on
// with its connections. `Program` says what it does, all static:
//
//   port, backlog, poll_us (the longest time of a poll), state_format
//   Saved: trivially copyable, with `listener` and `polling` (std::uint32_t), which are seen to here
//   bool add_to(PollSet&)     adds its connections; true if it has room for one more
//   accept(Socket& listener)  the listener is ready
//   ready(std::uint32_t socket, std::uint16_t readiness)
//   polled()                  after each poll
//   close_lost()              closes the connections that inet does not know (inet_knows)
//   start(); save(Saved&); bool restore(const Saved&)   false: it makes no sense
// and if it waits for others than its sockets:
//   listen(Server&)           registers what it wants to hear
//   poll_ended()              ahead of what the poll found
//   alone_ended(std::uint32_t socket), alone_done(...)   ahead of and after what poll_alone found
#pragma once

#include <ant/listener.hpp>
#include <ant/state.hpp>

#include <optional>

namespace ant {

inline constexpr std::uint32_t no_socket = ~std::uint32_t{0};

template <class Program>
class SocketProgram {
public:
    [[noreturn]] static void run() {
        static Server server{startup().name};
        server.on_result(Socket::default_server(), inet::poll, on_poll);
        if constexpr (requires { Program::listen(server); }) Program::listen(server);
        server.before_receive(before_receive);
        server.on_start(start);
        server.on_save(save);
        server.on_restore(restore);
        panic("cannot serve: %s", error_text(server.run()));
    }

    // Waits for one socket beside the poll that is under way without it.
    static bool poll_alone(std::uint32_t socket, std::uint16_t wanted) {
        static PollSet set;
        set.clear();
        set.add(socket, wanted);
        return static_cast<bool>(set.send(Program::poll_us, alone_tag));
    }

private:
    using Saved = typename Program::Saved;
    static constexpr std::uint64_t retry_us = 20'000;
    static constexpr std::uint32_t alone_tag = 1;

    static void start_poll() {
        if (!listener_) {
            auto opened = open_listener(Program::port, Program::backlog);
            if (!opened) return;
            listener_ = std::move(*opened);
        }
        set_.clear();
        if (Program::add_to(set_)) set_.add(listener_, inet::readiness::readable);
        polling_ = static_cast<bool>(set_.send(Program::poll_us));
    }

    static Outcome on_poll(const CallResult& result) {
        const bool alone = PollSet::tag(result) == alone_tag;
        if (!alone) polling_ = false;
        if constexpr (requires { Program::poll_ended(); }) {
            if (!alone) Program::poll_ended();
            if (alone) Program::alone_ended(PollSet::only_socket(result));
        }
        if (result.error == Error::restarted) return {};  // our sockets are as they were
        if (result.error != Error::none) {
            // inet is not there yet, or it has started clean, or some number is wrong: what it knows goes on.
            if (listener_ && !inet_knows(listener_.id())) listener_.close();
            Program::close_lost();
            return {};
        }
        PollSet::deliver(result, [](std::uint32_t socket, std::uint16_t readiness) {
            if (socket == listener_.id()) return Program::accept(listener_);
            Program::ready(socket, readiness);
        });
        if (!alone) Program::polled();
        if constexpr (requires { Program::poll_ended(); })
            if (alone) Program::alone_done(PollSet::only_socket(result));
        return {};
    }

    static std::uint64_t before_receive() {
        if (!polling_) start_poll();
        return polling_ ? no_limit : retry_us;
    }

    static void start() {
        auto area = StateArea::create(sizeof(Saved), Program::state_format);
        if (!area) panic("no memory for the state");
        state_.emplace(std::move(*area));
        Program::start();
    }

    static void save() {
        auto& saved = *state_->template as<Saved>();
        saved = {};
        saved.listener = listener_ ? listener_.id() : no_socket;
        saved.polling = polling_ ? 1 : 0;
        Program::save(saved);
        state_->seal();
    }

    static void restore(sys::State registered) {
        auto area = StateArea::adopt(registered);
        const auto* saved = area ? area->template as<Saved>() : nullptr;
        if (saved == nullptr || !Program::restore(*saved)) panic("the state that is to be taken over makes no sense");
        if (saved->listener != no_socket) listener_ = Socket::adopt(saved->listener);
        polling_ = saved->polling != 0;
        state_.emplace(std::move(*area));
    }

    static inline Socket listener_;
    static inline PollSet set_;
    static inline bool polling_ = false;  // a poll is under way
    static inline std::optional<StateArea> state_;
};

}  // namespace ant
