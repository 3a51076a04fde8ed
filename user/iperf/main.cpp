// iperf 2, the TCP server on port 5001: takes what clients send, and sends back to those that ask for it
// (iperf -c, -r, -d), for as long or as much as they want.
#include <ant/abi/manifest.hpp>
#include <ant/socket_program.hpp>

#include <algorithm>
#include <array>

ANT_MANIFEST(.version = 1, .name = "iperf", .state_writes = 1, .state_reads = 1 << 1, .quota_pages = 512, .quota_calls = 8,
             .callees = "inet");

namespace {

using namespace ant;

constexpr unsigned max_sessions = 64;
constexpr std::size_t receive_bytes = 64 * 1024;
constexpr std::size_t send_bytes = 32 * 1024;

// What a client says first, in network byte order.
struct Settings {
    std::uint32_t flags, threads, port, buffer, window, amount;

    static constexpr std::uint32_t answer = 0x8000'0000, at_once = 1;  // in flags
    [[nodiscard]] bool wants_answer() const { return (__builtin_bswap32(flags) & answer) != 0; }
    [[nodiscard]] bool wants_it_at_once() const { return (__builtin_bswap32(flags) & at_once) != 0; }
};
static_assert(sizeof(Settings) == 24);

// One connection, and all that a process that takes over from this one needs to know of it.
struct Session {
    enum class Role : std::uint32_t { none, receives, connects, sends };
    Role role = Role::none;
    std::uint32_t socket = no_socket;
    std::uint32_t peer = 0;
    std::uint32_t known = 0;  // bytes of the settings: received, or sent
    Settings settings{};
    std::uint64_t until_us = 0;   // sends: for so long ...
    std::uint64_t remaining = 0;  // ... or so much
};
struct Saved {
    std::uint32_t listener;
    std::uint32_t polling;
    std::uint64_t received, to_send;  // areas
    Session session[max_sessions];
};

std::array<Session, max_sessions> sessions;
Ica received, to_send;

// The socket of a session for one operation: it stays open.
template <class Operation>
auto with_socket(const Session& session, Operation operation) {
    Socket socket = Socket::adopt(session.socket);
    auto result = operation(socket);
    (void)socket.detach();
    return result;
}

void end(Session& session) {
    (void)Socket::adopt(session.socket);  // closes with the object
    session = {};
}

Session* find_free() {
    const auto free = std::ranges::find(sessions, Session::Role::none, &Session::role);
    return free == sessions.end() ? nullptr : &*free;
}

// Sending ---------------------------------------------------------------------------------------------------

// A test in the other direction, to where `asker` came from.
void answer(const Session& asker) {
    Session* session = find_free();
    if (session == nullptr) return;
    auto socket = Socket::open(inet::SocketType::stream, inet::socket_flag::non_blocking);
    if (!socket) return;
    const inet::Address to{asker.peer, static_cast<std::uint16_t>(__builtin_bswap32(asker.settings.port)), 0};
    const auto connected = socket->connect(to);
    if (!connected && connected.error() != Error::in_progress) return;
    session->role = Session::Role::connects;
    session->peer = asker.peer;
    session->settings = asker.settings;
    session->settings.flags = 0;  // it is not to answer that
    session->socket = socket->detach();
}

void connected(Session& session) {
    const auto error = with_socket(session, [](Socket& s) { return s.option(inet::Option::error); });
    if (error.value_or(1) != 0) return end(session);
    constexpr std::uint64_t us_per_unit = 10'000;
    const auto amount = static_cast<std::int32_t>(__builtin_bswap32(session.settings.amount));
    session.until_us = amount < 0 ? clock_us() - amount * us_per_unit : ~std::uint64_t{0};
    session.remaining = amount < 0 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(amount);
    session.role = Session::Role::sends;
}

std::span<const std::byte> next_bytes(const Session& session) {
    if (session.known < sizeof session.settings) return std::as_bytes(std::span{&session.settings, 1}).subspan(session.known);
    return {to_send.data(), std::min<std::size_t>(send_bytes, session.remaining)};
}

// One piece each time: others want something as well.
void send(Session& session) {
    if (session.remaining == 0 || clock_us() >= session.until_us) return end(session);
    const auto bytes = next_bytes(session);
    const auto sent = with_socket(session, [&](Socket& s) { return s.send(bytes, inet::message_flag::dont_wait); });
    if (!sent && sent.error() == Error::would_block) return;
    if (!sent) return end(session);
    if (session.known < sizeof session.settings) session.known += static_cast<std::uint32_t>(*sent);
    session.remaining -= std::min<std::uint64_t>(session.remaining, *sent);
}

// Receiving -------------------------------------------------------------------------------------------------

void take_settings(Session& session, std::size_t bytes) {
    const std::size_t count = std::min(sizeof session.settings - session.known, bytes);
    if (count == 0) return;
    __builtin_memcpy(reinterpret_cast<std::byte*>(&session.settings) + session.known, received.data(), count);
    session.known += static_cast<std::uint32_t>(count);
    const bool complete = session.known == sizeof session.settings;
    if (complete && session.settings.wants_answer() && session.settings.wants_it_at_once()) answer(session);
}

void receive(Session& session) {
    const auto bytes =
        with_socket(session, [](Socket& s) { return s.receive(received, receive_bytes, inet::message_flag::dont_wait); });
    if (!bytes && bytes.error() == Error::would_block) return;
    if (bytes && *bytes != 0) return take_settings(session, *bytes);
    const bool complete = session.known == sizeof session.settings;
    if (bytes && complete && session.settings.wants_answer() && !session.settings.wants_it_at_once()) answer(session);
    end(session);
}

void work(Session& session) {
    switch (session.role) {
        case Session::Role::none:
            return;
        case Session::Role::receives:
            return receive(session);
        case Session::Role::connects:
            connected(session);
            if (session.role == Session::Role::sends) send(session);
            return;
        case Session::Role::sends:
            return send(session);
    }
}

void reserve_buffers() {
    auto in = Ica::reserve(receive_bytes);
    auto out = Ica::reserve(send_bytes);
    if (!in || !out) panic("no memory for buffers");
    received = std::move(*in);
    to_send = std::move(*out);
    for (std::size_t i = 0; i < send_bytes; ++i) to_send.data()[i] = static_cast<std::byte>('0' + i % 10);
}

struct Iperf {
    static constexpr std::uint16_t port = 5001;
    static constexpr std::uint32_t backlog = 32, state_format = 1;
    static constexpr std::uint64_t poll_us = ~std::uint64_t{0};
    using Saved = ::Saved;

