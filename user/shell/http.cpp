#include "http.hpp"

#include <algorithm>
#include <charconv>

namespace ant::shell {
namespace {

template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// `word` is in lower case.
bool is(std::string_view text, std::string_view word) {
    return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) { return lower(a) == b; });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
    constexpr std::string_view scheme = "http://";
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    const std::size_t slash = std::min(text.find('/'), text.size());
    Url url{text.substr(0, slash), 80, text.substr(slash)};
    if (url.path.empty()) url.path = "/";
    const std::size_t colon = url.host.find(':');
    if (colon != std::string_view::npos) {
        const auto port = number<std::uint16_t>(url.host.substr(colon + 1));
        if (!port || *port == 0) return std::nullopt;
        url.port = *port;
        url.host = url.host.substr(0, colon);
    }
    if (url.host.empty()) return std::nullopt;
    return url;
}

std::optional<std::uint32_t> parse_ip(std::string_view text) {
    std::uint32_t ip = 0;
    for (unsigned i = 0; i < 4; ++i) {
        const std::size_t end = i < 3 ? text.find('.') : text.size();
        if (end == std::string_view::npos) return std::nullopt;
        const auto part = number<std::uint8_t>(text.substr(0, end));
        if (!part) return std::nullopt;
        ip = ip << 8 | *part;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return ip;
}

std::span<const std::byte> HttpResponse::take(std::span<const std::byte>& input) {
    while (!input.empty() && !finished()) {
        if (state_ == State::body) return body(input);
        const char c = static_cast<char>(input.front());
        input = input.subspan(1);
        if (c == '\n') {
            line();
        } else if (line_.full()) {
            state_ = State::malformed;
        } else {
            line_.append(c);
        }
    }
    return {};
}

std::span<const std::byte> HttpResponse::body(std::span<const std::byte>& input) {
    const bool bounded = chunked_ || length_.has_value();
    const std::size_t n = bounded ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())) : input.size();
    const auto piece = input.first(n);
    input = input.subspan(n);
    left_ -= bounded ? n : 0;
    if (bounded && left_ == 0) state_ = chunked_ ? State::chunk_end : State::complete;
    return piece;
}

void HttpResponse::line() {
    std::string_view text = line_.view();
    if (text.ends_with('\r')) text.remove_suffix(1);
    switch (state_) {
        case State::status_line:
            status_line(text);
            break;
        case State::headers:
            text.empty() ? end_of_headers() : header(text);
            break;
        case State::chunk_size:
            chunk_size(text);
            break;
        case State::chunk_end:
            state_ = text.empty() ? State::chunk_size : State::malformed;
            break;
        case State::trailers:
            if (text.empty()) state_ = State::complete;
            break;
        case State::body:
        case State::complete:
        case State::malformed:
            break;
    }
    line_.clear();
}

// "HTTP/1.1 200 OK"
void HttpResponse::status_line(std::string_view line) {
    const auto status = line.size() >= 12 ? number<std::uint16_t>(line.substr(9, 3)) : std::nullopt;
    if (!line.starts_with("HTTP/1.") || !status || *status < 100) {
        state_ = State::malformed;
        return;
    }
    status_ = *status;
    state_ = State::headers;
}

void HttpResponse::header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        state_ = State::malformed;
        return;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (is(name, "transfer-encoding")) chunked_ = is(value, "chunked");
    if (is(name, "content-length")) {
        length_ = number<std::uint64_t>(value);
        if (!length_) state_ = State::malformed;
    }
}

void HttpResponse::end_of_headers() {
    if (status_ < 200) {  // an interim response; the real one follows
        state_ = State::status_line;
        return;
    }
    if (chunked_) {
        state_ = State::chunk_size;
        return;
    }
    left_ = length_.value_or(0);
    const bool no_body = status_ == 204 || status_ == 304 || length_ == 0;
    state_ = no_body ? State::complete : State::body;
}

// Hexadecimal, extensions behind a semicolon.
void HttpResponse::chunk_size(std::string_view line) {
    const auto size = number<std::uint64_t>(trimmed(line.substr(0, line.find(';'))), 16);
    if (!size) {
        state_ = State::malformed;
        return;
    }
    left_ = *size;
    state_ = left_ == 0 ? State::trailers : State::body;
}

void HttpResponse::end() {
    const bool until_end = state_ == State::body && !chunked_ && !length_.has_value();
    if (!finished()) state_ = until_end ? State::complete : State::malformed;
}

}  // namespace ant::shell
