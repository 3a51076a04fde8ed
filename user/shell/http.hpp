// The client's side of HTTP/1.1, as far as `fetch` needs it: URLs, and reading one response.
#pragma once

#include "text.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ant::shell {

struct Url {
    std::string_view host;
    std::uint16_t port;
    std::string_view path;  // with the query, "/" if there is none
};
// http://HOST[:PORT][/PATH]; "http://" may be missing.
std::optional<Url> parse_url(std::string_view text);

// a.b.c.d
std::optional<std::uint32_t> parse_ip(std::string_view text);

// Takes a response as it arrives and finds its body: by length, in chunks, or up to the end of the stream.
class HttpResponse {
public:
    enum class State : std::uint8_t { status_line, headers, body, chunk_size, chunk_end, trailers, complete, malformed };

    // Takes bytes from the front of `input`. -> a piece of the body, which lies inside `input`. To be called
    // until `input` is empty or the response is finished.
    std::span<const std::byte> take(std::span<const std::byte>& input);
    // The stream has ended.
    void end();

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool finished() const { return state_ == State::complete || state_ == State::malformed; }
    [[nodiscard]] unsigned status() const { return status_; }
    [[nodiscard]] std::optional<std::uint64_t> length() const { return length_; }

private:
    void line();
    void status_line(std::string_view line);
    void header(std::string_view line);
    void end_of_headers();
    void chunk_size(std::string_view line);
    std::span<const std::byte> body(std::span<const std::byte>& input);

    State state_ = State::status_line;
    unsigned status_ = 0;
    bool chunked_ = false;
    std::optional<std::uint64_t> length_;  // as announced
    std::uint64_t left_ = 0;               // of the body, or of the chunk
    FixedText<1024> line_;
};

}  // namespace ant::shell
