// The guardian: the first process. It starts everything else from the boot archive or from disk, gives a slot whose process fails
// its next one, and stops, kills and replaces servers for whoever has the right to call it. It calls nobody and waits: it must
// answer while others hang. The core starts it again when it fails itself; it then goes on from its records.
#include "boot_config.hpp"
#include "disk_programs.hpp"
#include "launcher.hpp"
#include "listing.hpp"
#include "notices.hpp"
#include "programs.hpp"
#include "recovery.hpp"
#include "replacements.hpp"
#include "shutdown.hpp"
#include "starts.hpp"
#include "state.hpp"

#include <ant/abi/symbol_table.hpp>
#include <ant/abi/manifest.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/process.hpp>
#include <ant/server.hpp>
#include <ant/state.hpp>

#include <algorithm>
#include <charconv>

#ifndef ANT_GUARDIAN_VERSION
#define ANT_GUARDIAN_VERSION ant::abi::guardian_program::version
#endif

ANT_MANIFEST(.version = ANT_GUARDIAN_VERSION, .name = "guardian", .priority = ant::abi::priority::guardian,
             .privileges = ~std::uint32_t{0}, .state_writes = ant::guardian_server::state_format,
             .state_reads = 1 << 0 | 1 << ant::guardian_server::state_format,
             .deadline_us = ant::abi::guardian_program::deadline_us, .restart = 1, .callees = "*");

