// Commands on programs: start, run, bench.
#include "commands.hpp"
#include "guardian_calls.hpp"
#include "interrupt_watch.hpp"
#include "json.hpp"
#include "records.hpp"

#include <ant/process.hpp>

namespace ant::shell {
namespace {

constexpr unsigned most_instances = 100;

bool slot_exists(std::string_view name) {
    bool found = false;
    (void)for_each_record<abi::ServerRecord>(
        abi::ListKind::servers, [&](const abi::ServerRecord& record) { found = found || name_of(record.name) == name; });
    return found;
}

// A free name to run a program under: then it can be killed by it.
Result<FixedText<abi::name_bytes>> free_slot(std::string_view program) {
    program = program.substr(program.rfind('/') + 1);
    program = program.substr(0, program.find('@'));
    for (unsigned i = 0; i < most_instances; ++i) {
        FixedText<2 * abi::name_bytes> name{program};
        char suffix[8] = {};
        if (i != 0) format(suffix, sizeof suffix, ".%u", i);
        name.append(suffix);
        if (name.size() >= abi::name_bytes) return Failure(Error::name_too_long);
        if (!slot_exists(name.view())) return FixedText<abi::name_bytes>{name.view()};
    }
    return Failure(Error::too_many);
}

int report_end(const guardian::Started& ended) {
    if (ended.fault == 0) return static_cast<int>(ended.exit_status);
    out.print("%.32s ended by a fault; `faults` tells more\n", ended.name);
    return ended.exit_status != 0 ? static_cast<int>(ended.exit_status) : status::failure;
}

int report(const Finished& finished, bool interrupted) {
    const int result = interrupted                     ? status::interrupted
                       : finished.error != Error::none ? fail(finished.error)
                                                       : report_end(finished.result<guardian::Started>());
    controls::give(finished.control);
    return result;
}

// Waits for the end of the program; Ctrl-C kills it.
int wait_for_end(std::uint64_t started, std::string_view slot) {
    InterruptWatch watch;
    for (;;) {
        const auto finished = next_result(no_limit);
        if (!finished) continue;
        if (finished->control == started) return report(*finished, watch.has_fired());
        if (!watch.took(*finished)) {
            forget(*finished);
            continue;
        }
        if (!watch.has_fired()) continue;
        out.write("^C\n");
        out.flush();
        const auto name = named(slot, status::interrupted);
        if (name) (void)guardian_client.call(guardian::kill, *name);
    }
}

int run(std::string_view program, const Arguments& words, unsigned first, std::uint32_t user = 0) {
    const auto slot = free_slot(program);
    if (!slot) return fail(slot.error());
    auto request = start_request(program, slot->view(), words, first);
    if (!request) return fail(request.error());
    request->wait = 1;
    request->user = user;
    out.flush();  // before the program prints
    const auto started = guardian_client.send(guardian::start, *request);
    return started ? wait_for_end(*started, slot->view()) : fail(started.error());
}

}  // namespace

int start_program(Arguments& arguments) {
    if (arguments.size() < 2) return status::show_usage;
    const auto request = start_request(arguments[1], arguments[2], arguments, 3);
    if (!request) return fail(request.error());
    const auto started = guardian_client.call(guardian::start, *request);
    if (!started) return fail(started.error());
    out.print("started=%.32s pid=%u\n", started->result.name, started->result.pid);
    return status::success;
}

int run_program(Arguments& arguments) {
    std::uint32_t user = 0;
    unsigned first = 1;
    if (arguments.size() > 1 && arguments[1] == "--user") {
        const auto number = parse_number(arguments[2]);
        if (!number || *number > UINT32_MAX) return status::show_usage;
        user = static_cast<std::uint32_t>(*number);
        first = 3;
    }
    if (arguments.size() <= first) return status::show_usage;
    return run(arguments[first], arguments, first + 1, user);
}

int run_bench(Arguments& arguments) {
    if (arguments.size() < 2) return status::show_usage;
    return run("bench", arguments, 1);
}

}  // namespace ant::shell
