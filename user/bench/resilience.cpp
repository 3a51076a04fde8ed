// bench-resilience [RUNS [MIB [ONLY]]]: TCP transfers between two cards while the NIC driver, then inet, of one end is
// killed every 1000 ms and every 100 ms. Each round has a transfer without kills as well; RUNS rounds are made, of those
// kinds whose name (such as inet.recv.100ms) begins with ONLY. The first round has kills at other intervals as well, for the
// curve of the throughput, in short transfers.
#include "figures.hpp"
#include "network_load.hpp"
#include "peer.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

ANT_MANIFEST(.version = 1, .name = "bench-resilience", .priority = 20,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .callees = "*");

namespace {

using namespace ant;
using console::print;

constexpr unsigned default_runs = 3, most_runs = 100;
constexpr std::uint64_t mebi = 1 << 20, trial_bytes = 32 * mebi;
constexpr std::uint64_t ns_per_ms = 1'000'000, ns_per_s = 1'000'000'000;
constexpr std::uint64_t patience_ns = 30 * ns_per_s;  // with a transfer, beyond the time that it should take
constexpr std::uint64_t noted_stall_ns = 10 * ns_per_ms;
constexpr std::uint64_t call_patience_us = 5'000'000;
constexpr std::size_t pauses_bytes = 256 * 1024;

enum class Direction { send, receive };  // of the end whose servers are killed
constexpr const char* direction_names[] = {"send", "recv"};
constexpr const char* victims[] = {"rtl8139", "inet"};

struct Interval {
    unsigned ms;
    bool curve = false;  // a point of the curve only
    // A transfer that is to be that long has two kills at least.
    [[nodiscard]] constexpr std::uint64_t run_ns() const { return std::max(23 * ms / 10, 1100u) * ns_per_ms; }
};
constexpr Interval intervals[] = {{1000}, {100}, {500, true}, {200, true}, {50, true}, {20, true}, {10, true}};
constexpr std::uint64_t undisturbed_ns = 1100 * ns_per_ms;

Client keeper{"guardian"};

// What the runs of one kind gave.
class Series {
public:
    void add(std::uint64_t kb_per_s) { throughput_.push(kb_per_s); }
    void add_stall(std::uint64_t ns) { stalls_.add(ns); }
    void add_kill() { ++kills_; }
    void lose() { ++lost_; }
    void corrupt() { ++corrupted_; }
    [[nodiscard]] unsigned lost() const { return lost_; }
    [[nodiscard]] bool correct() const { return corrupted_ == 0 && throughput_.count != 0; }
    [[nodiscard]] unsigned kills() const { return kills_; }
    [[nodiscard]] unsigned runs() const { return throughput_.count; }
    // In KB/s; 0: no run came to its end.
    [[nodiscard]] std::uint64_t throughput() { return throughput_.median(); }
    bench::Samples& stalls() { return stalls_; }

private:
    struct Values {
        std::array<std::uint64_t, most_runs> value{};
        unsigned count = 0;
        void push(std::uint64_t v) {
            if (count < value.size()) value[count++] = v;
        }
        std::uint64_t median() {
            if (count == 0) return 0;
            std::sort(value.begin(), value.begin() + count);
            return value[(count - 1) / 2];
        }
    };
    Values throughput_;
    bench::Samples stalls_;
    unsigned kills_ = 0, lost_ = 0, corrupted_ = 0;
};

Series undisturbed[std::size(direction_names)];
Series killed[std::size(victims)][std::size(direction_names)][std::size(intervals)];

// The two ends: servers that are started anew when one of them does not answer any more.
class Peers {
public:
    static constexpr const char* names[] = {"bench-peer-0", "bench-peer-1"};
    Result<> start() {
        for (const char* name : names) ANT_TRY(start_child("bench-peer", {}, {.as = name}));
        wait_us(1000);                                                                   // until they have registered
        for (unsigned i = 0; i < std::size(names); ++i) clients_[i] = Client{names[i]};  // other slots than before
        return {};
    }
    static void stop() {
        for (const char* name : names) stop_child(name);
    }
    Client& at(unsigned inet) { return clients_[inet]; }

private:
    Client clients_[2] = {Client{names[0]}, Client{names[1]}};
};

// A call that is under way.
struct Pending {
    std::uint64_t control = 0;
    std::optional<Error> ended;
};

class Run {
public:
    Run(Series& series, Direction direction, std::uint64_t bytes, unsigned seed)
        : series_{series}, direction_{direction}, bytes_{bytes}, seed_{seed} {}

