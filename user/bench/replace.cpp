// bench-replace [SAMPLES [SERVER]]: replaces, crashes and hangs servers under load, and prints how long each part of it
// took. In a machine with two cards; rtl8139 and inet have a transfer running through them and 100 more connections open.
#include "figures.hpp"
#include "network_load.hpp"
#include "state.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/interface/console.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/interface/nic.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-replace", .priority = 20,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .callees = "*");

namespace {

using namespace ant;
using console::print;

constexpr std::uint64_t probe_us = 10, pause_us = 3'000, patience_us = 20'000'000;
constexpr unsigned most_probes = 2'000'000, default_samples = 100;
// A hang takes as long as the server's deadline, and only its detection is of interest.
constexpr unsigned samples_per_hang = 10;
// What a server has to do between two failures for the guardian not to take it for one that fails at once.
constexpr unsigned honest_calls = 20;
constexpr unsigned quiet_replacements = 10;

constexpr Function<Nothing> ping{"ping", 1};  // of `basic`

Client keeper{"guardian"};

enum class Way { planned, crash, hang };
constexpr const char* way_names[] = {"planned", "crash", "hang"};

struct Target {
    const char* name;
    Client server;
    bool (*probe)(Client&);  // a short call
    bool under_load;
    std::uint64_t healthy_us = pause_us;  // so long after a failure the next one is not taken for the same
    unsigned most_hangs = 20;
};
constexpr std::uint64_t guardian_healthy_us = 10'100'000;
Target targets[] = {
    {"rtl8139", Client{"rtl8139"}, [](Client& c) { return c.call(nic::info).has_value(); }, true},
    {"inet", Client{"inet"}, [](Client& c) { return c.call(inet::interface_state).has_value(); }, true},
    {"console", Client{"console"}, [](Client& c) { return c.call(console::size).has_value(); }, false},
    // A hang of its is more than a second of looping.
    {"guardian", Client{"guardian"}, [](Client& c) { return c.call(guardian::programs).has_value(); }, false, guardian_healthy_us,
     5},
    {"basic", Client{"basic"}, [](Client& c) { return c.call(ping).has_value(); }, false},
};

// In the order of abi::Phase.
constexpr const char* phase_names[abi::phases] = {"detect", "stop", "create", "load", "register", "state", "device", "first"};

class Series {
public:
    void add(const abi::ReplaceResult& r, std::uint64_t gap_ns) {
        total_.add(r.total_ns);
        blackout_.add(r.blackout_ns);
        gap_.add(gap_ns);
        for (unsigned i = 0; i < abi::phases; ++i) phase_[i].add(r.phase_ns[i]);
    }
    void clear() {
        for (bench::Samples* s : {&total_, &blackout_, &gap_}) s->clear();
        for (bench::Samples& s : phase_) s.clear();
    }
    // `accesses` of so many replacements; 0: not known.
    void print_all(const char* server, Way way, const bench::Counters& accesses, unsigned replacements) {
        print_one(server, way, "total", total_, accesses, replacements);
        print_one(server, way, "blackout", blackout_);
        print_one(server, way, "gap", gap_);
        for (unsigned i = 0; i < abi::phases; ++i) print_one(server, way, phase_names[i], phase_[i]);
    }

private:
    static void print_one(const char* server, Way way, const char* what, bench::Samples& samples,
                          const bench::Counters& accesses = {}, unsigned replacements = 0) {
        char id[64];
        format(id, sizeof id, "replace.%s.%s.%s", server, way_names[static_cast<unsigned>(way)], what);
        samples.print(id, "ns", accesses, replacements);
    }
    bench::Samples total_, blackout_, gap_;
    std::array<bench::Samples, abi::phases> phase_;
};
Series series;

class History {
public:
    Result<> reserve() {
        area_ = ANT_TRY(Ica::reserve(16 * abi::page_size));
        return {};
    }
    // The newest complete record of that server.
    Result<abi::ReplaceResult> newest(const char* name) const {
        abi::ReplaceResult found{};
        for (std::uint64_t start = 0;;) {
            const auto listed = ANT_TRY(sys::list(abi::ListKind::history, area_.address(), start));
            if (listed.records == 0) break;
            for (std::size_t i = 0; i < listed.records; ++i) {
                const auto& record = area_.as<abi::ReplaceResult>()[i];
                if (std::strncmp(record.name, name, sizeof record.name) == 0 && record.blackout_ns != 0) found = record;
            }
            start += listed.records;
        }
        if (found.ticket == 0) return Failure(Error::not_found);
        return found;
    }

private:
    Ica area_;
};
History history;

guardian::Replace replacement_of(const char* name) {
    guardian::Replace request{};
    request.count = 1;
    format(request.server[0].name, sizeof request.server[0].name, "%s", name);
    return request;
}

Result<std::uint64_t> begin(Target& target, Way way) {
    if (way == Way::planned) return keeper.send(guardian::replace, replacement_of(target.name));
    const auto fault = way == Way::crash ? guardian::Fault::null : guardian::Fault::hang;
    return target.server.send(guardian::crash, {.fault = static_cast<std::uint32_t>(fault), .reserved = 0});
}

// Calls the server every 10 us until it has answered once after the end of what was begun. `answered`: when it did last.
// -> the longest time between two answers, in ticks
Result<std::uint64_t> probe_until_over(Target& target, std::uint64_t control, std::uint64_t answered) {
    std::uint64_t longest = 0;
    bool over = false, answered_after = false;
    for (unsigned n = 0; n < most_probes && !answered_after; ++n) {
        const bool over_before = over;
        if (target.probe(target.server)) {
            const std::uint64_t now = time_stamp();
            longest = std::max(longest, now - answered);
            answered = now;
            answered_after = over_before;
        }
        const sys::Raw receipt = over ? sys::Raw{} : sys::raw(sys::Syscall::receive, abi::poll);
        if (!over && receipt.error == Error::none && receipt.rdi == control) over = true;
        wait_us(probe_us);
    }
    controls::give(control);
    if (!answered_after) return Failure(Error::timed_out);
    return longest;
}

// One that is planned ends with the record; after a failure the first call may be answered before it is complete.
Result<abi::ReplaceResult> record_after(const char* name, std::uint32_t ticket) {
    for (std::uint64_t waited = 0; waited < patience_us; waited += pause_us) {
        const auto record = history.newest(name);
        if (record && record->ticket != ticket) return *record;
        wait_us(pause_us);
    }
    return Failure(Error::timed_out);
}

Result<> sample(Target& target, Way way) {
    const auto before = history.newest(target.name);
    for (unsigned i = 0; i < honest_calls; ++i)
        if (!target.probe(target.server)) return Failure(Error::no_server);
    const std::uint64_t answered = time_stamp();
    const std::uint64_t control = ANT_TRY(begin(target, way));
    const std::uint64_t gap = ANT_TRY(probe_until_over(target, control, answered));
    const auto record = ANT_TRY(record_after(target.name, before ? before->ticket : 0));
    if (record.error != Error::none) return Failure(record.error);
    series.add(record, bench::ticks_to_ns(gap));
    wait_us(way == Way::planned ? pause_us : target.healthy_us);
    return {};
}

// What fails is said, and the others are measured nevertheless.
bool measure(Target& target, Way way, unsigned samples, const bench::Counters& accesses, unsigned replacements) {
    series.clear();
    for (unsigned i = 0; i < samples; ++i) {
        const auto done = sample(target, way);
        if (done) continue;
        print("note replace.%s.%s: sample %u: %s\n", target.name, way_names[static_cast<unsigned>(way)], i,
              error_text(done.error()));
        return false;
    }
    series.print_all(target.name, way, accesses, replacements);
    return true;
}

// What one replacement costs in accesses, with nothing else going on.
Result<bench::Counters> count_accesses(const char* name) {
    const bench::Records records = ANT_TRY(bench::Records::make());
    const auto before = ANT_TRY(records.system());
    for (unsigned i = 0; i < quiet_replacements; ++i)
        ANT_TRY(keeper.call(guardian::replace, replacement_of(name), {}, patience_us));
    return bench::difference(before, ANT_TRY(records.system()));
}

class Bench {
public:
    Result<bool> run() {
        ANT_TRY(history.reserve());
        bench::measure_commit();
        bool good = true;
        for (Target& target : targets)
            if (only_.empty() || only_ == target.name) good &= ANT_TRY(measure_server(target));
        return good;
    }

private:
    static unsigned wanted_samples() {
        const std::string_view text = argument(1);
        unsigned samples = default_samples;
        std::from_chars(text.data(), text.data() + text.size(), samples);
        return std::clamp(samples, 1u, bench::Samples::capacity);
    }

