// bench-network send|rtt|throughput|saturation|nicswap: an application (AP) that sends and receives through inet and rtl8139, to
// and from programs on inet.1 and rtl8139.1 of the same machine. What it costs is the CPU time of the AP, inet and rtl8139.
#include "figures.hpp"
#include "network_load.hpp"
#include "network_time.hpp"
#include "plugin_marks.hpp"
#include "streams.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/interface/nic.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

ANT_MANIFEST(.version = 1, .name = "bench-network", .priority = ant::abi::priority::application,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .quota_pages = 8192, .callees = "*");

namespace {

using namespace ant;
using bench::Mark;
using bench::Streams;
using bench::tell_plugin;
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

inet::Address peer(std::uint16_t port) { return {bench::NetworkLoad::ip_of(1), port, 0}; }

// The program at the other end, which ends with this object.
class Peer {
public:
    static Result<Peer> start(const char* what, std::uint16_t port, std::size_t number = 0, const char* inet = "inet.1") {
        return run({what, inet, Id{"%u", port}.text, Id{"%zu", number}.text});
    }
    static Result<Peer> shower(std::uint32_t to, std::uint16_t port, std::size_t bytes) {
        return run({"shower", "inet.1", Id{"%u", to}.text, Id{"%u", port}.text, Id{"%zu", bytes}.text});
    }
    Peer(Peer&& other) noexcept : runs_{std::exchange(other.runs_, false)} {}
    Peer& operator=(Peer&&) = delete;
    ~Peer() {
        if (runs_) stop_child(name);
    }

private:
    static constexpr const char* name = "bench-other-end";
    static Result<Peer> run(std::initializer_list<std::string_view> arguments) {
        stop_child(name);
        ANT_TRY(start_child("bench-transfer", arguments, {.as = name}));
        return Peer{};
    }
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
constexpr std::uint64_t ns_per_s = 1'000'000'000;

// "classic.": another mode of the card, as tools/ant has started the machine.
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

// Datagrams ----------------------------------------------------------------------------------------------------------

constexpr unsigned datagrams = 4000, datagrams_warm_up = 400;
constexpr std::size_t datagram_bytes = 64;

template <class Go>
Result<> measure_datagrams(const bench::ProcessTime& time, const char* id, Go go) {
    ANT_TRY(go(datagrams_warm_up));
    const std::uint64_t before = ANT_TRY(time.ns());
    ANT_TRY(go(datagrams));
    const std::uint64_t each = (ANT_TRY(time.ns()) - before) / datagrams;
    bench::print_figure(Id{"throughput.%ssmall.%s.packet_instructions", prefix(), id}.text, "instructions", each);
    bench::print_figure(Id{"throughput.%ssmall.%s.packets_per_s", prefix(), id}.text, "1/s", ns_per_s / each);
    return {};
}

Result<> measure_small(const bench::ProcessTime& time, std::uint16_t port) {
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::datagram, 0, ap_inet));
    ANT_TRY(socket.bind({0, port, 0}));
    {
        const auto other_end = ANT_TRY(Peer::start("datagrams", port));
        ANT_TRY(measure_datagrams(time, "send", [&](unsigned count) -> Result<> {
            const inet::Address to = peer(port);
            for (unsigned i = 0; i < count; ++i) ANT_TRY(socket.send(std::span{message}.first(datagram_bytes), 0, &to));
            return {};
        }));
    }
    const auto other_end = ANT_TRY(Peer::shower(bench::NetworkLoad::ip_of(0), port, datagram_bytes));
    return measure_datagrams(time, "recv", [&](unsigned count) -> Result<> {
        for (unsigned i = 0; i < count; ++i) ANT_TRY(socket.receive(message));
        return {};
    });
}

// CPU share at fixed rates ---------------------------------------------------------------------------------------------

constexpr unsigned rates_mb_per_s[] = {1, 10, 50, 100};
constexpr std::uint64_t share_ns = ns_per_s / 2, bytes_per_mb = 1'000'000;

