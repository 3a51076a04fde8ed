#include "session.hpp"

#include "page.hpp"

#include <ant/process.hpp>

#include <algorithm>
#include <cstring>

namespace ant::web {
namespace {

std::size_t limited(std::size_t bytes, std::uint64_t limit) { return bytes < limit ? bytes : static_cast<std::size_t>(limit); }

}  // namespace

// Appends to the text that waits to be sent.
template <class... Arguments>
void Session::say(const char* format, Arguments... arguments) {
    const std::size_t room = text_.size() - text_bytes_;
    const std::size_t bytes = ant::format(text_.data() + text_bytes_, room, format, arguments...);
    text_bytes_ += std::min(bytes, room - 1);
}

std::size_t Session::readable(std::size_t most) const {
    switch (state_) {
        case State::head:
            return std::min(most, max_head - input_bytes_);
        case State::body:
            return chunked_ ? decoder_.readable(most) : limited(most, body_left_);
        case State::answer:
            return 0;
        case State::finished:
            return most;
    }
    return 0;
}

void Session::input(std::span<const std::byte> bytes) {
    if (state_ == State::finished) return;
    if (state_ == State::body && input_bytes_ == 0) {
        const std::size_t taken =
            chunked_ ? decoder_.feed(bytes, [this](auto data) { take_contents(data); }) : limited(bytes.size(), body_left_);
        if (!chunked_) {
            take_contents(bytes.first(taken));
            body_left_ -= taken;
        }
        bytes = bytes.subspan(taken);
    }
    // readable() has seen to it that this fits.
    const std::size_t kept = std::min(bytes.size(), max_head - input_bytes_);
    std::memcpy(input_.data() + input_bytes_, bytes.data(), kept);
    input_bytes_ += kept;
    advance();
}

void Session::end_of_input() {
    if (state_ == State::head && input_bytes_ == 0) {
        state_ = State::finished;
    } else if (state_ == State::head || state_ == State::body) {
        fail(Status::bad_request);
    } else {
        keep_alive_ = false;
    }
}

void Session::give_up() {
    if (idle() || state_ == State::answer)
        state_ = State::finished;
    else if (state_ != State::finished)
        fail(Status::request_timeout);
}

std::size_t Session::output(std::span<std::byte> out) const {
    const std::size_t text = std::min(out.size(), text_bytes_ - text_sent_);
    std::memcpy(out.data(), text_.data() + text_sent_, text);
    const std::size_t stream = limited(out.size() - text, stream_left_);
    Stream{seed_, stream_offset_}.fill(out.subspan(text, stream));
    return text + stream;
}

void Session::sent(std::size_t bytes) {
    const std::size_t text = std::min(bytes, text_bytes_ - text_sent_);
    const std::size_t stream = limited(bytes - text, stream_left_);
    text_sent_ += text;
    stream_offset_ += stream;
    stream_left_ -= stream;
    if (output_bytes() != 0) return;
    text_bytes_ = text_sent_ = 0;
    if (state_ != State::answer) return;  // it was "100 Continue"
    state_ = keep_alive_ ? State::head : State::finished;
    advance();
}

void Session::drop(std::size_t bytes) {
    input_bytes_ -= bytes;
    std::memmove(input_.data(), input_.data() + bytes, input_bytes_);
}

// Goes on as far as the bytes at hand allow.
void Session::advance() {
    while ((state_ == State::head && take_head()) || (state_ == State::body && take_body())) {
    }
}

// -> whether to go on
bool Session::take_head() {
    // Empty lines ahead of a request are to be passed over (RFC 9112, 2.2).
    std::size_t empty = 0;
    while (empty < input_bytes_ && (input_[empty] == '\r' || input_[empty] == '\n')) ++empty;
    drop(empty);
    const std::string_view text{input_.data(), input_bytes_};
    const std::size_t bytes = head_bytes(text);
    if (bytes == 0) {
        if (input_bytes_ == max_head) fail(text.find('\n') == text.npos ? Status::uri_too_long : Status::header_too_large);
        return false;
    }
    ++site_->requests;
    Request request;
    head_only_ = false;
    const Status status = parse_head(text.substr(0, bytes), request);
    if (status != Status::none) {
        fail(status);
        return false;
    }
    keep_alive_ = request.keep_alive;
    head_only_ = request.method == Method::head;
    route(request);
    drop(bytes);
    return state_ == State::body;
}

void Session::route(const Request& request) {
    const bool reading = request.method == Method::get || request.method == Method::head;
    const bool writing = request.method == Method::put || request.method == Method::post;
    const bool sink = request.path == "/sink";
    // A body that nobody wants is not waited for: the connection ends after the answer.
    if (!sink && request.has_body()) keep_alive_ = false;
    if (sink) {
        if (writing) return receive_sink(request);
        keep_alive_ = keep_alive_ && !request.has_body();
        return fail(Status::method_not_allowed);
    }
    const bool page = request.path == "/" || request.path == "/index.html";
    if (!page && request.path != "/random") return fail(Status::not_found);
    if (!reading) return fail(Status::method_not_allowed);
    if (page) return answer_page();
    random(request);
}

void Session::random(const Request& request) {
    const auto bytes = query_value(request.query, "bytes");
    const auto seed = query_value(request.query, "seed");
    const auto length = bytes ? decimal(*bytes) : std::nullopt;
    const auto start = seed ? decimal(*seed) : std::optional<std::uint64_t>{0};
    if (!length || !start || *length > max_body) return fail(Status::bad_request);
    respond_head(Status::ok, "application/octet-stream", *length);
    if (head_only_) return;
    seed_ = *start;
    stream_offset_ = 0;
    stream_left_ = *length;
}

void Session::receive_sink(const Request& request) {
    if (request.length.value_or(0) > max_body) return fail(Status::content_too_large);
    if (!request.chunked && !request.length) return fail(Status::bad_request);
    chunked_ = request.chunked;
    decoder_ = {};
    body_left_ = request.length.value_or(0);
    body_bytes_ = 0;
    hash_ = {};
    state_ = State::body;
    if (request.expect_continue) say("HTTP/1.1 100 Continue\r\n\r\n");
}

void Session::take_contents(std::span<const std::byte> bytes) {
    hash_.update(bytes);
    body_bytes_ += bytes.size();
}

// Takes what of the body has come together with the head. -> whether to go on (never: either more is to
// be read or there is an answer to send)
bool Session::take_body() {
    const auto pending = std::as_bytes(std::span{input_.data(), input_bytes_});
    if (chunked_) {
        drop(decoder_.feed(pending, [this](auto data) { take_contents(data); }));
        if (body_bytes_ > max_body)
            fail(Status::content_too_large);
        else if (decoder_.state() == ChunkedDecoder::State::broken)
            fail(Status::bad_request);
        else if (decoder_.state() == ChunkedDecoder::State::done)
            answer_sink();
        return false;
    }
    const std::size_t taken = limited(pending.size(), body_left_);
    take_contents(pending.first(taken));
    body_left_ -= taken;
    drop(taken);
    if (body_left_ == 0) answer_sink();
    return false;
}

void Session::answer_sink() {
    const HexDigest digest = to_hex(hash_.finish());
    char text[128];
    ant::format(text, sizeof text, "sha256=%s bytes=%lu\n", digest.data(), body_bytes_);
    respond(Status::ok, "text/plain", text);
}

void Session::answer_page() {
    std::array<char, max_page> page;
    respond(Status::ok, "text/html; charset=utf-8", write_page(*site_, page));
}

void Session::respond(Status status, const char* type, std::string_view body) {
    respond_head(status, type, body.size());
    if (head_only_) return;
    const std::size_t bytes = std::min(body.size(), text_.size() - text_bytes_);
    std::memcpy(text_.data() + text_bytes_, body.data(), bytes);
    text_bytes_ += bytes;
}

void Session::respond_head(Status status, const char* type, std::uint64_t length) {
    state_ = State::answer;
    say("HTTP/1.1 %u %s\r\nServer: AnT\r\nContent-Type: %s\r\nContent-Length: %lu\r\n", static_cast<unsigned>(status),
        reason(status), type, length);
    if (status == Status::method_not_allowed) say("Allow: GET, HEAD, PUT, POST\r\n");
    say("Connection: %s\r\n\r\n", keep_alive_ ? "keep-alive" : "close");
}

// After an error in the framing nobody knows where the next request begins; an unknown path does no harm.
void Session::fail(Status status) {
    const bool harmless = status == Status::not_found || status == Status::method_not_allowed;
    keep_alive_ = keep_alive_ && harmless;
    char text[96];
    ant::format(text, sizeof text, "%u %s\n", static_cast<unsigned>(status), reason(status));
    respond(status, "text/plain", text);
}

}  // namespace ant::web