    static bool add_to(PollSet& set) {
        for (const Session& session : sessions) {
            if (session.role == Session::Role::none) continue;
            const bool reads = session.role == Session::Role::receives;
            set.add(session.socket, reads ? inet::readiness::readable : inet::readiness::writable);
        }
        return find_free() != nullptr;
    }
    static void accept(Socket& listener) {
        Session* session = find_free();
        if (session == nullptr) return;
        inet::Address peer{};
        auto accepted = listener.accept(&peer);
        if (!accepted) return;
        session->role = Session::Role::receives;
        session->peer = peer.ip;
        session->socket = accepted->detach();
    }
    static void ready(std::uint32_t socket, std::uint16_t) {
        const auto session = std::ranges::find(sessions, socket, &Session::socket);
        if (session != sessions.end()) work(*session);
    }
    static void polled() {}
    static void close_lost() {
        for (Session& session : sessions)
            if (session.role != Session::Role::none && !inet_knows(session.socket)) end(session);
    }
    static void start() { reserve_buffers(); }
    static void save(Saved& saved) {
        saved.received = received.address();
        saved.to_send = to_send.address();
        std::ranges::copy(sessions, saved.session);
    }
    static bool restore(const Saved& saved) {
        received = Ica::adopt(saved.received, pages_for(receive_bytes));
        to_send = Ica::adopt(saved.to_send, pages_for(send_bytes));
        std::ranges::copy(saved.session, sessions.begin());
        return true;
    }
};

}  // namespace

int main() { SocketProgram<Iperf>::run(); }
