// bench-network send|rtt|throughput: an application (AP) that sends and receives through inet and rtl8139, to and
// from programs on inet.1 and rtl8139.1 of the same machine. What it costs is the CPU time of the AP, inet and rtl8139.
#include "figures.hpp"
#include "network_load.hpp"
#include "network_time.hpp"
#include "streams.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/process.hpp>

#include <algorithm>

ANT_MANIFEST(.version = 1, .name = "bench-network", .priority = ant::abi::priority::application,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .quota_pages = 8192, .callees = "*");

namespace {

using namespace ant;
using bench::Streams;
using console::print;

constexpr std::uint16_t first_port = 5600;
constexpr std::size_t segment = 1460;

Client ap_inet{"inet"};
bench::Samples samples;

struct Id {
    char text[64];
    [[gnu::format(printf, 2, 3)]] explicit Id(const char* pattern, ...) {
        std::va_list arguments;
        va_start(arguments, pattern);
        format_list(text, sizeof text, pattern, arguments);
        va_end(arguments);
    }
};

// What a plugin of the emulator looks for (tools/antlib/plugin): no operation to the processor.
enum class Mark : unsigned { series = 1, begin = 2, end = 3 };
template <Mark mark>
[[gnu::always_inline]] inline void tell_plugin() {
    asm volatile(".byte 0x0f, 0x1f, 0x80\n\t.long %c0" : : "i"(0x416e5400 + static_cast<unsigned>(mark)) : "memory");
}

inet::Address peer(std::uint16_t port) { return {bench::NetworkLoad::ip_of(1), port, 0}; }

// The program at the other end, which ends with this object.
class Peer {
public:
    static Result<Peer> start(const char* what, std::uint16_t port, std::size_t number = 0) {
        stop_child(name);
        const auto started =
            start_child("bench-transfer", {what, "inet.1", Id{"%u", port}.text, Id{"%zu", number}.text}, {.as = name});
        if (!started) return Failure(started.error());
        return Peer{};
    }
    Peer(Peer&& other) noexcept : runs_{std::exchange(other.runs_, false)} {}
    Peer& operator=(Peer&&) = delete;
    ~Peer() {
        if (runs_) stop_child(name);
    }

private:
    static constexpr const char* name = "bench-other-end";
    Peer() = default;
    bool runs_ = true;
};

// One send, by step --------------------------------------------------------------------------------------------

constexpr std::size_t sizes[] = {256, 512, 768, 1024, 1460, 2048, 4096, 16384};
constexpr unsigned sends = 200;
// The acknowledgement is the peer's business: it comes when the peer's timer for delayed ones has run out.
constexpr std::uint64_t between_sends_us = 300'000;
constexpr std::size_t until_delayed = 64 * 1024;  // of a new connection the first bytes are acknowledged at once

std::array<std::byte, sizes[std::size(sizes) - 1]> message;

// The programs at the other end run before this one goes on, and so are in the interval; what they take is not in `time`.
Result<std::uint64_t> one_send(const bench::ProcessTime& time, Socket& socket, std::span<const std::byte> bytes) {
    const std::uint64_t before = ANT_TRY(time.ns());
    tell_plugin<Mark::begin>();
    const auto sent = bytes.empty() ? Result<std::size_t>{0} : socket.send(bytes);
    tell_plugin<Mark::end>();
    const std::uint64_t after = ANT_TRY(time.ns());
    if (!sent || *sent != bytes.size()) return Failure(sent ? Error::io_error : sent.error());
    return after - before;
}

Result<> measure_send_of(const bench::ProcessTime& time, std::size_t bytes, std::uint16_t port) {
    const auto other_end = ANT_TRY(Peer::start("swallow", port, 1));
    auto streams = ANT_TRY(Streams::connect(ap_inet, peer(port), 1));
    ANT_TRY(streams.set_no_delay());
    ANT_TRY(streams.send(until_delayed));
    wait_us(between_sends_us);
    const std::uint64_t overhead = ANT_TRY(one_send(time, streams.at(0), {}));
    print("series send.%zu\n", bytes);
    tell_plugin<Mark::series>();
    samples.clear();
    for (unsigned i = 0; i < sends; ++i) {
        wait_us(between_sends_us);
        samples.add(ANT_TRY(one_send(time, streams.at(0), std::span{message}.first(bytes))) - overhead);
    }
    samples.print(Id{"send.%zu.total", bytes}.text, "instructions", {}, 0);
    print("mean send.%zu %lu\n", bytes, samples.mean());
    return {};
}

Result<> measure_send() {
    const auto time = ANT_TRY(bench::ProcessTime::of({startup().name, "inet", "rtl8139"}));
    for (unsigned i = 0; i < std::size(sizes); ++i)
        ANT_TRY(measure_send_of(time, sizes[i], static_cast<std::uint16_t>(first_port + i)));
    return {};
}

// Round trips ------------------------------------------------------------------------------------------------------

constexpr std::size_t questions[] = {256, 512, 768, 1024};
constexpr unsigned round_trips = 500, warm_up = 50;

Result<> ask(Socket& socket, std::size_t bytes) {
    std::byte answer[1];
    ANT_TRY(socket.send(std::span{message}.first(bytes)));
    if (ANT_TRY(socket.receive(answer)) != 1) return Failure(Error::io_error);
    return {};
}

Result<> measure_round_trip_of(const bench::ProcessTime& time, std::size_t bytes, std::uint16_t port) {
    const auto other_end = ANT_TRY(Peer::start("answer", port, bytes));
    auto streams = ANT_TRY(Streams::connect(ap_inet, peer(port), 1));
    ANT_TRY(streams.set_no_delay());
    for (unsigned i = 0; i < warm_up; ++i) ANT_TRY(ask(streams.at(0), bytes));
    samples.clear();
    const std::uint64_t before = ANT_TRY(time.ns());
    tell_plugin<Mark::begin>();
    for (unsigned i = 0; i < round_trips; ++i) {
        const std::uint64_t begin = time_stamp();
        ANT_TRY(ask(streams.at(0), bytes));
        samples.add(time_stamp() - begin);
    }
    tell_plugin<Mark::end>();
    const std::uint64_t used = ANT_TRY(time.ns()) - before;
    bench::print_figure(Id{"rtt.%zu.instructions", bytes}.text, "instructions", used / round_trips);
    samples.print(Id{"rtt.%zu.both_ends", bytes}.text, "instructions", {}, 0);
    return {};
}

Result<> measure_round_trips() {
    const auto time = ANT_TRY(bench::ProcessTime::of({startup().name, "inet", "rtl8139"}));
    for (unsigned i = 0; i < std::size(questions); ++i)
        ANT_TRY(measure_round_trip_of(time, questions[i], static_cast<std::uint16_t>(first_port + i)));
    return {};
}

// Throughput ---------------------------------------------------------------------------------------------------------

constexpr std::uint64_t mebi = 1 << 20, bulk_bytes = 32 * mebi, bulk_warm_up = 4 * mebi;

// With a prefix, such as "classic.", that tools/ant gives.
const char* prefix() { return argument(2); }

// `go(bytes)` moves at least so many.
template <class Go>
Result<> measure_bulk(const bench::ProcessTime& time, const char* id, Go go) {
    ANT_TRY(go(bulk_warm_up));
    const std::uint64_t before = ANT_TRY(time.ns()), begin = clock_ns();
    tell_plugin<Mark::begin>();
    const std::uint64_t bytes = ANT_TRY(go(bulk_bytes));
    tell_plugin<Mark::end>();
    const std::uint64_t used = ANT_TRY(time.ns()) - before, passed = clock_ns() - begin;
    bench::print_figure(Id{"throughput.%s%s.segment_instructions", prefix(), id}.text, "instructions", used * segment / bytes);
    bench::print_figure(Id{"throughput.%s%s.exact_kb_per_s", prefix(), id}.text, "KB/s", bytes * 1'000'000 / passed);
    return {};
}

Result<> measure_bulk_with(const bench::ProcessTime& time, unsigned connections, std::uint16_t port) {
    const Id many{".%u", connections};
    const char* suffix = connections == 1 ? "" : many.text;
    {
        const auto other_end = ANT_TRY(Peer::start("swallow", port, connections));
        auto streams = ANT_TRY(Streams::connect(ap_inet, peer(port), connections));
        ANT_TRY(measure_bulk(time, Id{"send%s", suffix}.text, [&](std::uint64_t bytes) -> Result<std::uint64_t> {
            ANT_TRY(streams.send(bytes));
            return bytes;
        }));
    }
    ++port;
    const auto other_end = ANT_TRY(Peer::start("pour", port, connections));
    auto streams = ANT_TRY(Streams::connect(ap_inet, peer(port), connections));
    return measure_bulk(time, Id{"recv%s", suffix}.text, [&](std::uint64_t bytes) { return streams.receive(bytes); });
}

Result<> measure_throughput() {
    const auto time = ANT_TRY(bench::ProcessTime::of({startup().name, "inet", "rtl8139"}));
    ANT_TRY(measure_bulk_with(time, 1, first_port));
    return measure_bulk_with(time, 16, first_port + 2);
}

struct Bench {
    std::string_view name;
    Result<> (*run)();
};
constexpr Bench benches[] = {{"send", measure_send}, {"rtt", measure_round_trips}, {"throughput", measure_throughput}};

Result<> run(std::string_view name) {
    bench::NetworkLoad network;
    ANT_TRY(network.connect());
    for (const Bench& bench : benches)
        if (bench.name == name) return bench.run();
    return Failure(Error::invalid_argument);
}

}  // namespace

int main() {
    const auto done = run(argument(1));
    if (done) return 0;
    print("bench %s: %s (it needs two cards)\n", argument(1), error_text(done.error()));
    return 1;
}
