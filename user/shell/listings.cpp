#include "commands.hpp"
#include "json.hpp"
#include "records.hpp"

#include <ant/process.hpp>

namespace ant::shell {
namespace {

using abi::ListKind;
using ull = unsigned long long;

// Prints one line per record, below a heading, or all of them as one JSON array.
template <class Record, class Line, class Object>
int listing(Arguments& arguments, ListKind kind, const char* heading, Line&& line, Object&& object) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    Json json;
    if (as_json) json.begin_array();
    if (!as_json) out.write(heading);
    const auto listed = for_each_record<Record>(kind, [&](const Record& record) {
        if (!as_json) return line(record);
        json.begin_object();
        object(json, record);
        json.end_object();
    });
    if (as_json) json.end_array(), json.end_line();
    return listed ? status::success : fail(listed.error());
}

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
    out.print("%-13.32s %4u %-13.32s %3u %4u %8u %5u %4u %5u %5u %5u\n", s.name, s.functions, s.program, s.version, s.pid,
              s.replacements, s.queued, s.current, s.deferred, s.areas, s.area_pages);
}

void describe_functions(Json& json, std::uint32_t slot) {
    json.begin_array("functions");
    (void)for_each_record<abi::FunctionRecord>(ListKind::functions, [&](const abi::FunctionRecord& f) {
        if (f.slot == slot && f.provided != 0) json.text(nullptr, name_of(f.name));
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

const char* vector_name(std::uint32_t vector) {
    switch (vector) {
        case 0:
            return "divide error";
        case 1:
            return "debug";
        case 3:
            return "breakpoint";
        case 4:
            return "overflow";
        case 5:
            return "bound range";
        case 6:
            return "invalid opcode";
        case 7:
            return "no FPU";
        case 8:
            return "double fault";
        case 12:
            return "stack fault";
        case 13:
            return "protection fault";
        case 14:
            return "page fault";
        case 16:
            return "x87 error";
        case 17:
            return "alignment check";
        case 19:
            return "SIMD error";
        case 256:
            return "exit";
        case 257:
            return "killed";
        default:
            return "exception";
    }
}

void print_fault(const abi::FaultRecord& f) {
    out.print("%7llu.%03llu ms  %s (pid %u): %s", static_cast<ull>(f.time_ns / 1'000'000),
              static_cast<ull>(f.time_ns / 1000 % 1000), FixedText<abi::name_bytes>{name_of(f.name)}.c_str(), f.pid,
              vector_name(f.vector));
    if (f.vector < 256) {
        out.print(" at %.32s+0x%llx, address 0x%llx, error code 0x%x", f.program, static_cast<ull>(f.instruction),
                  static_cast<ull>(f.address), f.error_code);
    } else {
        out.print(", status %u", f.exit_status);
    }
    if (f.calls_failed != 0) out.print(", %u calls failed", f.calls_failed);
    out.write("\n");
}

void describe_fault(Json& json, const abi::FaultRecord& f) {
    char where[abi::name_bytes + 24];
    format(where, sizeof where, "%.32s+0x%llx", f.program, static_cast<ull>(f.instruction));
    json.number("time_ns", f.time_ns);
    json.text("name", name_of(f.name));
    json.text("program", name_of(f.program));
    json.number("pid", f.pid);
    json.number("slot", f.slot);
    json.text("cause", vector_name(f.vector));
    json.number("vector", f.vector);
    json.number("error_code", f.error_code);
    json.text("where", where);
    json.number("instruction", f.instruction);
    json.number("address", f.address);
    json.number("exit_status", f.exit_status);
    json.number("calls_failed", f.calls_failed);
}

}  // namespace

int list_processes(Arguments& arguments) {
    return listing<abi::ProcessRecord>(arguments, ListKind::processes,
                                       " PID SLOT NAME           PROGRAM        VER PRIO USER STATE      PAGES     CPU ms\n",
                                       print_process, describe_process);
}

int list_servers(Arguments& arguments) {
    return listing<abi::ServerRecord>(arguments, ListKind::servers,
                                      "SLOT          FUNC PROGRAM       VER  PID RESTARTS QUEUE CURR DEFER AREAS PAGES\n",
                                      print_server, describe_server);
}

int list_faults(Arguments& arguments) {
    return listing<abi::FaultRecord>(arguments, ListKind::faults, "", print_fault, describe_fault);
}

}  // namespace ant::shell
