#include "http.hpp"

namespace ant::web {
namespace {

constexpr std::string_view blanks = " \t";

bool is_token_character(char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
    for (const char c : text)
        if (!is_token_character(c)) return false;
    return !text.empty();
}
// No control characters: neither in the request line nor in a value.
bool is_visible(std::string_view text, bool blanks_too) {
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (code == 0x7f || code < ' ' ? c != '\t' || !blanks_too : c == ' ' && !blanks_too) return false;
    }
    return true;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same_word(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}
std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}
// The next line without its end. CR LF is right, LF alone is taken too (RFC 9112, 2.2).
std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

Method method_named(std::string_view name) {
    if (name == "GET") return Method::get;
    if (name == "HEAD") return Method::head;
    if (name == "PUT") return Method::put;
    if (name == "POST") return Method::post;
    for (const std::string_view known : {"DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"})
        if (name == known) return Method::other;
    return Method::unknown;
}

// "HTTP/1.1"; a later minor version speaks 1.1 too.
Status parse_version(std::string_view text, bool& version_1_0) {
    constexpr std::string_view name = "HTTP/";
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    if (text.size() != name.size() + 3 || text.substr(0, name.size()) != name || !digit(5) || text[6] != '.' || !digit(7))
        return Status::bad_request;
    if (text[5] != '1') return Status::version_not_supported;
    version_1_0 = text[7] == '0';
    return Status::none;
}

// "/path?query", or the same with "http://host" ahead of it.
bool parse_target(std::string_view target, Request& request) {
    constexpr std::string_view scheme = "http://";
    if (target.substr(0, scheme.size()) == scheme) {
        target.remove_prefix(scheme.size());
        const auto slash = target.find_first_of("/?");
        target = slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
    }
    if (target != "*" && target.front() != '/' && target.front() != '?') return false;
    const auto fragment = target.find('#');
    target = target.substr(0, fragment);
    const auto question = target.find('?');
    request.path = target.substr(0, question);
    request.query = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
    return true;
}

Status parse_request_line(std::string_view line, Request& request, bool& version_1_0) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return Status::bad_request;
    const auto method = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    if (!is_token(method) || target.empty() || !is_visible(target, false)) return Status::bad_request;
    if (const Status status = parse_version(line.substr(last + 1), version_1_0); status != Status::none) return status;
    request.method = method_named(method);
    return parse_target(target, request) ? Status::none : Status::bad_request;
}

// What the fields say beyond the request itself.
struct Fields {
    unsigned hosts = 0;
    bool close = false, keep_alive = false, unknown_coding = false, unknown_expectation = false;
};

void parse_connection(std::string_view value, Fields& fields) {
    for (;;) {
        const auto comma = value.find(',');
        const auto option = trimmed(value.substr(0, comma));
        fields.close = fields.close || same_word(option, "close");
        fields.keep_alive = fields.keep_alive || same_word(option, "keep-alive");
        if (comma == std::string_view::npos) return;
        value.remove_prefix(comma + 1);
    }
}

Status parse_length(std::string_view value, Request& request) {
    const auto length = decimal(value);
    if (!length) {
        // A number too large for us is still a number.
        const bool digits = !value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos;
        return digits ? Status::content_too_large : Status::bad_request;
    }
    if (request.length && *request.length != *length) return Status::bad_request;
    request.length = length;
    return Status::none;
}

std::string_view parse_bearer(std::string_view value) {
    constexpr std::string_view scheme = "bearer ";
    if (value.size() <= scheme.size() || !same_word(value.substr(0, scheme.size()), scheme)) return {};
    return trimmed(value.substr(scheme.size()));
}

Status parse_field(std::string_view line, Request& request, Fields& fields) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return Status::bad_request;
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (!is_visible(value, true)) return Status::bad_request;
    if (same_word(name, "content-length")) return parse_length(value, request);
    if (same_word(name, "host")) ++fields.hosts;
    if (same_word(name, "authorization")) request.bearer = parse_bearer(value);
    if (same_word(name, "connection")) parse_connection(value, fields);
    if (same_word(name, "transfer-encoding")) {
        fields.unknown_coding = fields.unknown_coding || request.chunked || !same_word(value, "chunked");
        request.chunked = true;
    }
    if (same_word(name, "expect")) {
        request.expect_continue = same_word(value, "100-continue");
        fields.unknown_expectation = !request.expect_continue;
    }
    return Status::none;
}

}  // namespace

const char* reason(Status status) {
    switch (status) {
        case Status::none:
            break;
        case Status::ok:
            return "OK";
        case Status::created:
            return "Created";
        case Status::moved_permanently:
            return "Moved Permanently";
        case Status::bad_request:
            return "Bad Request";
        case Status::unauthorized:
            return "Unauthorized";
        case Status::forbidden:
            return "Forbidden";
        case Status::not_found:
            return "Not Found";
        case Status::method_not_allowed:
            return "Method Not Allowed";
        case Status::request_timeout:
            return "Request Timeout";
        case Status::length_required:
            return "Length Required";
        case Status::content_too_large:
            return "Content Too Large";
        case Status::uri_too_long:
            return "URI Too Long";
        case Status::expectation_failed:
            return "Expectation Failed";
        case Status::header_too_large:
            return "Request Header Fields Too Large";
        case Status::internal_error:
            return "Internal Server Error";
        case Status::not_implemented:
            return "Not Implemented";
        case Status::unavailable:
            return "Service Unavailable";
        case Status::version_not_supported:
            return "HTTP Version Not Supported";
        case Status::insufficient_storage:
            return "Insufficient Storage";
    }
    return "";
}

std::size_t head_bytes(std::string_view text) {
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1)) {
        const auto rest = text.substr(end + 1);
        if (rest.substr(0, 1) == "\n") return end + 2;
        if (rest.substr(0, 2) == "\r\n") return end + 3;
    }
    return 0;
}

Status parse_head(std::string_view head, Request& request) {
    bool version_1_0 = false;
    if (const Status status = parse_request_line(next_line(head), request, version_1_0); status != Status::none) return status;
    Fields fields;
    for (auto line = next_line(head); !line.empty(); line = next_line(head)) {
        if (const Status status = parse_field(line, request, fields); status != Status::none) return status;
    }
    if (fields.hosts > 1 || (fields.hosts == 0 && !version_1_0)) return Status::bad_request;
    // Two different statements of the length are how requests are smuggled past a proxy.
    if (request.chunked && (request.length || version_1_0)) return Status::bad_request;
    if (fields.unknown_coding) return Status::not_implemented;
    if (fields.unknown_expectation) return Status::expectation_failed;
    if (request.method == Method::unknown) return Status::not_implemented;
    request.keep_alive = !fields.close && (!version_1_0 || fields.keep_alive);
    request.expect_continue = request.expect_continue && !version_1_0;
    return Status::none;
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto item = query.substr(0, end);
        const auto equals = item.find('=');
        if (item.substr(0, equals) == key) return equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value)) return std::nullopt;
    }
    return value;
}

}  // namespace ant::web
