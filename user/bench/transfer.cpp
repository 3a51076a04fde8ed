// bench-transfer sink PORT: takes one connection after the other and forgets what comes.
// bench-transfer source INET ADDRESS PORT: sends to it for ever, by way of slot INET.
// bench-transfer keep PORT: takes all connections and leaves them open.
// bench-transfer open INET ADDRESS PORT COUNT: opens so many, and leaves them open.
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

Result<> sink(std::uint16_t port) {
    Socket listener = ANT_TRY(Socket::open(inet::SocketType::stream));
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

Result<> run() {
    const std::string_view what{argument(1)};
    if (what == "sink") return sink(static_cast<std::uint16_t>(number(argument(2))));
    if (what == "keep") return keep(static_cast<std::uint16_t>(number(argument(2))));
    static Client server{argument(2)};
    const inet::Address to{number(argument(3)), static_cast<std::uint16_t>(number(argument(4))), 0};
    if (what == "source") return source(server, to);
    if (what == "open") return open(server, to, number(argument(5)));
    return Failure(Error::invalid_argument);
}

}  // namespace

int main() {
    for (;;) {
        const auto ended = run();
        log("%s: %s", startup().name, error_text(ended.error()));
        wait_us(retry_us);
    }
}
