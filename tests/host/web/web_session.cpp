#include <user/web/session.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace ant;
using namespace ant::web;

namespace {

std::string sha256_line(const std::string& contents) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span{contents}));
    return "sha256=" + std::string{to_hex(hash.finish()).data()} + " bytes=" + std::to_string(contents.size()) + "\n";
}

// The socket's side: gives input where the session takes it, and takes output in pieces.
class Driver {
public:
    explicit Driver(std::size_t in = 1000, std::size_t out = 1000) : in_{in}, out_{out} {}

    std::string talk(const std::string& input) {
        std::string output;
        std::size_t at = 0;
        for (;;) {
            const std::size_t readable = session().readable(in_);
            const std::size_t bytes = session().finished() ? 0 : std::min(readable, input.size() - at);
            if (bytes != 0) {
                // Exactly as large as said, so that the sanitizer sees each byte read past it.
                const std::vector<char> piece(input.begin() + static_cast<std::ptrdiff_t>(at),
                                              input.begin() + static_cast<std::ptrdiff_t>(at + bytes));
                session().input(std::as_bytes(std::span{piece}));
                at += bytes;
            }
            const std::string sent = take();
            output += sent;
            if (bytes == 0 && sent.empty()) return output;
        }
    }
    std::string take() {
        std::vector<char> buffer(out_);
        const std::size_t bytes = session().output(std::as_writable_bytes(std::span{buffer}));
        session().sent(bytes);
        return {buffer.data(), bytes};
    }
    Session& session() { return *session_; }
    Site& site() { return *site_; }

private:
    std::size_t in_, out_;
    std::unique_ptr<Site> site_ = std::make_unique<Site>();
    std::unique_ptr<Session> session_ = std::make_unique<Session>(*site_);
};

std::string head(const std::string& line, const std::string& fields = "") {
    return line + " HTTP/1.1\r\nHost: ant\r\n" + fields + "\r\n";
}
std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
bool has_status(const std::string& answer, int status) {
    return answer.rfind("HTTP/1.1 " + std::to_string(status) + " ", 0) == 0;
}

}  // namespace

TEST_CASE("the page is served and the connection kept", "[web]") {
    Driver driver;
    driver.site().uptime_us = 3'723'004'000;
    const std::string answer = driver.talk(head("GET /"));
    CHECK(has_status(answer, 200));
    CHECK(body_of(answer).find("1 h 02 min 03.004 s") != std::string::npos);
    CHECK(answer.find("Content-Length: " + std::to_string(body_of(answer).size()) + "\r\n") != std::string::npos);
    CHECK(body_of(answer).find("</html>\n") != std::string::npos);
    CHECK(driver.session().idle());
}

TEST_CASE("HEAD answers without a body", "[web]") {
    for (const char* line : {"HEAD /", "HEAD /random?bytes=99", "HEAD /nothing"}) {
        Driver driver;
        CHECK(body_of(driver.talk(head(line))).empty());
        CHECK(driver.session().idle());
    }
}

TEST_CASE("a stream has the length and contents that were asked for, in pieces of any size", "[web]") {
    std::vector<std::byte> expected(5001);
    Stream{7}.fill(expected);
    const std::string text{reinterpret_cast<const char*>(expected.data()), expected.size()};
    for (const std::size_t piece : {1u, 7u, 100u, 4096u, 10000u}) {
        Driver driver{1000, piece};
        CHECK(body_of(driver.talk(head("GET /random?bytes=5001&seed=7"))) == text);
    }
}

TEST_CASE("a stream of nothing is an answer", "[web]") {
    Driver driver;
    CHECK(has_status(driver.talk(head("GET /random?bytes=0")), 200));
    CHECK(driver.session().idle());
}

TEST_CASE("streams without a sensible length are refused", "[web]") {
    for (const char* query : {"", "?bytes=", "?bytes=x", "?bytes=-1", "?bytes=1&seed=y", "?bytes=18446744073709551616"}) {
        Driver driver;
        CHECK(has_status(driver.talk(head("GET /random" + std::string{query})), 400));
    }
}

TEST_CASE("an upload is answered with its hash", "[web]") {
    const std::string contents(20000, 'q');
    for (const std::size_t piece : {1u, 999u, 65536u}) {
        Driver driver{piece};
        const std::string answer = driver.talk(head("PUT /sink", "Content-Length: 20000\r\n") + contents);
        CHECK(has_status(answer, 200));
        CHECK(body_of(answer) == sha256_line(contents));
        CHECK(driver.session().idle());
    }
}

