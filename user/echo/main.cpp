// TCP echo server (RFC 862) on port 7: one loop over all connections, one page-aligned buffer for each.
#include <ant/abi/manifest.hpp>
#include <ant/socket_program.hpp>

#include <algorithm>
#include <array>

ANT_MANIFEST(.version = 1, .name = "echo", .state_writes = 1, .state_reads = 1 << 1, .quota_pages = 512, .quota_calls = 8,
             .callees = "inet");

namespace {

using namespace ant;

constexpr unsigned max_connections = 100;
constexpr std::size_t buffer_bytes = 2 * abi::page_size;

// What a process that takes over from this one gets. Buffers are areas of their own, which stay where they are.
struct SavedConnection {
    std::uint32_t socket;  // no_socket: a free place
    std::uint32_t begin, end;
    std::uint32_t reserved;
    std::uint64_t buffer;
};
struct Saved {
    std::uint32_t listener;
    std::uint32_t polling;
    SavedConnection connection[max_connections];
};

class Connection {
public:
    [[nodiscard]] SavedConnection saved() const {
        return {free() ? no_socket : socket_.id(), static_cast<std::uint32_t>(begin_), static_cast<std::uint32_t>(end_), 0,
                buffer_.address()};
    }
    void restore(const SavedConnection& saved) {
        socket_ = Socket::adopt(saved.socket);
        buffer_ = Ica::adopt(saved.buffer, pages_for(buffer_bytes));
        begin_ = saved.begin;
        end_ = saved.end;
    }
    [[nodiscard]] bool free() const { return !socket_; }
    [[nodiscard]] const Socket& socket() const { return socket_; }
    // One direction at a time: what came in goes out before more is read, so a client that does not read is not read either.
    [[nodiscard]] std::uint16_t wanted() const { return begin_ == end_ ? inet::readiness::readable : inet::readiness::writable; }

    void open(Socket socket) {
        auto buffer = Ica::reserve(buffer_bytes);
        if (!buffer) return;  // the socket closes with its object
        socket_ = std::move(socket);
        buffer_ = std::move(*buffer);
        begin_ = end_ = 0;
    }
    void close() {
        socket_.close();
        buffer_.reset();
    }
    // Does what is possible without waiting.
    void work() {
        if (begin_ == end_ && !receive()) return;
        send();
    }

private:
    bool receive() {
        const auto bytes = socket_.receive(buffer_, buffer_bytes, inet::message_flag::dont_wait);
        if (!bytes && bytes.error() == Error::would_block) return false;
        if (!bytes || *bytes == 0) {
            // The other side has ended its direction, and everything has gone back: end ours as well.
            if (bytes) (void)socket_.shutdown(inet::ShutdownHow::send);
            close();
            return false;
        }
        begin_ = 0;
        end_ = *bytes;
        return true;
    }
    // In pieces that need no area to travel in.
    void send() {
        while (begin_ != end_) {
            const std::size_t count = std::min<std::size_t>(end_ - begin_, inet::inline_bytes);
            const auto bytes =
                socket_.send(std::span<const std::byte>{buffer_.data() + begin_, count}, inet::message_flag::dont_wait);
            if (!bytes && bytes.error() != Error::would_block) return close();
            if (!bytes || *bytes == 0) return;
            begin_ += *bytes;
        }
    }

    Socket socket_;
    Ica buffer_;
    std::size_t begin_ = 0, end_ = 0;
};

std::array<Connection, max_connections> connections;

Connection* find_free() {
    for (Connection& connection : connections)
        if (connection.free()) return &connection;
    return nullptr;
}

struct Echo {
    static constexpr std::uint16_t port = 7;
    static constexpr std::uint32_t backlog = 32, state_format = 1;
    static constexpr std::uint64_t poll_us = ~std::uint64_t{0};
    using Saved = ::Saved;

    static bool add_to(PollSet& set) {
        for (const Connection& connection : connections)
            if (!connection.free()) set.add(connection.socket(), connection.wanted());
        return find_free() != nullptr;
    }
    static void accept(Socket& listener) {
        Connection* connection = find_free();
        if (connection == nullptr) return;
        auto accepted = listener.accept();
        if (accepted) connection->open(std::move(*accepted));
    }
    static void ready(std::uint32_t socket, std::uint16_t) {
        for (Connection& connection : connections)
            if (!connection.free() && connection.socket().id() == socket) return connection.work();
    }
    static void polled() {}
    static void close_lost() {
        for (Connection& connection : connections)
            if (!connection.free() && !inet_knows(connection.socket().id())) connection.close();
    }
    static void start() {}
    static void save(Saved& saved) {
        for (unsigned i = 0; i < max_connections; ++i) saved.connection[i] = connections[i].saved();
    }
    static bool restore(const Saved& saved) {
        for (unsigned i = 0; i < max_connections; ++i)
            if (saved.connection[i].socket != no_socket) connections[i].restore(saved.connection[i]);
        return true;
    }
};

}  // namespace

int main() { SocketProgram<Echo>::run(); }
