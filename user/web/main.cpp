// The web server: one loop over all connections. Nothing is waited for but inet's poll, so a slow client costs
// its own three pages and nobody's time.
#include "session.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/socket_program.hpp>

#include <new>

ANT_MANIFEST(.version = 1, .name = "web", .state_writes = 1, .state_reads = 1 << 1, .quota_pages = 2048, .quota_calls = 8,
             .callees = "inet");

namespace {

using namespace ant;
using web::Session;
using web::Site;

constexpr unsigned max_connections = 112;
static_assert(max_connections < inet::max_poll);

constexpr std::size_t area_bytes = 64 * 1024;
constexpr std::uint64_t check_us = 1'000'000;
constexpr std::uint64_t head_timeout_us = 30'000'000, idle_timeout_us = 60'000'000, drain_timeout_us = 2'000'000;
constexpr std::uint64_t evictable_after_us = 1'000'000;

Site site;

// What a process that takes over from this one gets. Sessions lie in areas of their own, which stay where they are.
struct SavedConnection {
    std::uint32_t socket;  // no_socket: a free place
    std::uint32_t ended;
    std::uint64_t session;
    std::uint64_t active_us, started_us;
};
struct Saved {
    std::uint32_t session_bytes;  // another size is another layout
    std::uint32_t listener;
    std::uint32_t polling;
    std::uint32_t reserved;
    std::uint64_t inbox;
    Site site;
    SavedConnection connection[max_connections];
};

class Connection {
public:
    [[nodiscard]] bool free() const { return !socket_; }
    [[nodiscard]] const Socket& socket() const { return socket_; }
    [[nodiscard]] SavedConnection saved() const {
        return {free() ? no_socket : socket_.id(), ended_, memory_.address(), active_us_, started_us_};
    }
    void restore(const SavedConnection& saved) {
        socket_ = Socket::adopt(saved.socket);
        memory_ = Ica::adopt(saved.session, pages_for(sizeof(Session)));
        session().attach(site);
        ended_ = saved.ended != 0;
        active_us_ = saved.active_us;
        started_us_ = saved.started_us;
    }
    [[nodiscard]] Session& session() const { return *memory_.as<Session>(); }

    void open(Socket socket) {
        auto memory = Ica::reserve(sizeof(Session));
        if (!memory) return;  // the socket closes with its object
        socket_ = std::move(socket);
        memory_ = std::move(*memory);
        new (memory_.data()) Session{site};
        ended_ = false;
        active_us_ = started_us_ = clock_us();
        ++site.connections;
    }
    void close() {
        socket_.close();
        memory_.reset();
    }
    [[nodiscard]] std::uint16_t wanted() const {
        if (ended_ || session().readable(1) != 0) {
            const bool output = !ended_ && session().output_bytes() != 0;
            return inet::readiness::readable | (output ? inet::readiness::writable : 0);
        }
        return inet::readiness::writable;
    }
    // Does what is possible without waiting. `inbox` is an area for what is read.
    void work(std::uint16_t ready, const Ica& inbox) {
        active_us_ = clock_us();
        if ((ready & ~inet::readiness::writable) != 0) read(inbox);
        if (!free() && !ended_) write();
        if (!free() && !ended_ && session().finished()) end();
    }
    void check_time(std::uint64_t now) {
        if (ended_) {
            if (now - started_us_ > drain_timeout_us) close();
            return;
        }
        const bool slow_head = session().waiting_for_request() && !session().idle() && now - started_us_ > head_timeout_us;
        if (!slow_head && now - active_us_ <= idle_timeout_us) return;
        active_us_ = now;
        session().give_up();
        write();
        if (!free() && session().finished()) end();
    }
    // How long this connection has kept its place without a complete request.
    [[nodiscard]] std::uint64_t waste(std::uint64_t now) const {
        return !ended_ && session().waiting_for_request() ? now - started_us_ : 0;
    }

private:
    void read(const Ica& inbox) {
        const std::size_t most = ended_ ? area_bytes : session().readable(area_bytes);
        if (most == 0) return;
        const auto bytes = socket_.receive(inbox, most, inet::message_flag::dont_wait);
        if (!bytes) {
            if (bytes.error() != Error::would_block) close();
            return;
        }
        if (ended_) {
            if (*bytes == 0) close();
            return;
        }
        if (session().idle()) started_us_ = active_us_;
        if (*bytes == 0)
            session().end_of_input();
        else
            session().input({inbox.data(), *bytes});
    }
    void write() {
        if (session().output_bytes() == 0) return;
        const auto taken = session().output_bytes() > inet::inline_bytes ? write_area() : write_inline();
        if (taken) {
            session().sent(*taken);
            if (session().idle()) started_us_ = active_us_;
        } else if (taken.error() != Error::would_block) {
            close();
        }
    }
    Result<std::size_t> write_inline() {
        std::array<std::byte, inet::inline_bytes> bytes;
        return socket_.send(std::span<const std::byte>{bytes.data(), session().output(bytes)}, inet::message_flag::dont_wait);
    }
    // Made where it is sent from: the area goes to inet, and from there to the card.
    Result<std::size_t> write_area() {
        Ica area = ANT_TRY(Ica::reserve(area_bytes));
        const std::size_t bytes = session().output(area.bytes());
        return socket_.send(std::move(area), 0, bytes, inet::message_flag::dont_wait);
    }
    // Ends our direction. The client may still be sending: closing at once would reset the connection and
    // could destroy the answer that is under way to it.
    void end() {
        ended_ = true;
        started_us_ = clock_us();
        if (!socket_.shutdown(inet::ShutdownHow::send)) close();
    }