TEST_CASE("an empty upload is an upload", "[web]") {
    CHECK(body_of(Driver{}.talk(head("POST /sink", "Content-Length: 0\r\n"))) == sha256_line(""));
    CHECK(body_of(Driver{}.talk(head("POST /sink", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n")) == sha256_line(""));
}

TEST_CASE("a chunked upload is put together", "[web]") {
    std::string body, contents;
    for (unsigned size = 1; size < 3000; size = size * 2 + 1) {
        const std::string chunk(size, static_cast<char>('a' + size % 26));
        char line[16];
        std::snprintf(line, sizeof line, "%x\r\n", size);
        body += line + chunk + "\r\n";
        contents += chunk;
    }
    for (const std::size_t piece : {1u, 13u, 512u, 65536u}) {
        Driver driver{piece};
        const std::string request = head("PUT /sink", "Transfer-Encoding: chunked\r\n") + body + "0\r\n\r\n";
        const std::string answers = driver.talk(request + head("GET /nothing"));
        CHECK(body_of(answers).rfind(sha256_line(contents), 0) == 0);
        CHECK(answers.find("404 Not Found") != std::string::npos);
    }
}

TEST_CASE("a client that asks is told to continue", "[web]") {
    Driver driver;
    CHECK(driver.talk(head("PUT /sink", "Content-Length: 3\r\nExpect: 100-continue\r\n")) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(body_of(driver.talk("abc")) == sha256_line("abc"));
}

TEST_CASE("requests may follow each other without waiting", "[web]") {
    Driver driver;
    const std::string put = head("PUT /sink", "Content-Length: 2\r\n") + "hi";
    const std::string answers = driver.talk(put + "\r\n" + put + head("GET /random?bytes=10"));
    std::size_t count = 0;
    for (auto at = answers.find("HTTP/1.1 200"); at != std::string::npos; at = answers.find("HTTP/1.1 200", at + 1)) ++count;
    CHECK(count == 3);
    CHECK(driver.site().requests == 3);
}

TEST_CASE("errors have their status", "[web]") {
    struct Case {
        std::string request;
        int status;
        bool kept;
    };
    const Case cases[] = {
        {"rubbish\r\n\r\n", 400, false},
        {head("GET /nothing"), 404, true},
        {head("DELETE /"), 405, true},
        {head("GET /sink"), 405, true},
        {head("PUT /", "Content-Length: 5\r\n") + "hello", 405, false},
        {head("PUT /sink"), 400, false},
        {head("PUT /sink", "Content-Length: 1099511627777\r\n"), 413, false},
        {head("BREW /pot"), 501, false},
        {head("PUT /sink", "Transfer-Encoding: chunked\r\n") + "zz\r\n", 400, false},
        {head("GET /", "Long: " + std::string(Session::max_head, 'x') + "\r\n"), 431, false},
        {"GET /" + std::string(Session::max_head, 'x'), 414, false},
    };
    for (const Case& c : cases) {
        Driver driver;
        const std::string answer = driver.talk(c.request);
        INFO(answer);
        CHECK(has_status(answer, c.status));
        CHECK(driver.session().finished() == !c.kept);
    }
}

TEST_CASE("a client that goes away in the middle is told why, one between requests is not", "[web]") {
    Driver quiet;
    quiet.session().end_of_input();
    CHECK(quiet.session().finished());
    CHECK(quiet.take().empty());
    Driver cut;
    cut.talk(head("PUT /sink", "Content-Length: 10\r\n") + "abc");
    cut.session().end_of_input();
    CHECK(has_status(cut.take(), 400));
    CHECK(cut.session().finished());
}

TEST_CASE("a client that ends its direction still gets its answer", "[web]") {
    Driver driver{1000, 10};
    const std::string request = head("GET /random?bytes=100");
    driver.session().input(std::as_bytes(std::span{request}));
    driver.session().end_of_input();
    CHECK(body_of(driver.talk("")).size() == 100);
    CHECK(driver.session().finished());
}

TEST_CASE("a client that is too slow is told so", "[web]") {
    Driver driver;
    driver.talk("GET / HT");
    driver.session().give_up();
    CHECK(has_status(driver.take(), 408));
    CHECK(driver.session().finished());
}

TEST_CASE("random bytes and damaged requests are survived", "[web]") {
    const unsigned seed = 20240607;
    INFO("seed " << seed);
    std::mt19937 random{seed};
    const std::string good = head("PUT /sink", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n") +
                             "5\r\nhello\r\n0\r\n\r\n" + head("GET /random?bytes=300&seed=1") + head("GET /");
    for (unsigned round = 0; round < 20000; ++round) {
        std::string text = good;
        for (unsigned i = 0; i < 1 + random() % 4; ++i) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0)
                text[at] = static_cast<char>(random());
            else
                text.erase(at, random() % 40);
        }
        Driver driver{1 + random() % 200, 1 + random() % 2000};
        driver.talk(text);
        driver.session().end_of_input();
        driver.session().give_up();
    }
}
