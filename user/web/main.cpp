// The web server: one loop over all connections. Nothing is waited for but inet's poll and the results of the file server, so a
// slow client, or a slow disk, costs its own three pages and nobody's time.
#include "files.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/console.hpp>
#include <ant/socket_program.hpp>

#include <new>

ANT_MANIFEST(.version = 2, .name = "web", .state_writes = 2, .state_reads = 1 << 2, .quota_pages = 4096, .quota_calls = 256,
             .callees = "inet file console");

namespace {

using namespace ant;
using web::FileTransfer;
using web::Session;
using web::Site;

constexpr unsigned max_connections = 112;
static_assert(max_connections < inet::max_poll);

constexpr std::size_t area_bytes = 64 * 1024;
constexpr std::uint64_t check_us = 1'000'000;
constexpr std::uint64_t head_timeout_us = 30'000'000, idle_timeout_us = 60'000'000, drain_timeout_us = 2'000'000;
constexpr std::uint64_t evictable_after_us = 1'000'000;

Site site;

// What a connection keeps in an area of its own.
struct Work {
    Session session{site};
    FileTransfer transfer;
};
static_assert(sizeof(Work) <= 3 * abi::page_size);

// What a process that takes over from this one gets. The connections' own areas stay where they are.
struct SavedConnection {
    std::uint32_t socket;  // no_socket: a free place
    bool ended, alone, writable;
    std::uint64_t work;
    std::uint64_t active_us, started_us;
};
struct Saved {
    std::uint32_t work_bytes;  // another size is another layout
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
        return {free() ? no_socket : socket_.id(), ended_, alone_, writable_, memory_.address(), active_us_, started_us_};
    }
    void restore(const SavedConnection& saved) {
        socket_ = Socket::adopt(saved.socket);
        memory_ = Ica::adopt(saved.work, pages_for(sizeof(Work)));
        session().attach(site);
        ended_ = saved.ended;
        alone_ = saved.alone;
        writable_ = saved.writable;
        active_us_ = saved.active_us;
        started_us_ = saved.started_us;
    }
    [[nodiscard]] Session& session() const { return memory_.as<Work>()->session; }
    [[nodiscard]] FileTransfer& transfer() const { return memory_.as<Work>()->transfer; }

    void open(Socket socket) {
        auto memory = Ica::reserve(sizeof(Work));
        if (!memory) return;  // the socket closes with its object
        socket_ = std::move(socket);
        memory_ = std::move(*memory);
        new (memory_.data()) Work;
        ended_ = alone_ = in_poll_ = false;
        writable_ = true;
        active_us_ = started_us_ = clock_us();
        ++site.connections;
    }
    void close() {
        if (memory_) transfer().abandon();
        socket_.close();
        memory_.reset();
    }
    // 0: it waits for the file server alone.
    [[nodiscard]] std::uint16_t wanted() const {
        if (!ended_ && transfer().sending()) return writable_ ? 0 : inet::readiness::writable;
        if (ended_ || session().readable(1) != 0) {
            const bool output = !ended_ && session().output_bytes() != 0;
            return inet::readiness::readable | (output ? inet::readiness::writable : 0);
        }
        return session().output_bytes() != 0 ? inet::readiness::writable : 0;
    }
    bool add_to(PollSet& set) {
        in_poll_ = !free() && !alone_ && wanted() != 0;
        if (in_poll_) set.add(socket_, wanted());
        return in_poll_;
    }
    void poll_ended() { in_poll_ = false; }
    void alone_ended() { alone_ = false; }
    // The poll that is under way does not know what this connection waits for now.
    void poll_alone();
    // Does what is possible without waiting. `inbox` is an area for what is read.
    void work(std::uint16_t ready, const Ica& inbox) {
        active_us_ = clock_us();
        if ((ready & inet::readiness::writable) != 0) writable_ = true;
        if ((ready & ~inet::readiness::writable) != 0) read(inbox);
        go_on();
    }
    [[nodiscard]] bool waits_for(std::uint64_t control) const { return !free() && transfer().waits_for(control); }
    void file_result(const CallResult& result) {
        active_us_ = clock_us();
        if (!transfer().take(result, session())) return close();
        go_on();
        poll_alone();
    }
    void check_time(std::uint64_t now) {
        if (ended_) {
            if (now - started_us_ > drain_timeout_us) close();
            return;
        }
        if (transfer().stalled()) return close();
        const bool slow_head = session().waiting_for_request() && !session().idle() && now - started_us_ > head_timeout_us;
        if (!slow_head && now - active_us_ <= idle_timeout_us) return;
        active_us_ = now;
        transfer().abandon();
        session().give_up();
        go_on();
    }
    // How long this connection has kept its place without a complete request.
    [[nodiscard]] std::uint64_t waste(std::uint64_t now) const {
        return !ended_ && session().waiting_for_request() ? now - started_us_ : 0;
    }

private:
    // A client may have sent its next request already.
    void go_on() {
        do {
            if (free() || ended_) return;
            if (wishes_file()) transfer().begin(session(), number());
            transfer().go_on(session());
            if (transfer().sending())
                send_file();
            else
                write();
        } while (!free() && wishes_file());
        if (!free() && session().finished()) end();
    }
    [[nodiscard]] bool wishes_file() const { return session().wish() != Session::Wish::none && !transfer().busy(); }
    [[nodiscard]] unsigned number() const;
    void send_file() {
        if (!writable_ || !transfer().has_contents()) return;
        auto piece = transfer().contents(session());
        const auto taken = socket_.send(std::move(piece.area), piece.offset, piece.bytes, inet::message_flag::dont_wait);
        writable_ = false;
        if (!taken && taken.error() != Error::would_block) return close();
        transfer().sent(piece, session(), !taken);
        if (session().idle()) started_us_ = active_us_;
    }
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
    bool in_poll_ = false;          // the poll under way knows it
    bool alone_ = false;            // or one of its own is under way
    bool writable_ = true;          // as far as is known: nothing is waiting to go out
    std::uint64_t active_us_ = 0;   // the last time that something moved
    std::uint64_t started_us_ = 0;  // when the request under way, or the end, began
};

