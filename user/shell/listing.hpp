// Listings of the core, for people and as JSON.
#pragma once

#include "commands.hpp"
#include "json.hpp"
#include "records.hpp"

namespace ant::shell {

// Prints one line for each wanted record, below a heading, or all of them as one JSON array.
template <class Record, class Line, class Object, class Wanted>
int list_records(bool as_json, abi::ListKind kind, const char* heading, Line&& line, Object&& object, Wanted&& wanted) {
    Json json;
    if (as_json) json.begin_array();
    if (!as_json) out.write(heading);
    const auto listed = for_each_record<Record>(kind, [&](const Record& record) {
        if (!wanted(record)) return;
        if (!as_json) return line(record);
        json.begin_object();
        object(json, record);
        json.end_object();
    });
    if (as_json) json.end_array(), json.end_line();
    return listed ? status::success : fail(listed.error());
}

// All records; a command without other arguments than --json.
template <class Record, class Line, class Object>
int listing(Arguments& arguments, abi::ListKind kind, const char* heading, Line&& line, Object&& object) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    return list_records<Record>(as_json, kind, heading, line, object, [](const Record&) { return true; });
}

}  // namespace ant::shell
