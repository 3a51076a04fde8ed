#include "commands.hpp"
#include "json.hpp"
#include "listing.hpp"

#include <ant/process.hpp>

namespace ant::shell {
namespace {

using abi::ListKind;
using ull = unsigned long long;

const char* state_name(std::uint32_t state) {
    constexpr const char* names[] = {"ready",   "running",     "receiving",    "calling",
                                     "waiting", "registering", "handing over", "ending"};
    return state < std::size(names) ? names[state] : "unknown";
}

void print_process(const abi::ProcessRecord& p) {
    out.print("%4u %4u %-14.32s %-14.32s %3u %4u %4u %-10s %5u %6llu.%03llu\n", p.pid, p.slot, p.name, p.program, p.version,
              p.priority, p.user_id, state_name(p.state), p.private_pages, static_cast<ull>(p.cpu_ns / 1'000'000),
              static_cast<ull>(p.cpu_ns / 1000 % 1000));
}

void describe_process(Json& json, const abi::ProcessRecord& p) {
    json.number("pid", p.pid);
    json.number("slot", p.slot);
    json.text("name", name_of(p.name));
    json.text("program", name_of(p.program));
    json.number("version", p.version);
    json.number("priority", p.priority);
    json.number("user_id", p.user_id);
    json.text("state", state_name(p.state));
    json.number("private_pages", p.private_pages);
    json.number("cpu_ns", p.cpu_ns);
    json.number("started_ns", p.started_ns);
}

void print_server(const abi::ServerRecord& s) {
    const char* standing = s.vacant != 0 ? "  vacant" : s.probation != 0 ? "  on probation" : "";
    out.print("%-13.32s %4u %-13.32s %3u %4u %8u %5u %4u %5u %5u %5u%s\n", s.name, s.functions, s.program, s.version, s.pid,
              s.replacements, s.queued, s.current, s.deferred, s.areas, s.area_pages, standing);
}

void describe_functions(Json& json, std::uint32_t slot) {
    json.begin_array("functions");
    (void)for_each_record<abi::FunctionRecord>(ListKind::functions, [&](const abi::FunctionRecord& f) {
        if (f.slot == slot && f.provided != 0) json.text(nullptr, name_of(f.name));
    });
    json.end_array();
    json.begin_array("function_ids");  // of these, in the same order
    (void)for_each_record<abi::FunctionRecord>(ListKind::functions, [&](const abi::FunctionRecord& f) {
        if (f.slot == slot && f.provided != 0) json.number(nullptr, f.id);
    });
    json.end_array();
}

void describe_server(Json& json, const abi::ServerRecord& s) {
    json.text("name", name_of(s.name));
    json.number("slot", s.slot);
    describe_functions(json, s.slot);
    json.text("program", name_of(s.program));
    json.number("version", s.version);
    json.number("pid", s.pid);
    json.number("restarts", s.replacements);
    json.number("failures", s.failures);
    json.boolean("vacant", s.vacant != 0);
    json.boolean("probation", s.probation != 0);
    json.number("deadline_us", s.deadline_us);
    json.number("queued", s.queued);
    json.number("current", s.current);
    json.number("deferred", s.deferred);
    json.number("results", s.results);
    json.number("areas", s.areas);
    json.number("area_pages", s.area_pages);
    json.number("controls", s.controls);
    json.number("state_format", s.state_format);
    json.number("calls_served", s.calls_served);
}

}  // namespace

int list_processes(Arguments& arguments) {
    return listing<abi::ProcessRecord>(arguments, ListKind::processes,
                                       " PID SLOT NAME           PROGRAM        VER PRIO USER STATE      PAGES     CPU ms\n",
                                       print_process, describe_process);
}

int list_servers(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() > 2) return status::show_usage;
    return list_records<abi::ServerRecord>(
        as_json, ListKind::servers, "SLOT          FUNC PROGRAM       VER  PID RESTARTS QUEUE CURR DEFER AREAS PAGES\n",
        print_server, describe_server,
        [&](const abi::ServerRecord& server) { return arguments.size() == 1 || arguments[1] == name_of(server.name); });
}

}  // namespace ant::shell