std::array<Connection, max_connections> connections;

unsigned Connection::number() const { return static_cast<unsigned>(this - connections.data()); }

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

Connection* waiting_for(std::uint64_t control) {
    for (Connection& connection : connections)
        if (connection.waits_for(control)) return &connection;
    return nullptr;
}

// A connection that ended meanwhile leaves what it had asked for to nobody.
Outcome on_file(const CallResult& result) {
    if (Connection* connection = waiting_for(result.control))
        connection->file_result(result);
    else if (result.data != 0)
        (void)sys::ica_release(result.data);
    return {};
}

Outcome on_open(const CallResult& result) {
    if (waiting_for(result.control) != nullptr || result.error != Error::none) return on_file(result);
    const auto handle = reinterpret_cast<const file::Opened*>(result.control + abi::parameter_base)->handle;
    (void)web::file_server.send(file::close, file::Handle{handle, 0});
    return {};
}

// Who may upload has read it at the console: at boot the guardian has shown it.
void choose_token() {
    if (const char* token = environment("TOKEN"); token != nullptr) {
        ant::format(site.token.data(), site.token.size(), "%s", token);
        return;
    }
    const auto& random = startup().random;
    ant::format(site.token.data(), site.token.size(), "%016lx%016lx", random[0], random[1]);
    console::print("%s: token %s\n", startup().name, site.token.data());
}

struct Web {
    static constexpr std::uint16_t port = 80;
    static constexpr std::uint32_t backlog = 64, state_format = 2;
    static constexpr std::uint64_t poll_us = check_us;
    using Saved = ::Saved;

    static bool add_to(PollSet& set) {
        for (Connection& connection : connections) connection.add_to(set);
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
    static void listen(Server& server) {
        server.on_result(web::file_server, file::open, on_open);
        server.on_result(web::file_server, file::read, on_file);
        server.on_result(web::file_server, file::write, on_file);
        server.on_result(web::file_server, file::sync, on_file);
        server.on_result(web::file_server, file::rename, on_file);
        server.on_result(web::file_server, file::make_directory, on_file);
    }
    static void poll_ended() {
        for (Connection& connection : connections) connection.poll_ended();
    }
    static void alone_ended(std::uint32_t socket) {
        for (Connection& connection : connections)
            if (!connection.free() && connection.socket().id() == socket) connection.alone_ended();
    }
    static void alone_done(std::uint32_t socket) {
        for (Connection& connection : connections)
            if (!connection.free() && connection.socket().id() == socket) connection.poll_alone();
    }
    static void close_lost() {
        for (Connection& connection : connections)
            if (!connection.free() && !inet_knows(connection.socket().id())) connection.close();
    }
    static void start() {
        auto area = Ica::reserve(area_bytes);
        if (!area) panic("no memory for a receive buffer");
        inbox = std::move(*area);
        choose_token();
    }
    static void save(Saved& saved) {
        saved.work_bytes = sizeof(Work);
        saved.inbox = inbox.address();
        saved.site = site;
        for (unsigned i = 0; i < max_connections; ++i) saved.connection[i] = connections[i].saved();
    }
    static bool restore(const Saved& saved) {
        if (saved.work_bytes != sizeof(Work)) return false;
        site = saved.site;
        inbox = Ica::adopt(saved.inbox, pages_for(area_bytes));
        for (unsigned i = 0; i < max_connections; ++i)
            if (saved.connection[i].socket != no_socket) connections[i].restore(saved.connection[i]);
        return true;
    }
};

void Connection::poll_alone() {
    if (free() || alone_ || in_poll_ || wanted() == 0) return;
    alone_ = SocketProgram<Web>::poll_alone(socket_.id(), wanted());
}

}  // namespace

int main() { SocketProgram<Web>::run(); }