// An area each time it is due.
Result<> measure_share_at(const bench::ProcessTime& time, Streams& streams, unsigned mb_per_s) {
    const std::uint64_t interval_ns = Streams::area_bytes * ns_per_s / (mb_per_s * bytes_per_mb);
    const std::uint64_t before = ANT_TRY(time.ns()), begin = clock_ns();
    for (std::uint64_t due = begin; due < begin + share_ns; due += interval_ns) {
        if (const std::uint64_t now = clock_ns(); now < due) wait_us((due - now) / 1000);
        ANT_TRY(streams.send(Streams::area_bytes));
    }
    const std::uint64_t used = ANT_TRY(time.ns()) - before, passed = clock_ns() - begin;
    const std::uint64_t hundredths = used * 10'000 / passed;
    print("figure id=throughput.%sshare.%u.percent unit=percent n=1 value=%lu.%02lu\n", prefix(), mb_per_s, hundredths / 100,
          hundredths % 100);
    return {};
}

Result<> measure_share(const bench::ProcessTime& time, std::uint16_t port) {
    const auto other_end = ANT_TRY(Peer::start("swallow", port, 1));
    auto streams = ANT_TRY(Streams::connect(ap_inet, peer(port), 1));
    ANT_TRY(streams.send(mebi));
    for (const unsigned rate : rates_mb_per_s) ANT_TRY(measure_share_at(time, streams, rate));
    return {};
}

// Past saturation --------------------------------------------------------------------------------------------------------

constexpr std::uint64_t offered_per_s[] = {50'000,  100'000, 150'000, 175'000, 200'000, 225'000, 250'000,
                                           275'000, 300'000, 400'000, 500'000, 600'000, 700'000, 1'000'000};
constexpr std::uint64_t flood_begins_ns = 20'000'000, flood_ns = 200'000'000;
const char* const flood = "bench-flood";

struct Offered {
    std::uint64_t sent, taken, ns;
};

// For so long.
Result<std::uint64_t> take_datagrams(Socket& socket, std::uint64_t ns) {
    const std::uint64_t end = clock_ns() + ns;
    std::uint64_t count = 0;
    for (; clock_ns() < end; ++count) (void)ANT_TRY(socket.receive(message));
    return count;
}

Result<std::uint64_t> sent_to_us() {
    static Client driver{"rtl8139.1"};
    return ANT_TRY(driver.call(nic::statistics)).result.transmitted_packets;
}

// The other end costs none of the receiver's time: what its processes take is left out of it.
Result<Offered> measure_offered(const bench::ProcessTime& others, Socket& socket, std::uint64_t per_s, std::uint16_t port) {
    ANT_TRY(start_child(flood, {Id{"%lu", per_s}.text, Id{"%u", port}.text}, {.as = flood}));
    (void)ANT_TRY(take_datagrams(socket, flood_begins_ns));
    const std::uint64_t sent = ANT_TRY(sent_to_us()), before = ANT_TRY(others.ns()), begin = clock_ns();
    const std::uint64_t taken = ANT_TRY(take_datagrams(socket, flood_ns));
    const std::uint64_t passed = clock_ns() - begin;
    const Offered offered{ANT_TRY(sent_to_us()) - sent, taken, passed - (ANT_TRY(others.ns()) - before)};
    stop_child(flood);
    while (socket.receive(message, inet::message_flag::dont_wait)) {
    }
    return offered;
}

Result<> measure_saturation() {
    constexpr std::uint64_t patience_us = 1'000'000;
    constexpr std::uint16_t port = first_port;
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::datagram, 0, ap_inet));
    ANT_TRY(socket.bind({0, port, 0}));
    ANT_TRY(socket.set_option(inet::Option::receive_timeout_us, patience_us));
    const auto others = ANT_TRY(bench::ProcessTime::of({flood, "inet.1", "rtl8139.1"}));
    for (const std::uint64_t per_s : offered_per_s) {
        const Offered offered = ANT_TRY(measure_offered(others, socket, per_s, port));
        print("offered %lu taken %lu\n", offered.sent * ns_per_s / offered.ns, offered.taken * ns_per_s / offered.ns);
    }
    return {};
}