    Socket socket_;
    Ica memory_;
    bool ended_ = false;
    std::uint64_t active_us_ = 0;   // the last time that something moved
    std::uint64_t started_us_ = 0;  // when the request under way, or the end, began
};

std::array<Connection, max_connections> connections;

Connection* find_free() {
    for (Connection& connection : connections)
        if (connection.free()) return &connection;
    return nullptr;
}

// All places taken: the one that has waited longest for a request goes, if there is any.
Connection* make_room() {
    if (Connection* connection = find_free()) return connection;
    const std::uint64_t now = clock_us();
    Connection* worst = &connections[0];
    for (Connection& connection : connections)
        if (connection.waste(now) > worst->waste(now)) worst = &connection;
    if (worst->waste(now) < evictable_after_us) return nullptr;
    worst->close();
    return worst;
}

bool anybody_evictable() {
    const std::uint64_t now = clock_us();
    for (const Connection& connection : connections)
        if (connection.free() || connection.waste(now) >= evictable_after_us) return true;
    return false;
}

Ica inbox;
std::uint64_t checked_us = 0;

void check_times() {
    const std::uint64_t now = clock_us();
    site.uptime_us = now;
    if (now - checked_us < check_us) return;
    checked_us = now;
    for (Connection& connection : connections)
        if (!connection.free()) connection.check_time(now);
}

struct Web {
    static constexpr std::uint16_t port = 80;
    static constexpr std::uint32_t backlog = 64, state_format = 1;
    static constexpr std::uint64_t poll_us = check_us;
    using Saved = ::Saved;

    static bool add_to(PollSet& set) {
        for (const Connection& connection : connections)
            if (!connection.free()) set.add(connection.socket(), connection.wanted());
        return anybody_evictable();
    }
    static void accept(Socket& listener) {
        while (Connection* place = make_room()) {
            auto accepted = listener.accept();
            if (!accepted) return;
            place->open(std::move(*accepted));
        }
    }
    static void ready(std::uint32_t socket, std::uint16_t readiness) {
        site.uptime_us = clock_us();
        for (Connection& connection : connections)
            if (!connection.free() && connection.socket().id() == socket) return connection.work(readiness, inbox);
    }
    static void polled() { check_times(); }
    static void close_all() {
        for (Connection& connection : connections) connection.close();
    }
    static void start() {
        auto area = Ica::reserve(area_bytes);
        if (!area) panic("no memory for a receive buffer");
        inbox = std::move(*area);
    }
    static void save(Saved& saved) {
        saved.session_bytes = sizeof(Session);
        saved.inbox = inbox.address();
        saved.site = site;
        for (unsigned i = 0; i < max_connections; ++i) saved.connection[i] = connections[i].saved();
    }
    static bool restore(const Saved& saved) {
        if (saved.session_bytes != sizeof(Session)) return false;
        site = saved.site;
        inbox = Ica::adopt(saved.inbox, pages_for(area_bytes));
        for (unsigned i = 0; i < max_connections; ++i)
            if (saved.connection[i].socket != no_socket) connections[i].restore(saved.connection[i]);
        return true;
    }
};

}  // namespace

int main() { SocketProgram<Web>::run(); }
