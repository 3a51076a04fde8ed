#include "guardian_calls.hpp"

#include <algorithm>

namespace ant::shell {

constinit Client guardian_client{"guardian"};

bool copy_name(char (&to)[abi::name_bytes], std::string_view name) {
    if (name.size() >= sizeof to) return false;
    std::copy_n(name.data(), name.size(), to);
    to[name.size()] = 0;
    return true;
}

Result<guardian::Start> start_request(std::string_view program, std::string_view as, const Arguments& words, unsigned first) {
    guardian::Start request{};
    if (!copy_name(request.program, program) || !copy_name(request.as, as)) return Failure(Error::name_too_long);
    std::size_t bytes = 0;
    for (unsigned i = first; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word.size() + 1 > sizeof request.arguments - bytes) return Failure(Error::message_too_long);
        std::copy_n(word.data(), word.size(), request.arguments + bytes);
        bytes += word.size() + 1;  // the NUL is there already
        ++request.argc;
    }
    return request;
}

Result<guardian::Name> named(std::string_view name, std::uint32_t status) {
    guardian::Name request{};
    if (!copy_name(request.name, name)) return Failure(Error::invalid_argument);
    request.status = status;
    return request;
}

}  // namespace ant::shell
