// Commands on servers: replace, stop, kill, crash, hang.
#include "commands.hpp"
#include "guardian_calls.hpp"
#include "json.hpp"
#include "replacement_text.hpp"

#include <algorithm>

namespace ant::shell {
namespace {

constexpr std::uint64_t crash_timeout_us = 500'000;
constexpr std::uint64_t replace_timeout_us = 60'000'000;
constexpr std::uint32_t killed_status = 137;

struct FaultName {
    const char* name;
    guardian::Fault fault;
};
constexpr FaultName fault_names[] = {
    {"null", guardian::Fault::null},   {"text", guardian::Fault::text}, {"div0", guardian::Fault::div0},
    {"stack", guardian::Fault::stack}, {"wild", guardian::Fault::wild}, {"panic", guardian::Fault::panic},
    {"exit", guardian::Fault::exit},
};

int end_process(const Function<guardian::Name>& function, Arguments& arguments, std::uint32_t exit_status) {
    if (arguments.size() != 2) return status::show_usage;
    const auto request = named(arguments[1], exit_status);
    if (!request) return fail(request.error());
    const auto ended = guardian_client.call(function, *request);
    return ended ? status::success : fail(ended.error());
}

// The server cannot answer: that it dies, or stays silent, is the success.
int bring_down(const char* name, guardian::Fault fault) {
    Client victim{name};
    const auto answer =
        victim.call(guardian::crash, {.fault = static_cast<std::uint32_t>(fault), .reserved = 0}, {}, crash_timeout_us);
    const Error error = answer ? Error::none : answer.error();
    const Error wanted = fault == guardian::Fault::hang ? Error::timed_out : Error::server_died;
    if (error == Error::none) return fail(Error::not_supported, "the server went on");
    if (error != wanted && error != Error::restarted) return fail(error);
    out.print("%s: %s\n", name, error_text(error));
    return status::success;
}

}  // namespace

int replace_server(Arguments& arguments) {
    guardian::Replace request{};
    request.as_paper = arguments.take_flag("--as-paper");
    if (arguments.size() < 2) return status::show_usage;
    if (arguments.size() - 1 > guardian::max_replace) return fail(Error::too_many);
    for (unsigned i = 1; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string_view program = equals < word.size() ? word.substr(equals + 1) : std::string_view{};
        auto& server = request.server[request.count++];
        if (!copy_name(server.name, word.substr(0, equals)) || !copy_name(server.program, program))
            return fail(Error::invalid_argument);
    }
    const auto replaced = guardian_client.call(guardian::replace, request, {}, replace_timeout_us);
    if (!replaced) return fail(replaced.error());
    int result = status::success;
    for (unsigned i = 0; i < request.count; ++i)
        if (const int one = print_replacement(replaced->result.result[i]); one != status::success) result = one;
    return result;
}

int stop_server(Arguments& arguments) { return end_process(guardian::stop, arguments, 0); }
int kill_process(Arguments& arguments) { return end_process(guardian::kill, arguments, killed_status); }

int crash_server(Arguments& arguments) {
    if (arguments.size() != 3) return status::show_usage;
    const auto kind = std::find_if(std::begin(fault_names), std::end(fault_names),
                                   [&](const FaultName& entry) { return arguments[2] == entry.name; });
    if (kind == std::end(fault_names)) return status::show_usage;
    return bring_down(arguments.c_str(1), kind->fault);
}

int hang_server(Arguments& arguments) {
    if (arguments.size() != 2) return status::show_usage;
    return bring_down(arguments.c_str(1), guardian::Fault::hang);
}

}  // namespace ant::shell