    // `victim` may be nullptr.
    Result<> go(Peers& peers, const Ica& pauses, const char* victim, unsigned interval_ms);

private:
    Result<> start(Peers& peers, const Ica& pauses);
    Result<> watch(const char* victim, std::uint64_t interval_ns);
    Result<> kill(const char* victim);
    [[nodiscard]] bool over() const { return sending_.ended && receiving_.ended; }
    bool take_result(std::uint64_t until_ns);
    void give_up();
    void lose();
    void evaluate(std::span<const bench::Pause> pauses, std::uint64_t interval_ns);
    void note_stalls(std::span<const bench::Pause> pauses, std::uint64_t interval_ns);

    static constexpr unsigned most_kills = 1000;
    Series& series_;
    Direction direction_;
    std::uint64_t bytes_;
    unsigned seed_;
    Pending sending_, receiving_;
    std::uint64_t begin_ns_ = 0;
    std::array<std::uint64_t, most_kills> kill_ns_{};
    unsigned kills_ = 0;
};

Result<> Run::start(Peers& peers, const Ica& pauses) {
    // Inet 0 is the one whose servers are killed.
    const std::uint32_t sender = direction_ == Direction::send ? 0 : 1, receiver = 1 - sender;
    const auto port = static_cast<std::uint16_t>(6000 + seed_);  // a new one each time: the last may be in TIME_WAIT
    bench::Transfer transfer{.seed = seed_, .bytes = bytes_, .inet = receiver, .ip = 0, .port = port, .reserved = {}};
    receiving_.control = ANT_TRY(peers.at(receiver).send(bench::receive_stream, transfer, lend_write(pauses)));
    transfer.inet = sender;
    transfer.ip = bench::NetworkLoad::ip_of(receiver);
    sending_.control = ANT_TRY(peers.at(sender).send(bench::send_stream, transfer));
    begin_ns_ = clock_ns();
    return {};
}

// Waits for a result, at most until then. -> whether there was one
bool Run::take_result(std::uint64_t until_ns) {
    const std::uint64_t now = clock_ns();
    const std::uint64_t us = until_ns > now ? (until_ns - now + 999) / 1000 : 0;
    const sys::Raw receipt = sys::raw(sys::Syscall::receive, us == 0 ? abi::poll : us);
    if (receipt.error != Error::none) return false;
    for (Pending* call : {&sending_, &receiving_})
        if (receipt.rdi == call->control) call->ended = static_cast<Error>(receipt.rsi >> 8 & 0xff);
    return true;
}

Result<> Run::kill(const char* victim) {
    guardian::Name name{};
    std::memcpy(name.name, victim, std::strlen(victim));
    if (kills_ < most_kills) kill_ns_[kills_++] = clock_ns();
    ANT_TRY(keeper.call(guardian::kill, name, {}, call_patience_us));
    series_.add_kill();
    return {};
}

// At exact times, which do not depend on how long a kill takes.
Result<> Run::watch(const char* victim, std::uint64_t interval_ns) {
    const std::uint64_t last_ns = begin_ns_ + patience_ns;
    std::uint64_t next_ns = victim != nullptr ? begin_ns_ + interval_ns : last_ns;
    while (!over() && clock_ns() < last_ns) {
        if (take_result(next_ns) || clock_ns() < next_ns || victim == nullptr) continue;
        ANT_TRY(kill(victim));
        next_ns += interval_ns;
    }
    return {};
}

// Their sockets close with the peers.
void Run::give_up() {
    Peers::stop();
    while (!over() && take_result(clock_ns() + ns_per_s)) {
    }
}

// The longest time without a byte after each kill, until the next one.
void Run::note_stalls(std::span<const bench::Pause> pauses, std::uint64_t interval_ns) {
    for (unsigned i = 0; i < kills_; ++i) {
        std::uint64_t longest = 0;
        for (const bench::Pause& pause : pauses)
            if (pause.end_ns > kill_ns_[i] && pause.begin_ns < kill_ns_[i] + interval_ns)
                longest = std::max(longest, pause.end_ns - pause.begin_ns);
        series_.add_stall(longest);
        if (longest > noted_stall_ns)
            print("note transfer %u (%s): %lu us without a byte after kill %u at %lu us\n", seed_,
                  direction_names[static_cast<unsigned>(direction_)], longest / 1000, i + 1, kill_ns_[i] / 1000);
    }
}

void Run::lose() {
    const auto text = [](const Pending& call) { return call.ended ? error_text(*call.ended) : "no answer"; };
    print("note transfer %u (%s), lost after %u kills: sender: %s, receiver: %s\n", seed_,
          direction_names[static_cast<unsigned>(direction_)], kills_, text(sending_), text(receiving_));
    series_.lose();
}

void Run::evaluate(std::span<const bench::Pause> pauses, std::uint64_t interval_ns) {
    if (sending_.ended != Error::none || receiving_.ended != Error::none) return lose();
    const auto& received = *reinterpret_cast<const bench::Received*>(receiving_.control + abi::parameter_base);
    if (received.correct == 0) series_.corrupt();
    series_.add(bytes_ * ns_per_ms / (received.end_ns - received.begin_ns));
    note_stalls(pauses.first(std::min<std::size_t>(received.pauses, pauses.size())), interval_ns);
}

Result<> Run::go(Peers& peers, const Ica& pauses, const char* victim, unsigned interval_ms) {
    const std::uint64_t interval_ns = interval_ms * ns_per_ms;
    ANT_TRY(start(peers, pauses));
    const auto watched = watch(victim, interval_ns);
    const bool hangs = !over();
    if (hangs) give_up();
    evaluate({pauses.as<bench::Pause>(), pauses_bytes / sizeof(bench::Pause)}, interval_ns);
    for (const Pending* call : {&sending_, &receiving_})
        if (call->ended) controls::give(call->control);
    if (hangs) ANT_TRY(peers.start());
    return watched;
}

unsigned number(unsigned index, unsigned otherwise) {
    const std::string_view text = argument(index);
    unsigned value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// A kind of transfer, as the figures name it.
struct Kind {
    char text[48];
    Kind(unsigned victim, unsigned direction, unsigned ms) {
        format(text, sizeof text, "%s.%s.%ums", victims[victim], direction_names[direction], ms);
    }
};

bool wanted(unsigned victim, unsigned direction, unsigned ms) {
    return std::string_view{Kind{victim, direction, ms}.text}.starts_with(argument(3));
}

class Bench {
public:
    Result<> run() {
        bench::NetworkLoad load;
        ANT_TRY(load.connect());
        ANT_TRY(peers_.start());
        pauses_ = ANT_TRY(Ica::reserve(pauses_bytes));
        ANT_TRY(find_speed());
        for (unsigned i = 0; i < runs_; ++i)
            for (const Direction direction : {Direction::send, Direction::receive}) ANT_TRY(round(direction, i == 0));
        Peers::stop();
        return {};
    }

private:
    // How much goes through in a second decides how much is sent.
    Result<> find_speed() {
        ANT_TRY(Run(trial_, Direction::send, trial_bytes, ++seed_).go(peers_, pauses_, nullptr, 0));
        kb_per_s_ = trial_.throughput();
        if (kb_per_s_ == 0) return Failure(Error::io_error);
        return {};
    }
    std::uint64_t bytes_for(std::uint64_t ns, bool short_one) const {
        if (mib_ != 0 && !short_one) return mib_ * mebi;
        return (kb_per_s_ * (ns / ns_per_ms) + mebi - 1) / mebi * mebi;
    }
    Result<> round(Direction direction, bool with_curve) {
        const auto d = static_cast<unsigned>(direction);
        bool compared = false;
        for (unsigned v = 0; v < std::size(victims); ++v)
            for (unsigned i = 0; i < std::size(intervals); ++i) {
                const Interval interval = intervals[i];
                if (!wanted(v, d, interval.ms) || (interval.curve && !with_curve)) continue;
                if (!std::exchange(compared, true))
                    ANT_TRY(one(undisturbed[d], direction, bytes_for(undisturbed_ns, false), nullptr, 0));
                ANT_TRY(one(killed[v][d][i], direction, bytes_for(interval.run_ns(), interval.curve), victims[v], interval.ms));
            }
        return {};
    }
    Result<> one(Series& series, Direction direction, std::uint64_t bytes, const char* victim, unsigned interval_ms) {
        return Run(series, direction, bytes, ++seed_).go(peers_, pauses_, victim, interval_ms);
    }

    Peers peers_;
    Ica pauses_;
    Series trial_;
    const unsigned runs_ = std::clamp(number(1, default_runs), 1u, most_runs);
    const std::uint64_t mib_ = number(2, 0);
    std::uint64_t kb_per_s_ = 0;
    unsigned seed_ = 0;
};

struct Id {
    char text[96];
    Id(const Kind& kind, const char* what) { format(text, sizeof text, "resilience.%s.%s", kind.text, what); }
};

// What is lost against the undisturbed runs, in hundredths of a percent; nothing came through: all of it.
std::int64_t loss(std::uint64_t with, std::uint64_t without) {
    if (without == 0) return 0;
    return (static_cast<std::int64_t>(without) - static_cast<std::int64_t>(with)) * 10'000 / static_cast<std::int64_t>(without);
}

void print_loss(const char* id, std::int64_t hundredths, unsigned runs) {
    const auto magnitude = static_cast<unsigned long>(hundredths < 0 ? -hundredths : hundredths);
    print("figure id=%s unit=percent n=%u value=%s%lu.%02lu\n", id, runs, hundredths < 0 ? "-" : "", magnitude / 100,
          magnitude % 100);
}

void print_series(unsigned v, unsigned d, unsigned i) {
    Series& series = killed[v][d][i];
    if (!wanted(v, d, intervals[i].ms)) return;
    const Kind kind{v, d, intervals[i].ms};
    print_loss(Id{kind, "loss_percent"}.text, loss(series.throughput(), undisturbed[d].throughput()), series.runs());
    series.stalls().print_percentile(Id{kind, "stall_p99_ns"}.text, "ns", 99);
    bench::print_figure(Id{kind, "sha_ok"}.text, "yes", series.correct() ? 1 : 0);
    bench::print_figure(Id{kind, "connections_lost"}.text, "connections", series.lost());
    bench::print_figure(Id{kind, "throughput"}.text, "KB/s", series.throughput());
    bench::print_figure(Id{kind, "kills"}.text, "kills", series.kills());
}

void print_all() {
    for (unsigned d = 0; d < std::size(direction_names); ++d) {
        if (undisturbed[d].runs() == 0) continue;
        char id[64];
        format(id, sizeof id, "resilience.none.%s.throughput", direction_names[d]);
        bench::print_figure(id, "KB/s", undisturbed[d].throughput());
    }
    for (unsigned v = 0; v < std::size(victims); ++v)
        for (unsigned d = 0; d < std::size(direction_names); ++d)
            for (unsigned i = 0; i < std::size(intervals); ++i) print_series(v, d, i);
}

}  // namespace

int main() {
    static Bench bench;
    const auto done = bench.run();
    print_all();
    if (done) return 0;
    print("bench resilience: %s (it needs two cards)\n", error_text(done.error()));
    return 1;
}
