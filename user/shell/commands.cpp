#include "commands.hpp"

#include "interrupt_watch.hpp"
#include "json.hpp"
#include "session.hpp"

#include <algorithm>

namespace ant::shell {
namespace {

constexpr Command commands[] = {
    {"help", "[COMMAND] [--json]", "this list, or how a command is used", show_help},
    {"ps", "[--json]", "processes", list_processes},
    {"servers", "[--json] [NAME]", "server slots: who provides which functions", list_servers},
    {"ica", "[--json]", "memory areas by owner, free pages, result of the audit", list_areas},
    {"net", "[--json]", "network interfaces and their drivers' counters", show_network},
    {"faults", "[--json] [AFTER]", "processes that ended by a fault, an exit or a kill; AFTER: those with higher numbers",
     list_faults},
    {"history", "[--json]", "replacements so far", list_replacements},
    {"log", "", "the inner core's log", show_log},
    {"boot", "[--json]", "how long booting took", show_boot},
    {"replace", "NAME[=PROGRAM]... [--as-paper]", "replaces servers while their clients go on", replace_server},
    {"start", "PROGRAM [AS [ARGUMENT...]]", "starts a program in the background", start_program},
    {"stop", "NAME", "ends a server for good", stop_server},
    {"run", "[--user N] PROGRAM [ARGUMENT...]", "runs a program and waits for its end; Ctrl-C kills it", run_program},
    {"kill", "NAME", "ends a process; a server that is restarted comes back", kill_process},
    {"crash", "NAME null|text|div0|stack|wild|panic|exit|lost_reply|double_free|overrun|runaway|bad_reply",
     "has a server bring itself down", crash_server},
    {"hang", "NAME", "has a server fall into an endless loop", hang_server},
    {"poke", "NAME ADDRESS HEXBYTES", "overwrites text or data of a server's process", poke_server},
    {"stop-after", "NAME INSTRUCTIONS", "ends a server in the middle of its next call; 0: does not", stop_server_after},
    {"ls", "[-l] [PATH] [--json]", "files of a directory", list_files},
    {"cat", "PATH", "prints a file", print_file},
    {"put", "PATH [TEXT...]", "writes a line into a file, or lines until one is a single dot", write_text},
    {"rm", "[-r] PATH", "removes a file; -r: a directory with all in it", remove_file},
    {"mkdir", "PATH", "makes a directory", make_directory},
    {"mv", "FROM TO", "moves a file or directory, or gives it another name", move_file},
    {"sync", "", "waits until everything written is on the disk", sync_files},
    {"df", "[--json]", "mounted file systems and their free space", list_mounts},
    {"disks", "[--json]", "disks that can be mounted", list_disks},
    {"mount", "DISK PARTITION PATH [-r]", "shows a file system (partition 0: the whole disk) in a directory; -r: read-only",
     mount_disk},
    {"umount", "PATH", "ends a mount", unmount_disk},
    {"ping", "HOST [COUNT]", "asks a host for an echo", ping_host},
    {"fetch", "URL [--sum]", "gets a page by HTTP; --sum prints its SHA-256 instead", fetch_url},
    {"sum", "BYTES SEED", "SHA-256 of the reproducible stream that /random sends", sum_stream},
    {"bench", "NAME [ARGUMENT...]", "runs a measurement", run_bench},
    {"trace", "[on|off|forget|show [--json]]", "what the inner core does, call by call; show ends the tracing", trace_core},
    {"repeat", "TIMES COMMAND...", "runs a command until it fails, at most so often", repeat_command},
    {"status", "", "exit status of the last command", show_status},
    {"reboot", "", "restarts the machine", reboot_machine},
    {"poweroff", "[STATUS]", "switches the machine off", power_off},
};

void print_commands(bool as_json) {
    Json json;
    if (as_json) json.begin_array();
    for (const Command& command : commands) {
        if (!as_json) {
            out.print("  %-10s %s\n", command.name, command.summary);
            continue;
        }
        json.begin_object();
        json.text("name", command.name);
        json.text("parameters", command.parameters);
        json.text("summary", command.summary);
        json.end_object();
    }
    if (!as_json) return out.write("`help COMMAND` shows how a command is used.\n");
    json.end_array();
    json.end_line();
}

int usage(const Command& command) {
    out.print("usage: %s %s\n", command.name, command.parameters);
    return status::wrong_usage;
}

}  // namespace

std::span<const Command> all_commands() { return commands; }

int run_command(Arguments& arguments) {
    const auto found = std::find_if(std::begin(commands), std::end(commands),
                                    [&](const Command& command) { return arguments[0] == command.name; });
    if (found == std::end(commands)) {
        out.print("%s: unknown command; `help` lists them\n", arguments.c_str(0));
        session->status = status::unknown_command;
        return session->status;
    }
    const int result = found->run(arguments);
    session->status = result == status::show_usage ? usage(*found) : result;
    return session->status;
}

int run_line(std::string_view line) {
    static Arguments::Storage storage;  // outlives the command: its words lie here
    Arguments arguments;
    switch (arguments.parse(line, storage)) {
        case Arguments::Problem::none:
            break;
        case Arguments::Problem::open_quote:
            out.write("a quote is not closed\n");
            return session->status = status::wrong_usage;
        case Arguments::Problem::too_many:
            out.write("too many words\n");
            return session->status = status::wrong_usage;
    }
    return arguments.size() == 0 ? session->status : run_command(arguments);
}

int show_help(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() > 2) return status::show_usage;
    if (arguments.size() == 2) {
        for (const Command& command : commands) {
            if (arguments[1] != command.name) continue;
            out.print("%s %s\n    %s\n", command.name, command.parameters, command.summary);
            return status::success;
        }
        out.print("%s: unknown command\n", arguments.c_str(1));
        return status::failure;
    }
    print_commands(as_json);
    return status::success;
}

int show_status(Arguments&) {
    out.print("%d\n", session->status);
    return session->status;
}

int repeat_command(Arguments& arguments) {
    const auto times = parse_number(arguments[1]);
    if (!times || arguments.size() < 3) return status::show_usage;
    InterruptWatch watch;
    for (std::uint64_t i = 0; i < *times; ++i) {
        if (watch.fired()) return status::interrupted;
        Arguments command = arguments.without_first(2);
        const int result = run_command(command);
        if (result != status::success) return result;
        out.flush();
    }
    return status::success;
}

}  // namespace ant::shell