Result<> measure_throughput() {
    const auto time = ANT_TRY(bench::ProcessTime::of({startup().name, "inet", "rtl8139"}));
    ANT_TRY(measure_bulk_with(time, 1, first_port));
    ANT_TRY(measure_bulk_with(time, 16, first_port + 2));
    ANT_TRY(measure_bulk_with(time, 64, first_port + 4));
    ANT_TRY(measure_small(time, first_port + 6));
    return measure_share(time, first_port + 7);
}

// Swapping the driver under load -----------------------------------------------------------------------------------------

constexpr unsigned swaps = 50;
constexpr std::uint64_t after_swap_ns = 5'000'000;

Client keeper{"guardian"}, other_inet{"inet.1"};

Result<std::uint64_t> retransmissions() {
    return ANT_TRY(ap_inet.call(inet::interface_state)).result.retransmissions +
           ANT_TRY(other_inet.call(inet::interface_state)).result.retransmissions;
}

Result<std::uint64_t> begin_swap() {
    guardian::Replace request{};
    request.count = 1;
    format(request.server[0].name, sizeof request.server[0].name, "rtl8139");
    return keeper.send(guardian::replace, request);
}

// -> whether it is over. An error: it failed.
Result<bool> swap_is_over(std::uint64_t control) {
    const sys::Raw receipt = sys::raw(sys::Syscall::receive, abi::poll);
    if (receipt.error != Error::none || receipt.rdi != control) return false;
    controls::give(control);
    const auto error = static_cast<Error>(receipt.rsi >> 8 & 0xff);
    if (error != Error::none) return Failure(error);
    return true;
}

// The longest time without a byte, from the wish until some time after.
Result<std::uint64_t> stall_of_swap(Streams& streams, bool swap) {
    const std::uint64_t control = swap ? ANT_TRY(begin_swap()) : 0;
    std::uint64_t last = clock_ns(), longest = 0, over = swap ? 0 : last;
    while (over == 0 || last < over + after_swap_ns) {
        if (ANT_TRY(streams.receive(1)) == 0) return Failure(Error::connection_reset);
        const std::uint64_t now = clock_ns();
        longest = std::max(longest, now - last);
        last = now;
        if (over == 0 && ANT_TRY(swap_is_over(control))) over = now;
    }
    return longest;
}

// One end sends through the card whose driver is swapped, to this process; then the other way round.
Result<> measure_swaps_of(const char* direction, Client& near, const char* far, inet::Address to) {
    const auto other_end = ANT_TRY(Peer::start("pour", to.port, 1, far));
    auto streams = ANT_TRY(Streams::connect(near, to, 1));
    (void)ANT_TRY(streams.receive(bulk_warm_up));
    samples.clear();
    for (unsigned i = 0; i < swaps; ++i) samples.add(ANT_TRY(stall_of_swap(streams, false)));
    samples.print_percentile(Id{"nicswap%s.quiet_ns", direction}.text, "ns", 100);
    const std::uint64_t before = ANT_TRY(retransmissions());
    samples.clear();
    for (unsigned i = 0; i < swaps; ++i) samples.add(ANT_TRY(stall_of_swap(streams, true)));
    samples.print_percentile(Id{"nicswap%s.stall_ns", direction}.text, "ns", 100);
    bench::print_figure(Id{"nicswap%s.retransmissions", direction}.text, "segments", ANT_TRY(retransmissions()) - before);
    return {};
}

Result<> measure_nic_swap() {
    ANT_TRY(measure_swaps_of("", other_inet, "inet", {bench::NetworkLoad::ip_of(0), first_port, 0}));
    return measure_swaps_of(".recv", ap_inet, "inet.1", peer(first_port + 1));
}

struct Bench {
    std::string_view name;
    Result<> (*run)();
};
constexpr Bench benches[] = {{"send", measure_send},
                             {"rtt", measure_round_trips},
                             {"throughput", measure_throughput},
                             {"saturation", measure_saturation},
                             {"nicswap", measure_nic_swap}};

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
