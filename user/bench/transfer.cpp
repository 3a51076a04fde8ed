// bench-transfer sink PORT [INET]: takes one connection after the other and forgets what comes.
// bench-transfer source INET ADDRESS PORT: sends to it for ever, by way of slot INET.
// bench-transfer swallow INET PORT COUNT: takes so many connections at once and forgets what comes; then again.
// bench-transfer pour INET PORT COUNT: sends for ever to so many that connect; then again.
// bench-transfer answer INET PORT BYTES: one connection after the other; for each so many bytes one goes back.
// bench-transfer datagrams INET PORT: takes datagrams and forgets them.
// bench-transfer shower INET ADDRESS PORT BYTES: sends datagrams for ever.
// bench-transfer keep PORT: takes all connections and leaves them open.
// bench-transfer open INET ADDRESS PORT COUNT: opens so many, and leaves them open.
#include "streams.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/listener.hpp>
#include <ant/stream.hpp>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

ANT_MANIFEST(.version = 1, .name = "bench-transfer", .quota_pages = 2048, .callees = "inet inet.1");

namespace {

using namespace ant;

constexpr std::size_t area_bytes = 64 * 1024;
constexpr std::uint64_t retry_us = 20'000;

std::uint32_t number(const char* text) {
    std::uint32_t value = 0;
    std::from_chars(text, text + std::strlen(text), value);
    return value;
}

Result<> swallow(Socket listener) {
    const Ica inbox = ANT_TRY(Ica::reserve(area_bytes));
    for (;;) {
        Socket connection = ANT_TRY(listener.accept());
        for (;;) {
            const auto bytes = connection.receive(inbox, area_bytes);
            if (!bytes || *bytes == 0) break;
        }
    }
}

Result<> sink(Client& server, std::uint16_t port) {
    Socket listener = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server));
    ANT_TRY(listener.bind({0, port, 0}));
    ANT_TRY(listener.listen(4));
    return swallow(std::move(listener));
}

Result<> source(Client& server, inet::Address to) {
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server));
    ANT_TRY(socket.connect(to));
    Stream stream{1};
    for (;;) {
        Ica area = ANT_TRY(Ica::reserve(area_bytes));
        stream.fill(area.bytes());
        ANT_TRY(socket.send(std::move(area), 0, area_bytes));
    }
}

// Open connections, up to so many.
constexpr unsigned most_connections = 128;
std::array<std::optional<Socket>, most_connections> kept;

Result<> keep(std::uint16_t port) {
    Socket listener = ANT_TRY(Socket::open(inet::SocketType::stream));
    ANT_TRY(listener.bind({0, port, 0}));
    ANT_TRY(listener.listen(32));
    for (auto& connection : kept) connection = ANT_TRY(listener.accept());
    for (;;) wait_us(retry_us);
}

Result<> open(Client& server, inet::Address to, unsigned count) {
    for (unsigned i = 0; i < count && i < most_connections; ++i) {
        Socket socket = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server));
        ANT_TRY(socket.connect(to));
        kept[i] = std::move(socket);
    }
    for (;;) wait_us(retry_us);
}

Result<> swallow_all(Client& server, std::uint16_t port, unsigned count) {
    for (;;) {
        auto streams = ANT_TRY(bench::Streams::accept(server, port, count));
        while (ANT_TRY(streams.receive(1)) != 0) {
        }
    }
}

Result<> pour(Client& server, std::uint16_t port, unsigned count) {
    for (;;) {
        auto streams = ANT_TRY(bench::Streams::accept(server, port, count));
        while (streams.send(bench::Streams::area_bytes)) {
        }
    }
}

Result<> answer(Client& server, std::uint16_t port, std::size_t bytes) {
    static std::array<std::byte, inet::inline_bytes> message;
    const std::span question = std::span{message}.first(std::min(bytes, message.size()));
    for (;;) {
        auto streams = ANT_TRY(bench::Streams::accept(server, port, 1));
        ANT_TRY(streams.set_no_delay());
        Socket& socket = streams.at(0);
        while (ANT_TRY(socket.receive(question, inet::message_flag::wait_all)) == question.size())
            ANT_TRY(socket.send(std::span{message}.first(1)));
    }
}

Result<> datagrams(Client& server, std::uint16_t port) {
    static std::array<std::byte, inet::inline_bytes> message;
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::datagram, 0, server));
    ANT_TRY(socket.bind({0, port, 0}));
    for (;;) (void)ANT_TRY(socket.receive(message));
}

Result<> shower(Client& server, inet::Address to, std::size_t bytes) {
    static std::array<std::byte, inet::inline_bytes> message;
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::datagram, 0, server));
    ANT_TRY(socket.connect(to));
    for (;;) (void)socket.send(std::span{message}.first(std::min(bytes, message.size())));
}

Result<> run() {
    const std::string_view what{argument(1)};
    if (what == "sink") {
        static Client listening{argument(3)[0] != 0 ? argument(3) : "inet"};
        return sink(listening, static_cast<std::uint16_t>(number(argument(2))));
    }
    if (what == "keep") return keep(static_cast<std::uint16_t>(number(argument(2))));
    static Client server{argument(2)};
    const auto port = static_cast<std::uint16_t>(number(argument(3)));
    if (what == "swallow") return swallow_all(server, port, number(argument(4)));
    if (what == "pour") return pour(server, port, number(argument(4)));
    if (what == "answer") return answer(server, port, number(argument(4)));
    if (what == "datagrams") return datagrams(server, port);
    const inet::Address to{number(argument(3)), static_cast<std::uint16_t>(number(argument(4))), 0};
    if (what == "source") return source(server, to);
    if (what == "shower") return shower(server, to, number(argument(5)));
    if (what == "open") return open(server, to, number(argument(5)));
    return Failure(Error::invalid_argument);
}

}  // namespace

int main() {
    for (;;) {
        const auto ended = run();
        log("%s", error_text(ended.error()));
        wait_us(retry_us);
    }
}
