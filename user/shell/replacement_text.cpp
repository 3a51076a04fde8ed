#include "replacement_text.hpp"

#include "commands.hpp"
#include "error_name.hpp"
#include "fault_text.hpp"
#include "json.hpp"
#include "records.hpp"

#include <ant/process.hpp>

namespace ant::shell {
namespace {

using ull = unsigned long long;

// By abi::Phase.
constexpr const char* phase_names[abi::phases] = {"detect", "stop", "create", "load", "registration", "state", "device", "first"};

void describe(Json& json, const abi::ReplaceResult& r) {
    json.text("cause", r.fault == 0 ? "planned" : cause_name(r.failure));
    json.text("name", name_of(r.name));
    json.text("error", error_name(r.error));
    json.number("old_pid", r.old_pid);
    json.number("new_pid", r.new_pid);
    json.number("old_version", r.old_version);
    json.number("new_version", r.new_version);
    json.number("start_ns", r.start_ns);
    json.number("total_ns", r.total_ns);
    json.number("blackout_ns", r.blackout_ns);
    json.number("areas", r.areas);
    json.number("calls", r.calls);
    json.number("calls_failed", r.calls_failed);
    json.number("calls_redelivered", r.calls_redelivered);
    json.number("fault", r.fault);
    json.number("transaction", r.transaction);
    json.boolean("as_paper", r.as_paper != 0);
    json.begin_object("phase_ns");
    for (unsigned i = 0; i < abi::phases; ++i) json.number(phase_names[i], r.phase_ns[i]);
    json.end_object();
    json.begin_array("event_ns");
    for (const std::uint64_t event : r.event_ns) json.number(nullptr, event);
    json.end_array();
}

int print_success(const abi::ReplaceResult& r) {
    out.print(
        "replaced=%.32s old_pid=%u new_pid=%u old_version=%u new_version=%u total_ns=%llu blackout_ns=%llu areas=%u calls=%u\n",
        r.name, r.old_pid, r.new_pid, r.old_version, r.new_version, static_cast<ull>(r.total_ns), static_cast<ull>(r.blackout_ns),
        r.areas, r.calls);
    return status::success;
}

}  // namespace

int print_replacement(const abi::ReplaceResult& result) {
    if (result.error == Error::none) return print_success(result);
    if (result.error != Error::exited_early) return fail(result.error);
    char why[96];
    format(why, sizeof why, "%s, with status %u", error_text(result.error), result.exit_status);
    return fail(result.error, why);
}

int list_replacements(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    Json json;
    if (as_json) json.begin_array();
    const auto listed = for_each_record<abi::ReplaceResult>(abi::ListKind::history, [&](const abi::ReplaceResult& result) {
        if (as_json) {
            json.begin_object();
            describe(json, result);
            json.end_object();
            return;
        }
        out.print("%7llu.%03llu ms  ", static_cast<ull>(result.start_ns / 1'000'000),
                  static_cast<ull>(result.start_ns / 1000 % 1000));
        if (result.fault != 0) out.print("after %s: ", cause_name(result.failure));
        if (result.error != Error::none) out.print("%.32s: ", result.name);
        (void)print_replacement(result);
    });
    if (as_json) json.end_array(), json.end_line();
    return listed ? status::success : fail(listed.error());
}

}  // namespace ant::shell
