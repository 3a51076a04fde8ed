// bench-peer: sends or takes a stream when bench-resilience asks for it. One call at a time, for as long as it takes.
#include "peer.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>
#include <ant/sockets.hpp>
#include <ant/stream.hpp>

#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-peer", .quota_pages = 2048, .callees = "inet inet.1");

namespace {

using namespace ant;

constexpr std::size_t area_bytes = 64 * 1024;
constexpr std::uint64_t retry_us = 1000;
constexpr unsigned tries = 100;

Client servers[] = {Client{"inet"}, Client{"inet.1"}};
Client& server(const bench::Transfer& transfer) { return servers[transfer.inet % 2]; }

// The receiver may not listen yet.
Result<Socket> connect(const bench::Transfer& transfer) {
    for (unsigned i = 1;; ++i) {
        Socket socket = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server(transfer)));
        const auto connected = socket.connect({transfer.ip, transfer.port, 0});
        if (connected) return socket;
        if (connected.error() != Error::connection_refused || i == tries) return Failure(connected.error());
        wait_us(retry_us);
    }
}

Result<> send_all(Socket& socket, const bench::Transfer& transfer) {
    Stream stream{transfer.seed};
    while (stream.offset() < transfer.bytes) {
        const std::size_t bytes = std::min<std::uint64_t>(area_bytes, transfer.bytes - stream.offset());
        Ica area = ANT_TRY(Ica::reserve(area_bytes));
        stream.fill(area.bytes().first(bytes));
        const auto sent = socket.send(std::move(area), 0, bytes);
        // Of an area that was given away, this is what became of a driver: inet has the bytes (inet::Send).
        if (!sent && sent.error() != Error::restarted && sent.error() != Error::server_died) return Failure(sent.error());
    }
    return {};
}

Result<> send(const bench::Transfer& transfer) {
    Socket socket = ANT_TRY(connect(transfer));
    ANT_TRY(send_all(socket, transfer));
    ANT_TRY(socket.shutdown(inet::ShutdownHow::send));
    std::byte nothing[1];
    if (ANT_TRY(socket.receive(nothing)) != 0) return Failure(Error::io_error);  // the other end closes when it has it all
    return {};
}

class Receiver {
public:
    explicit Receiver(std::span<bench::Pause> pauses) : pauses_{pauses} {}

    Result<bench::Received> run(const bench::Transfer& transfer) {
        inbox_ = ANT_TRY(Ica::reserve(area_bytes));
        expected_ = ANT_TRY(Ica::reserve(area_bytes));
        Socket connection = ANT_TRY(accept(transfer));
        result_ = {.begin_ns = clock_ns(), .end_ns = clock_ns(), .correct = 1, .pauses = 0};
        Stream stream{transfer.seed};
        while (const std::size_t bytes = ANT_TRY(connection.receive(inbox_, area_bytes))) {
            note_time();
            stream.fill(expected_.bytes().first(bytes));
            if (std::memcmp(inbox_.data(), expected_.data(), bytes) != 0) result_.correct = 0;
        }
        if (stream.offset() != transfer.bytes) result_.correct = 0;
        return result_;
    }

private:
    static Result<Socket> accept(const bench::Transfer& transfer) {
        Socket listener = ANT_TRY(Socket::open(inet::SocketType::stream, 0, server(transfer)));
        ANT_TRY(listener.set_option(inet::Option::reuse_address, 1));
        ANT_TRY(listener.bind({0, transfer.port, 0}));
        ANT_TRY(listener.listen(1));
        return listener.accept();
    }
    void note_time() {
        const std::uint64_t now = clock_ns();
        if (now - result_.end_ns >= bench::shortest_pause_ns && result_.pauses < pauses_.size())
            pauses_[result_.pauses++] = {result_.end_ns, now};
        result_.end_ns = now;
    }

    std::span<bench::Pause> pauses_;
    Ica inbox_, expected_;
    bench::Received result_{};
};

Outcome send_stream(Call call) {
    const auto sent = send(call.params<bench::Transfer>());
    return sent ? Call::reply() : sent.error();
}

Outcome receive_stream(Call call) {
    const auto area = sys::ica_info(call.data());
    if (!area) return area.error();
    Receiver receiver{{reinterpret_cast<bench::Pause*>(call.data()), area->pages * abi::page_size / sizeof(bench::Pause)}};
    const auto received = receiver.run(call.params<bench::Transfer>());
    return received ? call.reply_with(*received) : received.error();
}

}  // namespace

int main() {
    static Server server{startup().name};
    server.on(bench::send_stream, send_stream);
    server.on(bench::receive_stream, receive_stream);
    return static_cast<int>(server.run());
}
