#include "commands.hpp"
#include "http.hpp"
#include "interrupt_watch.hpp"
#include "network.hpp"

#include <ant/process.hpp>
#include <ant/sha256.hpp>

namespace ant::shell {
namespace {

constexpr std::uint64_t patience_us = 60'000'000;  // without a single byte

// Where the body goes: to the console, or into a check sum.
class Body {
public:
    explicit Body(bool sum_only) : sum_only_{sum_only} {}

    void take(std::span<const std::byte> piece) {
        bytes_ += piece.size();
        if (sum_only_) return sum_.update(piece);
        out.write({reinterpret_cast<const char*>(piece.data()), piece.size()});
        if (!piece.empty()) ends_line_ = piece.back() == std::byte{'\n'};
    }
    void report(unsigned http_status) {
        if (!ends_line_) out.write("\n");
        out.print("status=%u bytes=%llu", http_status, static_cast<unsigned long long>(bytes_));
        if (sum_only_) out.print(" sha256=%s", to_hex(sum_.finish()).data());
        out.write("\n");
    }

private:
    bool sum_only_;
    bool ends_line_ = true;
    std::uint64_t bytes_ = 0;
    Sha256 sum_;
};

Result<> receive(Connection& connection, HttpResponse& response, Body& body) {
    InterruptWatch watch;
    std::uint64_t last_us = clock_us();
    while (!response.finished()) {
        if (watch.fired()) return Failure(Error::cancelled);
        const auto received = connection.receive();
        if (!received) {
            const bool nothing_yet = received.error() == Error::would_block;
            if (!nothing_yet) return Failure(received.error());
            if (clock_us() - last_us > patience_us) return Failure(Error::timed_out);
            continue;
        }
        last_us = clock_us();
        if (received->empty()) response.end();
        for (auto rest = *received; !rest.empty() && !response.finished();) body.take(response.take(rest));
    }
    return {};
}

Result<Connection> request(const Url& url) {
    const std::uint32_t ip = ANT_TRY(resolve(url.host));
    Connection connection = ANT_TRY(Connection::open(ip, url.port));
    char host[300];
    format(host, sizeof host, "%.*s:%u", static_cast<int>(url.host.size()), url.host.data(), url.port);
    FixedText<2 * max_line> text{"GET "};
    text.append(url.path);
    text.append(" HTTP/1.1\r\nHost: ");
    text.append(host);
    text.append("\r\nUser-Agent: ant\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    ANT_TRY(connection.send(text.view()));
    return connection;
}

}  // namespace

int fetch_url(Arguments& arguments) {
    const bool sum_only = arguments.take_flag("--sum");
    if (arguments.size() != 2) return status::show_usage;
    const auto url = parse_url(arguments[1]);
    if (!url) return fail(Error::invalid_argument, "not a URL of the form http://HOST[:PORT]/PATH");
    auto connection = request(*url);
    if (!connection) return fail(connection.error());
    HttpResponse response;
    Body body{sum_only};
    const auto received = receive(*connection, response, body);
    if (received && response.state() == HttpResponse::State::malformed) return fail(Error::io_error, "malformed or cut response");
    if (!received && received.error() == Error::cancelled) return status::interrupted;
    if (!received) return fail(received.error());
    body.report(response.status());
    return response.status() / 100 == 2 ? status::success : status::failure;
}

}  // namespace ant::shell
