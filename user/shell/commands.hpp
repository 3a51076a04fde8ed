// The shell's commands. Each gets its words, prints, and says its exit status.
#pragma once

#include "output.hpp"
#include "parse.hpp"

#include <span>
#include <string_view>

namespace ant::shell {

namespace status {
inline constexpr int success = 0;
inline constexpr int failure = 1;
inline constexpr int wrong_usage = 2;
inline constexpr int unknown_command = 127;
inline constexpr int interrupted = 130;
// Not an exit status: the command wants its usage shown.
inline constexpr int show_usage = -1;
}  // namespace status

struct Command {
    const char* name;
    const char* parameters;
    const char* summary;
    int (*run)(Arguments&);
};

std::span<const Command> all_commands();
// Runs one command; its status is also what `status` prints next.
int run_command(Arguments& arguments);
int run_line(std::string_view line);
// A line that a command asks for. false: Ctrl-C
bool ask_line(std::string_view& line);

// Listings of the core's tables
int list_processes(Arguments&);
int list_servers(Arguments&);
int list_areas(Arguments&);
int list_faults(Arguments&);
int list_replacements(Arguments&);
int show_log(Arguments&);
int show_boot(Arguments&);

// Servers and programs
int replace_server(Arguments&);
int kill_process(Arguments&);
int crash_server(Arguments&);
int hang_server(Arguments&);
int poke_server(Arguments&);
int stop_server_after(Arguments&);
int start_program(Arguments&);
int stop_server(Arguments&);
int run_program(Arguments&);
int run_bench(Arguments&);

// Files
int list_files(Arguments&);
int print_file(Arguments&);
int write_text(Arguments&);
int remove_file(Arguments&);
int make_directory(Arguments&);
int move_file(Arguments&);
int sync_files(Arguments&);
int list_mounts(Arguments&);
int list_disks(Arguments&);
int mount_disk(Arguments&);
int unmount_disk(Arguments&);

// Network
int show_network(Arguments&);
int ping_host(Arguments&);
int fetch_url(Arguments&);

// The rest
int show_help(Arguments&);
int show_status(Arguments&);
int sum_stream(Arguments&);
int trace_core(Arguments&);
int repeat_command(Arguments&);
int reboot_machine(Arguments&);
int power_off(Arguments&);

}  // namespace ant::shell
