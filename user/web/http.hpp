// The head of an HTTP/1.1 request (RFC 9110, RFC 9112), taken apart and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ant::web {

enum class Status : unsigned {
    none = 0,
    ok = 200,
    created = 201,
    moved_permanently = 301,
    bad_request = 400,
    unauthorized = 401,
    forbidden = 403,
    not_found = 404,
    method_not_allowed = 405,
    request_timeout = 408,
    length_required = 411,
    content_too_large = 413,
    uri_too_long = 414,
    expectation_failed = 417,
    header_too_large = 431,
    internal_error = 500,
    not_implemented = 501,
    unavailable = 503,
    version_not_supported = 505,
    insufficient_storage = 507,
};
const char* reason(Status status);

enum class Method : std::uint8_t { get, head, put, post, other, unknown };

struct Request {
    Method method = Method::unknown;
    std::string_view path, query;  // in the head's memory
    std::string_view bearer;       // the token of "Authorization: Bearer TOKEN" (RFC 6750)
    bool keep_alive = true;
    bool chunked = false;
    bool expect_continue = false;
    std::optional<std::uint64_t> length;  // of the body

    [[nodiscard]] bool has_body() const { return chunked || length.value_or(0) != 0; }
};

// Length of the head that `text` begins with, the empty line included; 0 if it is not all there yet.
std::size_t head_bytes(std::string_view text);
// Status::none, or the error to answer with.
Status parse_head(std::string_view head, Request& request);
// Value of `key` in "a=1&b=2"; none: not there.
std::optional<std::string_view> query_value(std::string_view query, std::string_view key);
// Digits only, without overflow.
std::optional<std::uint64_t> decimal(std::string_view text);

}  // namespace ant::web
