// bench ipc: calls from an application to servers, through libant and with time-outs.
#include "ipc.hpp"

#include "figures.hpp"
#include "interface.hpp"

#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>

namespace ant::bench {
namespace {

constexpr unsigned runs = 1000, warm_up_runs = 50;

Samples samples;
Client server{"bench-server"};
Client chain{"bench-relay-1"};

// What reading the time stamp counter twice costs by itself.
std::uint64_t own_cost() {
    std::uint64_t least = ~std::uint64_t{0};
    for (unsigned i = 0; i < 100; ++i) {
        const std::uint64_t begin = time_stamp();
        least = std::min(least, time_stamp() - begin);
    }
    return least;
}

// `run` is one call; it says how it ended.
template <class Run>
Result<> measure(const Records& records, const char* id, Run run) {
    for (unsigned i = 0; i < warm_up_runs; ++i)
        if (const Error ended = run(); ended != Error::none) return Failure(ended);
    samples.clear();
    const std::uint64_t overhead = own_cost();
    const auto before = ANT_TRY(records.system());
    for (unsigned i = 0; i < runs; ++i) {
        const std::uint64_t begin = time_stamp();
        const Error ended = run();
        const std::uint64_t end = time_stamp();
        if (ended != Error::none) return Failure(ended);
        samples.add(end - begin - overhead);
    }
    const auto after = ANT_TRY(records.system());
    samples.print(id, "instructions", difference(before, after), runs);
    return {};
}

// Inline, as in a program that has one call there.
template <class Function>
[[gnu::always_inline]] inline Error call(Client& callee, const Function& function) {
    const auto answer = callee.call(function);
    return answer ? Error::none : answer.error();
}

[[gnu::always_inline]] inline Error call_with_parameters() {
    const auto answer = server.call(params64, {{1, 2, 3, 4, 5, 6, 7, 8}});
    if (!answer) return answer.error();
    return answer->result.word[7] == 9 ? Error::none : Error::io_error;
}

// The result is taken as a server loop takes it.
Error call_asynchronously() {
    const auto sent = server.send(null, {}, {}, 0, default_timeout_us);
    if (!sent) return sent.error();
    const sys::Raw receipt = sys::raw(sys::Syscall::receive, default_timeout_us);
    if (receipt.error != Error::none) return receipt.error;
    if (receipt.rdi != *sent) return Error::io_error;
    controls::give(*sent);
    return Error::none;
}

Result<> measure_move(const Records& records, const char* id, std::size_t bytes) {
    Ica area = ANT_TRY(Ica::reserve(bytes));
    std::uint64_t address = area.detach();
    return measure(records, id, [&] {
        const auto answer = server.call(move, {}, {address, abi::DataMode::move});
        if (!answer) return answer.error();
        return answer->data == address ? Error::none : Error::io_error;
    });
}

Result<> start_servers() {
    // The last one first: each relay calls the one behind it.
    ANT_TRY(start_child("bench-server", {}, {.as = "bench-server"}));
    ANT_TRY(start_child("bench-relay", {"bench-server"}, {.as = "bench-relay-2"}));
    ANT_TRY(start_child("bench-relay", {"bench-relay-2"}, {.as = "bench-relay-1"}));
    // Servers are above this process: they have registered as soon as it runs again.
    wait_us(1000);
    return {};
}

Result<> measure_all() {
    const Records records = ANT_TRY(Records::make());
    ANT_TRY(measure(records, "ipc.sync.null", [] { return call(server, null); }));
    ANT_TRY(measure(records, "ipc.sync.params64", [] { return call_with_parameters(); }));
    ANT_TRY(measure_move(records, "ipc.sync.move.4096", 4096));
    ANT_TRY(measure_move(records, "ipc.sync.move.65536", 65536));
    ANT_TRY(measure_move(records, "ipc.sync.move.1048576", 1 << 20));
    ANT_TRY(measure_move(records, "ipc.sync.move.2097152", 2 << 20));
    ANT_TRY(measure(records, "ipc.async.null", [] { return call_asynchronously(); }));
    ANT_TRY(measure(records, "ipc.chain3.sequential", [] { return call(chain, sequential); }));
    ANT_TRY(measure(records, "ipc.chain3.direct", [] { return call(chain, direct); }));
    return {};
}

}  // namespace

int measure_ipc() {
    auto measured = start_servers();
    if (measured) measured = measure_all();
    for (const char* slot : {"bench-relay-1", "bench-relay-2", "bench-server"}) stop_child(slot);
    if (measured) return 0;
    console::print("bench ipc: %s\n", error_text(measured.error()));
    return 1;
}

}  // namespace ant::bench
