#include <user/shell/http.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace {

using ant::shell::HttpResponse;

struct Read {
    HttpResponse response;
    std::string body;

    // Feeds the text in pieces of that size, then ends the stream.
    Read(std::string_view text, std::size_t piece, bool ends = true) {
        for (std::size_t at = 0; at < text.size() && !response.finished(); at += piece) {
            auto rest = std::as_bytes(std::span{text.substr(at, piece)});
            while (!rest.empty() && !response.finished()) {
                const auto part = response.take(rest);
                body.append(reinterpret_cast<const char*>(part.data()), part.size());
            }
        }
        if (ends) response.end();
    }
    [[nodiscard]] bool complete() const { return response.state() == HttpResponse::State::complete; }
    [[nodiscard]] bool malformed() const { return response.state() == HttpResponse::State::malformed; }
};

}  // namespace

TEST_CASE("URLs are taken apart", "[http]") {
    const auto full = ant::shell::parse_url("http://example.org:8080/a/b?c=1");
    REQUIRE(full);
    CHECK(full->host == "example.org");
    CHECK(full->port == 8080);
    CHECK(full->path == "/a/b?c=1");
    const auto short_form = ant::shell::parse_url("10.0.2.2");
    REQUIRE(short_form);
    CHECK(short_form->port == 80);
    CHECK(short_form->path == "/");
    for (const auto* wrong : {"", "http://", "http:///x", "http://h:0/", "http://h:99999/", "http://h:x/"})
        CHECK_FALSE(ant::shell::parse_url(wrong).has_value());
}

TEST_CASE("addresses are four numbers up to 255", "[http]") {
    CHECK(ant::shell::parse_ip("10.0.2.15") == 0x0a00020fu);
    for (const auto* wrong : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1..2.3", "1.2.3.4 ", "localhost"})
        CHECK_FALSE(ant::shell::parse_ip(wrong).has_value());
}

TEST_CASE("a body is found by its length, however the response is cut", "[http]") {
    constexpr std::string_view text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello, and more";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        const Read read{text, piece, false};
        CHECK(read.complete());
        CHECK(read.body == "hello");
        CHECK(read.response.status() == 200);
    }
}

TEST_CASE("chunks are put together", "[http]") {
    constexpr std::string_view text =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nTrailer: x\r\n\r\n";
    for (const std::size_t piece : {1, 3, 1000}) {
        const Read read{text, piece, false};
        CHECK(read.complete());
        CHECK(read.body == "hello, world");
    }
}

TEST_CASE("without a length the body goes up to the end of the stream", "[http]") {
    const Read read{"HTTP/1.0 404 Not Found\n\nnothing here", 4};
    CHECK(read.complete());
    CHECK(read.response.status() == 404);
    CHECK(read.body == "nothing here");
}

TEST_CASE("interim responses are skipped, empty bodies are complete at once", "[http]") {
    const Read interim{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 100, false};
    CHECK(interim.complete());
    CHECK(interim.response.status() == 204);
    CHECK(Read{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 100, false}.complete());
}

TEST_CASE("nonsense and cut responses are reported", "[http]") {
    CHECK(Read{"SSH-2.0-OpenSSH\r\n", 100}.malformed());
    CHECK(Read{"HTTP/1.1 abc\r\n\r\n", 100}.malformed());
    CHECK(Read{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 100}.malformed());
    CHECK(Read{"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", 100}.malformed());
    CHECK(Read{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", 100}.malformed());
    CHECK(Read{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 100}.malformed());
    CHECK(Read{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", 100}.malformed());
    CHECK(Read{std::string(5000, 'x'), 100}.malformed());
    CHECK(Read{"", 1}.malformed());
}
