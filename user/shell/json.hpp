// Writes JSON, on one line, to the console.
#pragma once

#include "output.hpp"

#include <cstdint>
#include <string_view>

namespace ant::shell {

class Json {
public:
    void begin_object(const char* key = nullptr) { begin(key, '{'); }
    void end_object() { end('}'); }
    void begin_array(const char* key = nullptr) { begin(key, '['); }
    void end_array() { end(']'); }
    void text(const char* key, std::string_view value);
    void number(const char* key, std::uint64_t value);
    void boolean(const char* key, bool value);
    void end_line() { out.write("\n"); }

private:
    void begin(const char* key, char bracket);
    void end(char bracket);
    void separate(const char* key);
    void quote(std::string_view value);

    bool first_ = true;
};

// A name in a record: NUL-terminated unless it fills its field.
template <std::size_t N>
std::string_view name_of(const char (&field)[N]) {
    return {field, std::find(field, field + N, '\0')};
}

}  // namespace ant::shell
