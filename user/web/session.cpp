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
            most = std::min(most, body_room());
            return chunked_ ? decoder_.readable(most) : limited(most, body_left_);
        case State::opening:
        case State::storing:
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
        keep_alive_ = false;  // the answer is still to be given
    }
}

void Session::give_up() {
    if (idle() || state_ == State::answer)
        state_ = State::finished;
    else if (state_ == State::opening || state_ == State::storing)
        file_failed(Error::timed_out);
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
    if (state_ != State::answer || file_under_way_) return;  // it was "100 Continue"
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
    const bool sink = request.path == "/sink", upload = request.path.starts_with(upload_prefix) && request.method == Method::put;
    // A body that nobody wants is not waited for: the connection ends after the answer.
    if (!sink && !upload && request.has_body()) keep_alive_ = false;
    if (upload) return begin_upload(request);
    if (sink) {
        if (writing) return receive_body(request, Wish::none);
        keep_alive_ = keep_alive_ && !request.has_body();
        return fail(Status::method_not_allowed);
    }
    if (!reading) return fail(request.path == "/" || request.path == "/random" ? Status::method_not_allowed : Status::not_found);
    if (request.path == "/random") return random(request);
    open_file(request);
}

void Session::open_file(const Request& request) {
    if (const Status status = file_path(request.path, path_); status != Status::none) return fail(status);
    wish_ = Wish::file;
    state_ = State::opening;
}

bool Session::file_found(std::uint64_t bytes) {
    respond_head(Status::ok, content_type(path_.view()), bytes);
    file_under_way_ = !head_only_ && bytes != 0;
    return file_under_way_;
}

void Session::file_is_folder() {
    state_ = State::answer;
    const char* folder = path_.text.data() + files_folder.size();
    say("HTTP/1.1 %u %s\r\nServer: AnT\r\nLocation: %s/\r\nContent-Length: 0\r\nConnection: %s\r\n\r\n",
        static_cast<unsigned>(Status::moved_permanently), reason(Status::moved_permanently), folder,
        keep_alive_ ? "keep-alive" : "close");
}

void Session::file_sent() {
    file_under_way_ = false;
    sent(0);
}

void Session::file_failed(Error error) {
    if (wish_ == Wish::upload) keep_alive_ = false;  // its contents are still to come
    const bool missing = error == Error::not_found || error == Error::not_directory || error == Error::no_server;
    if (missing && wish_ == Wish::file && path_.view() == "/www/index.html") return answer_page();
    if (missing) return fail(wish_ == Wish::file ? Status::not_found : Status::unavailable);
    if (error == Error::denied || error == Error::read_only || error == Error::is_directory) return fail(Status::forbidden);
    if (error == Error::no_space || error == Error::too_large) return fail(Status::insufficient_storage);
    if (error == Error::name_too_long) return fail(Status::uri_too_long);
    const bool busy = error == Error::timed_out || error == Error::queue_full || error == Error::no_memory ||
                      error == Error::over_quota || error == Error::too_many;
    fail(busy ? Status::unavailable : Status::internal_error);
}

// All characters are compared, so that the time taken tells nothing about the token.
bool Session::may_upload(std::string_view token) const {
    const std::string_view wanted{site_->token.data()};
    unsigned difference = token.size() == wanted.size() && !wanted.empty() ? 0 : 1;
    for (std::size_t i = 0; i < token.size() && i < wanted.size(); ++i)
        difference |= static_cast<unsigned char>(token[i] ^ wanted[i]);
    return difference == 0;
}

void Session::begin_upload(const Request& request) {
    Status status = may_upload(request.bearer) ? upload_path(request.path, path_) : Status::unauthorized;
    if (status == Status::none && !request.chunked && !request.length) status = Status::length_required;
    if (status == Status::none && request.length.value_or(0) > max_body) status = Status::content_too_large;
    if (status != Status::none) {
        keep_alive_ = keep_alive_ && !request.has_body();
        return fail(status);
    }
    receive_body(request, Wish::upload);
    state_ = State::opening;
}

