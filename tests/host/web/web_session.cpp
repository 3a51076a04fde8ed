#include <user/web/session.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
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
            if (!has_files && session().wish() == Session::Wish::file) session().file_failed(Error::no_server);
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
    bool has_files = false;

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

namespace {

// What FileTransfer does with a session, on files that are strings.
struct Files {
    Driver driver;
    std::string stored;
    std::vector<std::byte> buffer;

    explicit Files(std::size_t in = 1000, std::size_t buffer_bytes = 4096) : driver{in}, buffer(buffer_bytes) {
        driver.has_files = true;
        std::memcpy(driver.site().token.data(), "0123456789abcdef0123456789abcdef", 33);
    }
    std::string upload(const std::string& request) {
        std::string answer = driver.talk(request.substr(0, request.find("\r\n\r\n") + 4));
        std::size_t at = request.find("\r\n\r\n") + 4;
        if (driver.session().wish() != Session::Wish::upload) return answer;
        driver.session().upload_begun(buffer);
        for (;;) {
            const std::size_t bytes = std::min(driver.session().readable(1000), request.size() - at);
            if (bytes != 0) driver.session().input(std::as_bytes(std::span{request}).subspan(at, bytes));
            at += bytes;
            if (driver.session().upload_to_write()) {
                stored.append(reinterpret_cast<const char*>(buffer.data()), driver.session().uploaded());
                driver.session().upload_goes_on(buffer);
            } else if (driver.session().upload_complete()) {
                driver.session().upload_stored();
                return answer + driver.talk("");
            } else if (bytes == 0) {
                return answer + driver.talk("");
            }
        }
    }
};

const std::string authorization = "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n";

Status file_status(const std::string& path, std::string& file) {
    Path result;
    const Status status = file_path(path, result);
    file = result.view();
    return status;
}

}  // namespace

TEST_CASE("paths stay below the folder", "[web]") {
    std::string file;
    CHECK(file_status("/", file) == Status::none);
    CHECK(file == "/www/index.html");
    CHECK(file_status("/a%20b/c.txt", file) == Status::none);
    CHECK(file == "/www/a b/c.txt");
    for (const char* path :
         {"/../etc/passwd", "/a/../../b", "/%2e%2e/x", "/a/%2E%2e%2fx", "/.upload-1", "/a/.hidden", "/..", "/a/."})
        CHECK(file_status(path, file) == Status::forbidden);
    for (const char* path : {"/%00", "/a%", "/a%2", "/%zz"}) CHECK(file_status(path, file) == Status::bad_request);
    CHECK(file_status("/" + std::string(300, 'a'), file) == Status::uri_too_long);
    Path upload;
    CHECK(upload_path("/upload/a.txt", upload) == Status::none);
    CHECK(upload.view() == "/www/upload/a.txt");
    for (const char* path : {"/upload/..", "/upload/a/b", "/upload/%2e%2e%2fx", "/upload/.x"})
        CHECK(upload_path(path, upload) == Status::forbidden);
    CHECK(content_type("/www/a.b/c.html") == std::string{"text/html; charset=utf-8"});
    CHECK(content_type("/www/a.b/c") == std::string{"application/octet-stream"});
}

TEST_CASE("a file is asked for, and its answer has its length", "[web]") {
    Files files;
    CHECK(files.driver.talk(head("GET /hello.txt")).empty());
    Session& session = files.driver.session();
    REQUIRE(session.wish() == Session::Wish::file);
    CHECK(session.file().view() == "/www/hello.txt");
    CHECK(session.readable(100) == 0);
    CHECK(session.file_found(12));
    const std::string answer = files.driver.take();
    CHECK(has_status(answer, 200));
    CHECK(answer.find("Content-Length: 12\r\n") != std::string::npos);
    CHECK(!session.idle());
    session.file_sent();
    CHECK(session.idle());
}

TEST_CASE("what the file server says becomes a status", "[web]") {
    const std::pair<Error, int> cases[] = {{Error::not_found, 404},   {Error::denied, 403},    {Error::io_error, 500},
                                           {Error::no_server, 404},   {Error::timed_out, 503}, {Error::not_directory, 404},
                                           {Error::is_directory, 403}};
    for (const auto& [error, status] : cases) {
        Files files;
        (void)files.driver.talk(head("GET /x"));
        files.driver.session().file_failed(error);
        CHECK(has_status(files.driver.talk(""), status));
    }
}

TEST_CASE("an upload needs the token", "[web]") {
    for (const std::string& fields :
         {std::string{}, std::string{"Authorization: Bearer x\r\n"}, std::string{"Authorization: Basic x\r\n"},
          std::string{"Authorization: Bearer 0123456789abcdef0123456789abcdeg\r\n"}}) {
        Files files;
        CHECK(has_status(files.upload(head("PUT /upload/a", fields + "Content-Length: 3\r\n") + "abc"), 401));
        CHECK(files.stored.empty());
    }
    Files files;
    CHECK(has_status(files.upload(head("PUT /upload/a", authorization + "Content-Length: 3\r\n") + "abc"), 201));
    CHECK(files.stored == "abc");
    CHECK(files.driver.session().idle());
}

TEST_CASE("uploads of any size and coding arrive whole, whatever the buffer", "[web]") {
    std::mt19937 random{7};
    for (const std::size_t buffer : {1u, 100u, 4096u}) {
        for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 20'000u}) {
            std::string contents(size, '\0');
            for (char& c : contents) c = static_cast<char>(random());
            Files plain{1000, buffer};
            const std::string length = "Content-Length: " + std::to_string(size) + "\r\n";
            std::string sent = head("PUT /upload/a", authorization + length);
            sent += contents;
            CHECK(has_status(plain.upload(sent), 201));
            CHECK(plain.stored == contents);
            std::string chunks;
            for (std::size_t at = 0; at < size;) {
                const std::size_t bytes = std::min<std::size_t>(size - at, 1 + random() % 3000);
                char line[16];
                std::snprintf(line, sizeof line, "%zx\r\n", bytes);
                chunks += line + contents.substr(at, bytes) + "\r\n";
                at += bytes;
            }
            Files chunked{1000, buffer};
            const std::string coding = "Transfer-Encoding: chunked\r\n";
            sent = head("PUT /upload/a", authorization + coding);
            sent.append(chunks).append("0\r\n\r\n");
            CHECK(has_status(chunked.upload(sent), 201));
            CHECK(chunked.stored == contents);
        }
    }
}

TEST_CASE("an upload that fails on the way ends the connection", "[web]") {
    Files files;
    (void)files.driver.talk(head("PUT /upload/a", authorization + "Content-Length: 100000\r\n"));
    files.driver.session().upload_begun(files.buffer);
    files.driver.session().file_failed(Error::no_space);
    CHECK(has_status(files.driver.talk(""), 507));
    CHECK(files.driver.session().finished());
}
