// The guardian: the first process. It starts everything else from the boot archive, and stops, kills and
// replaces servers for whoever has the right to call it. It calls nobody and waits: it must answer while others hang.
#include "boot_config.hpp"
#include "launcher.hpp"
#include "listing.hpp"
#include "notices.hpp"
#include "programs.hpp"
#include "replacements.hpp"
#include "waiters.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/process.hpp>
#include <ant/server.hpp>

#include <charconv>

ANT_MANIFEST(.version = 1, .name = "guardian", .priority = ant::abi::priority::guardian, .privileges = ~std::uint32_t{0},
             .callees = "*");

namespace {

using namespace ant;
using namespace ant::guardian_server;

constexpr char config_name[] = "boot.conf";

constinit Programs programs;
constinit BootConfig config;
constinit Listings listings;
constinit Notices notices;
constinit Launcher launcher{programs, config, listings};
constinit Waiters waiters{listings};
constinit Replacements replacements{programs, listings};
unsigned next_rule = 0;

void load_archive() {
    const abi::StartupInfo& info = startup();
    Ica text;
    std::size_t bytes = 0;
    if (info.boot_archive == 0) panic("no boot archive: nothing can be started");
    programs.load(info.boot_archive, info.boot_archive_bytes, config_name, text, bytes);
    if (!text) panic("no %s in the boot archive: nothing can be started", config_name);
    config.parse({text.as<const char>(), bytes},
                 [](unsigned line, const char* why) { notices.add("%s:%u: %s", config_name, line, why); });
}

void start_rule(const Rule& rule) {
    if (!rule.for_each_pci) {
        const auto started = launcher.start({rule.program.view(), rule.as.view(), {}});
        if (!started) notices.add("%s does not start: %s", rule.program.text, error_text(started.error()));
        return;
    }
    if (launcher.start_cards(rule) != 0) return;
    // The chip's name in capitals is how people know it.
    Name chip = rule.program;
    for (char& c : chip.text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    notices.add("no %s found, going on without network", chip.text);
    // Its partner serves nevertheless: programs get "unreachable" from it, not silence.
    if (!rule.with.empty()) {
        const auto started = launcher.start({rule.with.view(), {}, {}});
        if (!started) notices.add("%s does not start: %s", rule.with.text, error_text(started.error()));
    }
}

// Starts what boot.conf lists. A notice is shown before the next program starts, so that it does not
// land behind the prompt.
void go_on_booting() {
    const auto wanted = launcher.command_line().value("boot");
    const std::string_view mode = wanted.empty() ? std::string_view{"full"} : wanted;
    while (next_rule < config.rules().size()) {
        if (next_rule != 0 && !notices.flush()) return;
        const Rule& rule = config.rules()[next_rule++];
        if (rule.start && rule.applies_in(mode)) start_rule(rule);
    }
}

// A slot's name, or a decimal process number. The guardian itself is nobody's target.
Result<std::uint32_t> find_process(std::string_view name) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool numeric = error == std::errc{} && end == name.data() + name.size();
    std::uint32_t pid = 0;
    const bool found = listings.search<abi::ProcessRecord>(abi::ListKind::processes, [&](const abi::ProcessRecord& record) {
        pid = record.pid;
        return numeric ? record.pid == number : bounded(record.name) == name;
    });
    if (!found) return Failure(Error::not_found);
    if (pid == startup().pid) return Failure(Error::denied);
    return pid;
}

Outcome end_process(std::string_view name, std::uint32_t status) {
    const auto pid = find_process(name);
    if (!pid) return pid.error();
    const auto killed = sys::process_kill(*pid, status);
    return killed ? Outcome{} : Outcome{killed.error()};
}

// Bytes that `count` strings take at the front of the caller's arguments.
Result<std::size_t> argument_bytes(const guardian::Start& request) {
    std::size_t bytes = 0;
    for (unsigned i = 0; i < request.argc; ++i) {
        const std::size_t room = sizeof request.arguments - bytes;
        const std::size_t length = strnlen(request.arguments + bytes, room);
        if (length == room) return Failure(Error::invalid_argument);
        bytes += length + 1;
    }
    return bytes;
}

Outcome on_start(Call call) {
    // A copy: the caller of a synchronous request still has the page mapped.
    const auto request = call.params<guardian::Start>();
    const auto bytes = argument_bytes(request);
    if (!bytes) return bytes.error();
    const auto launched =
        launcher.start({bounded(request.program), bounded(request.as), {request.arguments, *bytes}, request.argc});
    if (!launched) return launched.error();
    if (request.wait != 0) {
        if (waiters.add(call.control(), *launched)) return Call::defer();
        (void)sys::process_kill(launched->process.pid, panic_status);
        return Error::too_many;
    }
    guardian::Started started{launched->process.pid, launched->process.slot, 0, 0, {}};
    std::memcpy(started.name, launched->slot.text, sizeof started.name);
    return call.reply_with(started);
}

Outcome on_stop(Call call) { return end_process(Name{bounded(call.params<guardian::Name>().name)}.view(), 0); }

Outcome on_kill(Call call) {
    const auto request = call.params<guardian::Name>();
    return end_process(bounded(request.name), request.status);
}

Outcome on_replace(Call call) {
    const Error error = replacements.begin(call.control(), call.params<guardian::Replace>());
    return error == Error::none ? Call::defer() : Outcome{error};
}

Outcome on_programs(Call call) {
    guardian::Programs list{};
    std::size_t bytes = 0;
    for (const Program& program : programs.all()) {
        const std::size_t length = program.name.view().size() + 1;
        if (length > sizeof list.names - bytes) break;
        std::memcpy(list.names + bytes, program.name.text, length);
        bytes += length;
        ++list.count;
    }
    return call.reply_with(list);
}

Outcome on_power(Call call) {
    const auto request = call.params<guardian::Power>();
    if (request.action > static_cast<std::uint32_t>(abi::PowerAction::reboot)) return Error::invalid_argument;
    return sys::raw(sys::Syscall::power, request.action, request.status).error;
}

void on_event(std::uint64_t events) {
    if ((events & abi::event::replacement) != 0) replacements.collect();
    if ((events & abi::event::process_ended) != 0) waiters.processes_ended();
}

std::uint64_t before_receive() {
    go_on_booting();
    return notices.flush() ? no_limit : Notices::retry_us;
}

}  // namespace

int main() {
    if (!listings.reserve()) panic("no memory for listings");
    load_archive();
    launcher.command_line(startup().command_line);
    launcher.find_cards();

    static Server server{startup().name};
    server.on(guardian::start, on_start);
    server.on(guardian::stop, on_stop);
    server.on(guardian::kill, on_kill);
    server.on(guardian::replace, on_replace);
    server.on(guardian::programs, on_programs);
    server.on(guardian::power, on_power);
    server.on_event(on_event);
    server.before_receive(before_receive);
    panic("cannot serve: %s", error_text(server.run()));
}