    Result<bool> measure_server(Target& target) {
        const bool basic = std::strcmp(target.name, "basic") == 0;
        if (basic) ANT_TRY(start_child("basic", {}, {.as = "basic"}));
        if (!target.under_load) end_load();
        const auto accesses = loaded_ ? Result<bench::Counters>{Failure(Error::busy)} : count_accesses(target.name);
        if (target.under_load) ANT_TRY(begin_load());
        bool good = true;
        for (const Way way : {Way::planned, Way::crash, Way::hang}) {
            const unsigned samples = way == Way::hang ? std::clamp(samples_ / samples_per_hang, 1u, target.most_hangs) : samples_;
            const bool counted = way == Way::planned && accesses;
            good &= measure(target, way, samples, counted ? *accesses : bench::Counters{}, counted ? quiet_replacements : 0);
        }
        if (basic) stop_child("basic");
        return good;
    }

    Result<> begin_load() {
        if (loaded_) return {};
        ANT_TRY(load_.connect());
        ANT_TRY(load_.open_connections());
        ANT_TRY(load_.start_transfer());
        loaded_ = true;
        return {};
    }
    void end_load() {
        if (loaded_) load_.end();
        loaded_ = false;
    }

    const unsigned samples_ = wanted_samples();
    const std::string_view only_ = argument(2);
    bench::NetworkLoad load_;
    bool loaded_ = false;
};

}  // namespace

int main() {
    const auto good = Bench().run();
    if (!good) print("bench replace: %s (it needs two cards)\n", error_text(good.error()));
    return good && *good ? 0 : 1;
}