void Session::upload_begun(std::span<std::byte> buffer) {
    state_ = State::body;
    if (continue_) say("HTTP/1.1 100 Continue\r\n\r\n");
    upload_goes_on(buffer);
}

void Session::upload_goes_on(std::span<std::byte> buffer) {
    buffer_ = buffer.data();
    buffer_bytes_ = buffer.size();
    buffer_used_ = 0;
    advance();
}

bool Session::upload_to_write() const {
    if (wish_ != Wish::upload || buffer_used_ == 0) return false;
    return state_ == State::storing || (state_ == State::body && buffer_used_ == buffer_bytes_);
}

void Session::upload_stored() {
    char text[64];
    ant::format(text, sizeof text, "bytes=%lu\n", body_bytes_);
    respond(Status::created, "text/plain", text);
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

void Session::receive_body(const Request& request, Wish wish) {
    if (request.length.value_or(0) > max_body) return fail(Status::content_too_large);
    if (!request.chunked && !request.length) return fail(Status::bad_request);
    wish_ = wish;
    chunked_ = request.chunked;
    continue_ = request.expect_continue;
    decoder_ = {};
    body_left_ = request.length.value_or(0);
    body_bytes_ = 0;
    hash_ = {};
    buffer_ = nullptr;
    buffer_bytes_ = buffer_used_ = 0;
    state_ = State::body;
    if (wish == Wish::none && continue_) say("HTTP/1.1 100 Continue\r\n\r\n");
}

// What of the body can be taken now: an upload needs a place.
std::size_t Session::body_room() const { return wish_ == Wish::upload ? buffer_bytes_ - buffer_used_ : ~std::size_t{0}; }

void Session::take_contents(std::span<const std::byte> bytes) {
    body_bytes_ += bytes.size();
    if (wish_ != Wish::upload) return hash_.update(bytes);
    std::memcpy(buffer_ + buffer_used_, bytes.data(), bytes.size());
    buffer_used_ += bytes.size();
}

// Takes what of the body has come together with the head. -> whether to go on (never: either more is to
// be read or there is an answer to send)
bool Session::take_body() {
    auto pending = std::as_bytes(std::span{input_.data(), input_bytes_});
    pending = pending.first(std::min(pending.size(), body_room()));
    if (chunked_) {
        drop(decoder_.feed(pending, [this](auto data) { take_contents(data); }));
        if (body_bytes_ > max_body)
            fail(Status::content_too_large);
        else if (decoder_.state() == ChunkedDecoder::State::broken)
            fail(Status::bad_request);
        else if (decoder_.state() == ChunkedDecoder::State::done)
            body_ends();
        return false;
    }
    const std::size_t taken = limited(pending.size(), body_left_);
    take_contents(pending.first(taken));
    body_left_ -= taken;
    drop(taken);
    if (body_left_ == 0) body_ends();
    return false;
}

void Session::body_ends() {
    if (wish_ == Wish::upload)
        state_ = State::storing;
    else
        answer_sink();
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
    if (status == Status::unauthorized) say("WWW-Authenticate: Bearer\r\n");
    if (status == Status::method_not_allowed) say("Allow: GET, HEAD, PUT, POST\r\n");
    say("Connection: %s\r\n\r\n", keep_alive_ ? "keep-alive" : "close");
}

// After an error in the framing nobody knows where the next request begins; an unknown path does no harm.
void Session::fail(Status status) {
    const bool harmless = status == Status::not_found || status == Status::method_not_allowed || status == Status::unauthorized ||
                          status == Status::forbidden;
    keep_alive_ = keep_alive_ && harmless;
    char text[96];
    ant::format(text, sizeof text, "%u %s\n", static_cast<unsigned>(status), reason(status));
    respond(status, "text/plain", text);
}

}  // namespace ant::web
