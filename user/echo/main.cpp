// TCP echo server (RFC 862) on port 7: one loop over all connections, one page-aligned buffer for each.
#include <ant/abi/manifest.hpp>
#include <ant/listener.hpp>

ANT_MANIFEST(.version = 1, .name = "echo", .quota_pages = 512, .quota_calls = 8, .callees = "inet");

namespace {

using namespace ant;

constexpr std::uint16_t port = 7;
constexpr unsigned max_connections = 100;
constexpr unsigned listener_tag = max_connections;
constexpr std::size_t buffer_bytes = 2 * abi::page_size;

class Connection {
public:
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
    void send() {
        const auto bytes =
            socket_.send(std::span<const std::byte>{buffer_.data() + begin_, end_ - begin_}, inet::message_flag::dont_wait);
        if (bytes)
            begin_ += *bytes;
        else if (bytes.error() != Error::would_block)
            close();
    }

    Socket socket_;
    Ica buffer_;
    std::size_t begin_ = 0, end_ = 0;
};

std::array<Connection, max_connections> connections;

Socket listener;
PollSet set;
bool polling = false;  // a poll is under way
constexpr std::uint64_t retry_us = 20'000;

// inet is not there yet, or not any more: what it knew of us is gone with it.
void start_over() {
    listener.close();
    for (Connection& connection : connections) connection.close();
    polling = false;
}

Connection* find_free() {
    for (Connection& connection : connections)
        if (connection.free()) return &connection;
    return nullptr;
}

void accept_one() {
    Connection* connection = find_free();
    if (connection == nullptr) return;
    auto accepted = listener.accept();
    if (accepted) connection->open(std::move(*accepted));
}

void start_poll() {
    if (!listener) {
        auto opened = open_listener(port, 32);
        if (!opened) return;
        listener = std::move(*opened);
    }
    set.clear();
    for (unsigned i = 0; i < max_connections; ++i)
        if (!connections[i].free()) set.add(connections[i].socket(), connections[i].wanted(), i);
    if (find_free() != nullptr) set.add(listener, inet::readiness::readable, listener_tag);
    polling = static_cast<bool>(set.send(~std::uint64_t{0}));
}

Outcome on_poll(const CallResult& result) {
    polling = false;
    if (result.error != Error::none) {
        start_over();
        return {};
    }
    set.deliver(result, [](unsigned tag, std::uint16_t) {
        if (tag == listener_tag)
            accept_one();
        else if (!connections[tag].free())
            connections[tag].work();
    });
    return {};
}

std::uint64_t before_receive() {
    if (!polling) start_poll();
    return polling ? no_limit : retry_us;
}

}  // namespace

int main() {
    static Server server{startup().name};
    server.on_result(Socket::default_server(), inet::poll, on_poll);
    server.before_receive(before_receive);
    panic("cannot serve: %s", error_text(server.run()));
}