namespace {

using namespace ant;
using namespace ant::guardian_server;

constexpr char config_name[] = "boot.conf", symbols_name[] = "symbols";

constinit State state;
constinit Programs programs{state};
constinit BootConfig config;
constinit Listings listings;
constinit Notices notices;
constinit Launcher launcher{state, programs, config, listings};
constinit Starts starts{state, launcher, listings};
constinit Recovery recovery{state, programs, config, listings, notices};
constinit Replacements replacements{state, programs, recovery, listings};
constinit DiskPrograms disk_programs{state, programs};
constinit Shutdown shut_down{notices};
Server* server = nullptr;
// Rules of boot.conf ahead of this one may have been carried out by a guardian before.
std::uint32_t begun_before = 0;
bool state_lost = false;
// A program from disk may not be needed any more.
bool something_ended = false;

AreaBytes reserve(std::size_t bytes) {
    auto area = Ica::reserve(bytes);
    if (!area) panic("no memory for %zu bytes: %s", bytes, error_text(area.error()));
    return {area->detach(), bytes};
}

// In the first guardian, or one that finds nothing to go on with. With the root in the records everything is there for those
// that follow.
void begin() {
    const abi::StartupInfo& info = startup();
    if (info.boot_archive == 0) panic("no boot archive: nothing can be started");
    Root& root = state.root;
    root = {};
    root.listings = reserve(Listings::area_bytes);
    root.journal = reserve(sizeof(Journal));
    root.catalogue = reserve(sizeof(Catalogue));
    listings.use(root.listings.address);
    OtherFile others[] = {{config_name, root.config}, {symbols_name, root.symbols}};
    programs.load({info.boot_archive, info.boot_archive_bytes}, others);
    if (root.config.address == 0) panic("no %s in the boot archive: nothing can be started", config_name);
    config.parse(root.config.text(), [](unsigned line, const char* why) { notices.add("%s:%u: %s", config_name, line, why); });
    launcher.find_cards();
    root.catalogue_check = state_checksum(&state.catalogue(), sizeof(Catalogue));
    if (const auto created = state.create(); !created) panic("no records: %s", error_text(created.error()));
    programs.save();
    state.save_root();
}

// In a guardian that takes over, from one that failed or one that was replaced.
void resume(sys::State registered) {
    const bool has_failed = server->registered() == abi::Registered::restarted;
    if (const auto adopted = state.adopt(registered); !adopted) {
        notices.add("starts clean, its state is lost: %s", error_text(adopted.error()));
        (void)sys::image_release(abi::all_images);  // their numbers are lost, too
        begin();
        begun_before = static_cast<std::uint32_t>(config.rules().size());
        state_lost = true;
    } else {
        listings.use(state.root.listings.address);
        programs.restore();
        config.parse(state.root.config.text(), [](unsigned, const char*) {});  // the first guardian has complained
        begun_before = state.root.next_rule + 1;
    }
    if (has_failed) state.sweep();
    disk_programs.restore();
    replacements.restore();
    recovery.look();
}

// -> the slot of a rule without one: the program's name, with a number if earlier rules take it
Name slot_of(unsigned index) {
    const auto rules = config.rules();
    const auto base = without_version(rules[index].program.view());
    const auto same = std::count_if(rules.begin(), rules.begin() + index, [&](const Rule& rule) {
        return rule.start && rule.as.empty() && without_version(rule.program.view()) == base;
    });
    return instance_name(base, static_cast<unsigned>(same));
}

void start_program(std::string_view program, std::string_view slot, const char* token = "") {
    const auto started = launcher.start({.program = program, .as = slot, .arguments = {}, .token = token});
    if (started && *token != 0) notices.say("%s: token %s", Name{slot}.text, token);
    const bool done_before = state.root.next_rule < begun_before && !started && started.error() == Error::exists;
    if (!started && !done_before) notices.add("%s does not start: %s", Name{program}.text, error_text(started.error()));
}

void start_rule(unsigned index) {
    const Rule& rule = config.rules()[index];
    if (!rule.for_each_pci) {
        char token[33] = {};
        if (rule.token) ant::format(token, sizeof token, "%016lx%016lx", startup().random[0], startup().random[1]);
        return start_program(rule.program.view(), rule.as.empty() ? slot_of(index).view() : rule.as.view(), token);
    }
    if (launcher.start_cards(rule) != 0 || rule.with.empty()) return;
    // The chip's name in capitals is how people know it.
    Name chip = rule.program;
    for (char& c : chip.text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    notices.add("no %s found, going on without network", chip.text);
    // Its partner serves nevertheless: programs get "unreachable" from it, not silence.
    start_program(rule.with.view(), rule.with.view());
}

// Starts what boot.conf lists. A notice is shown before the next program starts, so that it does not
// land behind the prompt.
void go_on_booting() {
    const auto wanted = launcher.command_line().value("boot");
    const std::string_view mode = wanted.empty() ? std::string_view{"full"} : wanted;
    std::uint32_t& next = state.root.next_rule;
    while (next < config.rules().size()) {
        if (next != 0 && !notices.flush()) return;
        const Rule& rule = config.rules()[next];
        if (rule.start && rule.applies_in(mode)) start_rule(next);
        ++next;
        state.save_root();
    }
}

struct Target {
    std::uint32_t pid, slot;  // pid 0: the slot is vacant
};

// A slot's name, or a decimal process number. The guardian itself is nobody's target.
Result<Target> find_target(std::string_view name) {
    std::optional<Target> target;
    if (const auto server = listings.server(name)) target = Target{server->pid, server->slot};
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (!target && error == std::errc{} && end == name.data() + name.size()) {
        listings.search<abi::ProcessRecord>(abi::ListKind::processes, [&](const abi::ProcessRecord& record) {
            if (record.pid == number) target = Target{record.pid, record.slot};
            return target.has_value();
        });
    }
    if (!target) return Failure(Error::not_found);
    return *target;
}

// A call that was delivered before, and nobody knows any more what has come of it.
bool unknown(Call call) { return state_lost && call.redelivered(); }

Outcome on_start(Call call) {
    if (unknown(call)) return Error::restarted;
    if (starts.is_made(call)) return starts.begin(call);
    const Name program{bounded(call.params<guardian::Start>().program)};
    return disk_programs.read(call, {&program, 1}, [](Call c, std::uint64_t read_ns) {
        something_ended = something_ended || read_ns != 0;
        return starts.begin(c);
    });
}

Outcome on_stop(Call call) {
    const auto target = find_target(Name{bounded(call.params<guardian::Name>().name)}.view());
    // Delivered again: the guardian before has got that far.
    if (!target) return call.redelivered() && target.error() == Error::not_found ? Outcome{} : Outcome{target.error()};
    if (target->slot == startup().slot) return Error::denied;
    const auto ended = sys::slot_end(target->slot);
    return ended ? Outcome{} : Outcome{ended.error()};
}

Outcome on_kill(Call call) {
    const auto request = call.params<guardian::Name>();
    const auto target = find_target(bounded(request.name));
    if (!target) return target.error();
    if (target->pid == 0) return Error::not_found;
    if (target->slot == startup().slot) (void)Server::answer(call.control(), Error::none);  // nobody could do it afterwards
    const auto killed = sys::process_kill(target->pid, request.status);
    return killed ? Outcome{} : Outcome{killed.error()};
}

Outcome on_replace(Call call) {
    if (unknown(call)) return Error::restarted;
    if (replacements.is_known(call)) return replacements.begin(call, 0);
    std::array<Name, guardian::max_replace> names;
    const unsigned count = replacements.programs_of(call, names);
    return disk_programs.read(call, {names.data(), count},
                              [](Call c, std::uint64_t read_ns) { return replacements.begin(c, read_ns); });
}

Outcome on_programs(Call call) {
    guardian::Programs list{};
    std::size_t bytes = 0;
    for (const Program& program : programs.archive()) {
        const std::size_t length = program.name.view().size() + 1;
        if (length > sizeof list.names - bytes) break;
        std::memcpy(list.names + bytes, program.name.text, length);
        bytes += length;
        ++list.count;
    }
    return call.reply_with(list);
}

Outcome on_power(Call call) { return shut_down.begin(call); }

Outcome on_symbol(Call call) {
    auto answer = call.params<guardian::Symbol>();
    const auto program = rule_name(bounded(answer.program));
    const auto place = abi::Symbols{state.root.symbols.contents()}.find(program, answer.address);
    std::memset(answer.function, 0, sizeof answer.function);
    answer.offset = place ? place->offset : 0;
    if (place) std::memcpy(answer.function, place->function.data(), std::min(place->function.size(), sizeof answer.function - 1));
    return call.reply_with(answer);
}

Outcome on_poke(Call call) {
    const auto request = call.params<guardian::Poke>();
    const auto server = listings.server(bounded(request.name));
    if (!server || server->vacant != 0) return Error::not_found;
    if (request.count > sizeof request.bytes) return Error::invalid_argument;
    recovery.poked(*server);
    const auto poked = sys::process_poke(server->pid, request.address, request.bytes, request.count);
    return poked ? Outcome{} : Outcome{poked.error()};
}

Outcome on_stop_after(Call call) {
    const auto request = call.params<guardian::StopAfter>();
    const auto server = listings.server(bounded(request.name));
    if (!server || server->vacant != 0) return Error::not_found;
    const auto set = sys::process_stop_after(server->pid, request.instructions);
    return set ? Outcome{} : Outcome{set.error()};
}

// Results first: what has been replaced may have failed meanwhile.
void on_event(std::uint64_t events) {
    something_ended = true;
    if ((events & abi::event::replacement) != 0) replacements.collect();
    if ((events & abi::event::process_ended) == 0) return;
    starts.processes_ended();
    recovery.look();
}

std::uint64_t earlier(std::uint64_t a, std::uint64_t b) {
    if (a == abi::poll || b == abi::poll) return abi::poll;
    return a == no_limit ? b : b == no_limit ? a : std::min(a, b);
}

// What is being read, or is about to replace another, is needed soon.
void release_unused_programs() {
    if (!something_ended || disk_programs.reading() || replacements.under_way()) return;
    programs.release_unused(listings);
    something_ended = false;
}

std::uint64_t before_receive() {
    go_on_booting();
    release_unused_programs();
    const std::uint64_t pause_us = earlier(earlier(recovery.pause_us(), disk_programs.pause_us()), shut_down.pause_us());
    return notices.flush() ? pause_us : earlier(pause_us, Notices::retry_us);
}

}  // namespace

int main() {
    launcher.command_line(startup().command_line);
    static Server self{startup().name};
    server = &self;
    self.redeliver_deferred();
    self.on(guardian::start, on_start);
    self.on(guardian::stop, on_stop);
    self.on(guardian::kill, on_kill);
    self.on(guardian::replace, on_replace);
    self.on(guardian::programs, on_programs);
    self.on(guardian::power, on_power);
    self.on(guardian::symbol, on_symbol);
    self.on(guardian::poke, on_poke);
    self.on(guardian::stop_after, on_stop_after);
    disk_programs.listen(self);
    shut_down.listen(self);
    self.on_event(on_event);
    self.before_receive(before_receive);
    self.on_start(begin);
    self.on_restore(resume);
    panic("cannot serve: %s", error_text(self.run()));
}
