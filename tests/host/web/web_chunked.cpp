#include <user/web/chunked.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace ant::web;

namespace {

struct Decoded {
    ChunkedDecoder decoder;
    std::string contents;
    std::size_t taken = 0;
};

// In pieces of `step` bytes.
Decoded decode(const std::string& text, std::size_t step) {
    Decoded result;
    while (result.taken < text.size()) {
        const auto piece = std::as_bytes(std::span{text}).subspan(result.taken, std::min(step, text.size() - result.taken));
        const std::size_t taken = result.decoder.feed(piece, [&](std::span<const std::byte> data) {
            result.contents.append(reinterpret_cast<const char*>(data.data()), data.size());
        });
        result.taken += taken;
        if (taken < piece.size()) break;
    }
    return result;
}

}  // namespace

TEST_CASE("chunks are put together, however they arrive", "[web]") {
    const std::string text = "5\r\nhello\r\n00A;name=\"x\"\r\n, world, 1\r\n0\r\nTrailer: yes\r\n\r\n";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        const auto result = decode(text, step);
        CHECK(result.decoder.state() == ChunkedDecoder::State::done);
        CHECK(result.contents == "hello, world, 1");
        CHECK(result.taken == text.size());
    }
}

TEST_CASE("what follows the last chunk is left", "[web]") {
    const std::string body = "1\r\nx\r\n0\r\n\r\n";
    CHECK(decode(body + "GET / HTTP/1.1\r\n", 1000).taken == body.size());
}

TEST_CASE("broken chunks are noticed", "[web]") {
    for (const char* text : {"\r\n", "g\r\n", ";x\r\n", "5\r\nhelloX", "5\rX", "1\r\nx\rX", "1234567890123456\r\n"}) {
        INFO(text);
        CHECK(decode(text, 100).decoder.state() == ChunkedDecoder::State::broken);
    }
    CHECK(decode("1;" + std::string(2000, 'x'), 100).decoder.state() == ChunkedDecoder::State::broken);
    CHECK(decode("0\r\n" + std::string(9000, 'x'), 100).decoder.state() == ChunkedDecoder::State::broken);
}

TEST_CASE("no more is read than belongs to a chunk", "[web]") {
    const auto result = decode("10\r\nabc", 100);
    CHECK(result.decoder.readable(1000) == 13);
    CHECK(result.decoder.readable(5) == 5);
    CHECK(ChunkedDecoder{}.readable(65536) == 512);
}
