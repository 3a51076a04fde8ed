// Starting programs by way of the guardian.
#pragma once

#include <ant/client.hpp>
#include <ant/interface/guardian.hpp>

#include <cstring>
#include <initializer_list>
#include <string_view>

namespace ant {

struct ChildOptions {
    const char* as = "";  // slot
    bool wait = false;    // for its end
    std::uint64_t timeout_us = 60'000'000;
};

inline Result<guardian::Started> start_child(const char* program, std::initializer_list<std::string_view> arguments,
                                             const ChildOptions& options = {}) {
    static constinit Client server{"guardian"};
    guardian::Start request{};
    if (std::strlen(program) >= sizeof request.program || std::strlen(options.as) >= sizeof request.as)
        return Failure(Error::invalid_argument);
    std::memcpy(request.program, program, std::strlen(program));
    std::memcpy(request.as, options.as, std::strlen(options.as));
    request.wait = options.wait ? 1 : 0;
    std::size_t bytes = 0;
    for (const std::string_view argument : arguments) {
        if (argument.size() >= sizeof request.arguments - bytes) return Failure(Error::too_many);
        std::memcpy(request.arguments + bytes, argument.data(), argument.size());
        bytes += argument.size() + 1;
        ++request.argc;
    }
    const auto answer = ANT_TRY(server.call(guardian::start, request, {}, options.timeout_us));
    return answer.result;
}

inline Result<guardian::Started> run_child(const char* program, std::initializer_list<std::string_view> arguments) {
    return start_child(program, arguments, {.wait = true});
}

// Ends a slot's process; nothing to do if it is gone already.
inline void stop_child(const char* slot) {
    static constinit Client server{"guardian"};
    guardian::Name name{};
    std::memcpy(name.name, slot, strnlen(slot, sizeof name.name - 1));
    (void)server.call(guardian::stop, name);
}

}  // namespace ant
