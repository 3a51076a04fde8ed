// trace: the inner core's trace buffer.
#include "commands.hpp"
#include "json.hpp"
#include "records.hpp"

#include <ant/syscalls.hpp>

#include <iterator>

namespace ant::shell {
namespace {

using ull = unsigned long long;

struct TraceState {
    bool on;
    std::uint64_t records;
};
Result<TraceState> trace(abi::TraceAction action) {
    const sys::Raw answer = sys::raw(sys::Syscall::trace, static_cast<std::uint64_t>(action));
    if (answer.error != Error::none) return Failure(answer.error);
    return TraceState{answer.rdx != 0, answer.rsi};
}

// By number, counted from Syscall::first.
constexpr const char* call_names[] = {
    "request",
    "request_async",
    "receive",
    "reply",
    "reply_and_receive",
    "forward",
    "forward_and_receive",
    "ica_reserve",
    "ica_release",
    "ica_split",
    "ica_info",
    "server_register",
    "function_register",
    "function_withdraw",
    "function_find",
    "state_register",
    "state_fetch",
    "hand_over",
    "server_replace",
    "replace_result",
    "image_create",
    "image_release",
    "process_create",
    "process_kill",
    "process_exit",
    "wait",
    "list",
    "memory_map",
    "memory_unmap",
    "memory_protect",
    "set_foreign_handler",
    "set_thread_pointer",
    "log",
    "pci_read",
    "pci_write",
    "device_map",
    "physical_map",
    "power",
    "trace",
    "area_keep",
    "area_sweep",
    "phase",
    "slot_end",
    "process_poke",
    "process_stop_after",
};
static_assert(std::size(call_names) == static_cast<unsigned>(abi::Syscall::count_) - static_cast<unsigned>(abi::Syscall::first));

const char* kind_name(std::uint16_t kind) {
    constexpr const char* names[] = {"call", "leave", "interrupt", "replacement", "failure"};
    return kind < std::size(names) ? names[kind] : "unknown";
}

const char* call_name(const abi::TraceRecord& r) {
    const bool call = r.kind == static_cast<std::uint16_t>(abi::TraceKind::call);
    return call && r.detail < std::size(call_names) ? call_names[r.detail] : "";
}

void print_record(const abi::TraceRecord& r) {
    out.print("%7llu.%06llu ms %5u %-11s %3u %-19s %16llx %16llx\n", static_cast<ull>(r.time_ns / 1'000'000),
              static_cast<ull>(r.time_ns % 1'000'000), r.pid, kind_name(r.kind), r.detail, call_name(r), static_cast<ull>(r.a),
              static_cast<ull>(r.b));
}

void describe_record(Json& json, const abi::TraceRecord& r) {
    json.begin_object();
    json.number("time_ns", r.time_ns);
    json.number("pid", r.pid);
    json.text("kind", kind_name(r.kind));
    json.number("detail", r.detail);
    if (const char* name = call_name(r); *name != '\0') json.text("call", name);
    json.number("a", r.a);
    json.number("b", r.b);
    json.end_object();
}

int show(bool as_json) {
    Json json;
    if (as_json)
        json.begin_array();
    else
        out.write("           TIME   PID KIND        NUMBER                                     A                B\n");
    const auto listed = for_each_record<abi::TraceRecord>(abi::ListKind::trace, [&](const abi::TraceRecord& record) {
        as_json ? describe_record(json, record) : print_record(record);
    });
    if (as_json) json.end_array(), json.end_line();
    return listed ? status::success : fail(listed.error());
}

// What is shown would change while it is being read.
int show_stopped(bool as_json) {
    const auto stopped = trace(abi::TraceAction::off);
    return stopped ? show(as_json) : fail(stopped.error());
}

}  // namespace

int trace_core(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    const std::string_view wanted = arguments[1];
    if (arguments.size() > 2 || (as_json && wanted != "show")) return status::show_usage;
    if (wanted == "show") return show_stopped(as_json);
    auto action = abi::TraceAction::ask;
    if (wanted == "on")
        action = abi::TraceAction::on;
    else if (wanted == "off")
        action = abi::TraceAction::off;
    else if (wanted == "forget")
        action = abi::TraceAction::forget;
    else if (!wanted.empty())
        return status::show_usage;
    const auto done = trace(action);
    const auto now = done ? trace(abi::TraceAction::ask) : done;
    if (!now) return fail(now.error());
    out.print("trace=%s records=%llu\n", now->on ? "on" : "off", static_cast<ull>(now->records));
    return status::success;
}

}  // namespace ant::shell
