#include "paths.hpp"

#include <cstring>
#include <optional>

namespace ant::web {
namespace {

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

// Takes one character, decoded (RFC 3986, 2.1), off the front; none: nonsense, or a NUL.
std::optional<char> next_character(std::string_view& text) {
    char c = text.front();
    std::size_t used = 1;
    if (c == '%') {
        const auto high = text.size() >= 3 ? hex_digit(text[1]) : std::nullopt;
        const auto low = text.size() >= 3 ? hex_digit(text[2]) : std::nullopt;
        if (!high || !low) return std::nullopt;
        c = static_cast<char>(*high * 16 + *low);
        used = 3;
    }
    text.remove_prefix(used);
    return c == '\0' ? std::nullopt : std::optional{c};
}

// Decoded as a whole before it is looked at: "%2e%2e%2f" is "../".
Status decode(std::string_view from, Path& path) {
    while (!from.empty()) {
        const auto c = next_character(from);
        if (!c) return Status::bad_request;
        if (!path.append({&*c, 1})) return Status::uri_too_long;
    }
    return Status::none;
}

// Neither "." nor ".." nor a file that is hidden, as uploads under way are.
bool has_hidden_part(std::string_view path) { return path.find("/.") != std::string_view::npos; }

}  // namespace

bool Path::append(std::string_view part) {
    const std::size_t length = view().size();
    if (part.size() >= text.size() - length) return false;
    std::memcpy(text.data() + length, part.data(), part.size());
    text[length + part.size()] = '\0';
    return true;
}

Status file_path(std::string_view request_path, Path& path) {
    path = {};
    if (!path.append(files_folder)) return Status::uri_too_long;
    if (const Status status = decode(request_path, path); status != Status::none) return status;
    if (has_hidden_part(path.view())) return Status::forbidden;
    if (path.view().back() == '/' && !path.append("index.html")) return Status::uri_too_long;
    return Status::none;
}

Status upload_path(std::string_view request_path, Path& path) {
    path = {};
    if (!path.append(upload_folder) || !path.append("/")) return Status::uri_too_long;
    const std::size_t folder = path.view().size();
    if (const Status status = decode(request_path.substr(upload_prefix.size()), path); status != Status::none) return status;
    const auto name = path.view().substr(folder);
    if (name.empty()) return Status::method_not_allowed;
    return name.front() == '.' || name.find('/') != std::string_view::npos ? Status::forbidden : Status::none;
}

const char* content_type(std::string_view path) {
    struct Type {
        std::string_view suffix;
        const char* type;
    };
    constexpr Type types[] = {{"html", "text/html; charset=utf-8"},
                              {"htm", "text/html; charset=utf-8"},
                              {"css", "text/css; charset=utf-8"},
                              {"js", "text/javascript; charset=utf-8"},
                              {"json", "application/json"},
                              {"txt", "text/plain; charset=utf-8"},
                              {"md", "text/plain; charset=utf-8"},
                              {"xml", "application/xml"},
                              {"svg", "image/svg+xml"},
                              {"png", "image/png"},
                              {"jpg", "image/jpeg"},
                              {"jpeg", "image/jpeg"},
                              {"gif", "image/gif"},
                              {"webp", "image/webp"},
                              {"ico", "image/x-icon"},
                              {"pdf", "application/pdf"},
                              {"wasm", "application/wasm"}};
    const auto name = path.substr(path.rfind('/') + 1);
    const auto point = name.rfind('.');
    for (const Type& type : types)
        if (point != std::string_view::npos && name.substr(point + 1) == type.suffix) return type.type;
    return "application/octet-stream";
}

}  // namespace ant::web
