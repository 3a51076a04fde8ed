#include <user/web/http.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace ant::web;

namespace {

Status parse(const std::string& head) {
    Request request;
    return parse_head(head, request);
}
Request parsed(const std::string& head) {
    Request request;
    REQUIRE(parse_head(head, request) == Status::none);
    return request;
}
// The request line is given, the rest is what makes it complete.
std::string with_host(const std::string& lines) { return lines + "\r\nHost: ant\r\n\r\n"; }

}  // namespace

TEST_CASE("the end of a head is found", "[web]") {
    CHECK(head_bytes("GET / HTTP/1.1\r\n\r\nrest") == 18);
    CHECK(head_bytes("GET / HTTP/1.1\n\nrest") == 16);
    CHECK(head_bytes("GET / HTTP/1.1\r\nA: b\r\n\r") == 0);
    CHECK(head_bytes("") == 0);
}

TEST_CASE("a request is taken apart", "[web]") {
    const std::string head = with_host("PUT /sink?a=1 HTTP/1.1\r\ncontent-LENGTH:  12 \r\nExpect: 100-Continue");
    const Request request = parsed(head);
    CHECK(request.method == Method::put);
    CHECK(request.path == "/sink");
    CHECK(request.query == "a=1");
    CHECK(request.length == 12u);
    CHECK(request.expect_continue);
    CHECK(request.keep_alive);
    CHECK(request.has_body());
}

TEST_CASE("the absolute form names the same thing", "[web]") {
    const std::string head = with_host("GET http://ant:80/random?bytes=1 HTTP/1.1");
    CHECK(parsed(head).path == "/random");
    CHECK(parsed(head).query == "bytes=1");
    const std::string bare = with_host("GET http://ant HTTP/1.1");
    CHECK(parsed(bare).path == "/");
}

TEST_CASE("connections are kept as the protocol says", "[web]") {
    CHECK(!parsed(with_host("GET / HTTP/1.1\r\nConnection: foo, Close")).keep_alive);
    CHECK(!parsed("GET / HTTP/1.0\r\n\r\n").keep_alive);
    CHECK(parsed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST_CASE("nonsense is a bad request", "[web]") {
    for (const char* line : {"",
                             "GET",
                             "GET /",
                             "GET / HTTP/1",
                             "GET  HTTP/1.1",
                             "GET / HTTP/x.1",
                             "G(T / HTTP/1.1",
                             "GET /a b HTTP/1.1",
                             "GET nowhere HTTP/1.1",
                             "GET /\x01 HTTP/1.1",
                             "GET / HTTP/1.1\r\nno colon",
                             "GET / HTTP/1.1\r\n: x",
                             "GET / HTTP/1.1\r\nA : x",
                             "GET / HTTP/1.1\r\n folded: x",
                             "GET / HTTP/1.1\r\nA: \x02",
                             "GET / HTTP/1.1\r\nContent-Length: -1",
                             "GET / HTTP/1.1\r\nContent-Length: 1, 1",
                             "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
                             "PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
                             "GET / HTTP/1.1\r\nHost: second"}) {
        INFO(line);
        CHECK(parse(with_host(line)) == Status::bad_request);
    }
    CHECK(parse("GET / HTTP/1.1\r\n\r\n") == Status::bad_request);
}

TEST_CASE("what is understood but not done is told apart", "[web]") {
    CHECK(parse(with_host("BREW / HTTP/1.1")) == Status::not_implemented);
    CHECK(parse(with_host("PUT / HTTP/1.1\r\nTransfer-Encoding: gzip")) == Status::not_implemented);
    CHECK(parse(with_host("PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked")) == Status::not_implemented);
    CHECK(parse(with_host("GET / HTTP/2.0")) == Status::version_not_supported);
    CHECK(parse(with_host("PUT / HTTP/1.1\r\nExpect: wonders")) == Status::expectation_failed);
    CHECK(parse(with_host("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999999")) == Status::content_too_large);
}

TEST_CASE("values of a query are found", "[web]") {
    CHECK(query_value("bytes=12&seed=3", "seed") == "3");
    CHECK(query_value("bytes=12&seed=", "seed") == "");
    CHECK(query_value("bytes=12&seed", "seed") == "");
    CHECK(!query_value("bytes=12", "byte"));
    CHECK(!query_value("", "bytes"));
}

TEST_CASE("numbers do not overflow", "[web]") {
    CHECK(decimal("18446744073709551615") == ~std::uint64_t{0});
    CHECK(!decimal("18446744073709551616"));
    CHECK(!decimal("99999999999999999999"));
    CHECK(!decimal(""));
    CHECK(!decimal("+1"));
    CHECK(!decimal("1 "));
}

TEST_CASE("every truncation of a head is survived", "[web]") {
    const std::string head = with_host("PUT /sink?a=1 HTTP/1.1\r\nContent-Length: 12\r\nConnection: a,b\r\nExpect: 100-continue");
    for (std::size_t bytes = 0; bytes < head.size(); ++bytes) parse(head.substr(0, bytes));
}
