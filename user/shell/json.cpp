#include "json.hpp"

namespace ant::shell {

void Json::separate(const char* key) {
    if (!first_) out.write(",");
    first_ = false;
    if (key == nullptr) return;
    quote(key);
    out.write(":");
}

void Json::begin(const char* key, char bracket) {
    separate(key);
    out.write({&bracket, 1});
    first_ = true;
}

void Json::end(char bracket) {
    out.write({&bracket, 1});
    first_ = false;
}

void Json::quote(std::string_view value) {
    out.write("\"");
    for (const char c : value) {
        if (c == '"' || c == '\\') out.write("\\");
        if (static_cast<unsigned char>(c) < 0x20) {
            out.print("\\u%04x", static_cast<unsigned>(c));
        } else {
            out.write({&c, 1});
        }
    }
    out.write("\"");
}

void Json::text(const char* key, std::string_view value) {
    separate(key);
    quote(value);
}

void Json::number(const char* key, std::uint64_t value) {
    separate(key);
    out.print("%llu", static_cast<unsigned long long>(value));
}

void Json::boolean(const char* key, bool value) {
    separate(key);
    out.write(value ? "true" : "false");
}

}  // namespace ant::shell
