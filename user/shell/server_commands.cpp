// Commands on servers: replace, stop, kill, crash, hang, poke, stop-after.
#include "commands.hpp"
#include "guardian_calls.hpp"
#include "json.hpp"
#include "session.hpp"

#include <algorithm>
#include <charconv>

namespace ant::shell {
namespace {

constexpr std::uint64_t crash_timeout_us = 500'000;
constexpr std::uint64_t replace_timeout_us = 60'000'000;
constexpr std::uint32_t killed_status = 137;

struct FaultName {
    const char* name;
    guardian::Fault fault;
    bool may_go_on;  // the core refuses what it tries, and it need not fail of that
};
constexpr FaultName fault_names[] = {
    {"null", guardian::Fault::null, false},
    {"text", guardian::Fault::text, false},
    {"div0", guardian::Fault::div0, false},
    {"stack", guardian::Fault::stack, false},
    {"wild", guardian::Fault::wild, false},
    {"panic", guardian::Fault::panic, false},
    {"exit", guardian::Fault::exit, false},
    {"lost_reply", guardian::Fault::lost_reply, false},
    {"double_free", guardian::Fault::double_free, true},
    {"overrun", guardian::Fault::overrun, true},
    {"runaway", guardian::Fault::runaway, true},
    {"bad_reply", guardian::Fault::bad_reply, true},
};
constexpr FaultName hang{"hang", guardian::Fault::hang, false};

int end_process(const Function<guardian::Name>& function, Arguments& arguments, std::uint32_t exit_status) {
    if (arguments.size() != 2) return status::show_usage;
    const auto request = named(arguments[1], exit_status);
    if (!request) return fail(request.error());
    const auto ended = guardian_client.call(function, *request);
    return ended ? status::success : fail(ended.error());
}

// The server cannot answer: that it dies, or stays silent, is the success.
int bring_down(const char* name, const FaultName& kind) {
    Client victim{name};
    const auto answer =
        victim.call(guardian::crash, {.fault = static_cast<std::uint32_t>(kind.fault), .reserved = 0}, {}, crash_timeout_us);
    const Error error = answer ? Error::none : answer.error();
    const bool stays_silent = kind.fault == guardian::Fault::hang || kind.fault == guardian::Fault::lost_reply;
    const bool wanted = error == Error::server_died || error == Error::restarted || (stays_silent && error == Error::timed_out);
    if (!wanted && error != Error::none && !kind.may_go_on) return fail(error);
    if (error == Error::none && !kind.may_go_on) return fail(Error::not_supported, "the server went on");
    out.print("%s: %s\n", name, wanted ? error_text(error) : "went on");
    return status::success;
}

// -> how many bytes, 0: those are no digits
unsigned parse_bytes(std::string_view digits, std::uint8_t (&bytes)[abi::max_poke]) {
    if (digits.size() % 2 != 0 || digits.size() > 2 * sizeof bytes) return 0;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto [end, error] = std::from_chars(&digits[i], &digits[i] + 2, bytes[i / 2], 16);
        if (error != std::errc{} || end != &digits[i] + 2) return 0;
    }
    return static_cast<unsigned>(digits.size() / 2);
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
            return fail(Error::name_too_long);
    }
    out.flush();
    const auto sent = guardian_client.send(guardian::replace, request, {}, 0, replace_timeout_us);
    if (!sent) return fail(sent.error());
    session->replacement = *sent;
    return finish_replacement();
}

int stop_server(Arguments& arguments) { return end_process(guardian::stop, arguments, 0); }
int kill_process(Arguments& arguments) { return end_process(guardian::kill, arguments, killed_status); }

int crash_server(Arguments& arguments) {
    if (arguments.size() != 3) return status::show_usage;
    const auto kind = std::find_if(std::begin(fault_names), std::end(fault_names),
                                   [&](const FaultName& entry) { return arguments[2] == entry.name; });
    if (kind == std::end(fault_names)) return status::show_usage;
    return bring_down(arguments.c_str(1), *kind);
}

int hang_server(Arguments& arguments) {
    if (arguments.size() != 2) return status::show_usage;
    return bring_down(arguments.c_str(1), hang);
}

int poke_server(Arguments& arguments) {
    guardian::Poke request{};
    const auto address = parse_number(arguments[2]);
    request.count = parse_bytes(arguments[3], request.bytes);
    if (arguments.size() != 4 || !address || request.count == 0) return status::show_usage;
    if (!copy_name(request.name, arguments[1])) return fail(Error::invalid_argument);
    request.address = *address;
    const auto poked = guardian_client.call(guardian::poke, request);
    return poked ? status::success : fail(poked.error());
}

int stop_server_after(Arguments& arguments) {
    guardian::StopAfter request{};
    const auto instructions = parse_number(arguments[2]);
    if (arguments.size() != 3 || !instructions) return status::show_usage;
    if (!copy_name(request.name, arguments[1])) return fail(Error::invalid_argument);
    request.instructions = *instructions;
    const auto set = guardian_client.call(guardian::stop_after, request);
    return set ? status::success : fail(set.error());
}

}  // namespace ant::shell
