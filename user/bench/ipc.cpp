// bench ipc, bench chain: calls from an application to servers, through libant and with time-outs.
#include "ipc.hpp"

#include "figures.hpp"
#include "interface.hpp"
#include "plugin_marks.hpp"

#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>

namespace ant::bench {
namespace {

constexpr unsigned runs = 1000, warm_up_runs = 50, shown_runs = 20;
constexpr std::size_t sizes[] = {64, 256, 1024, 4096, 16384, 65536, 262144, 1 << 20, 2 << 20};

Samples samples;
Client server{"bench-server"};

// By the number of servers through which a request goes; each passes it on to the one before, and the first answers.
const char* const chain_names[] = {"bench-server", "bench-relay-2", "bench-relay-3", "bench-relay-4", "bench-relay-5"};
Client chains[] = {Client{chain_names[0]}, Client{chain_names[1]}, Client{chain_names[2]}, Client{chain_names[3]},
                   Client{chain_names[4]}};

struct Id {
    char text[64];
    template <class... Parts>
    explicit Id(const char* pattern, Parts... parts) {
        format(text, sizeof text, pattern, parts...);
    }
};

// What reading the time stamp counter twice costs by itself.
std::uint64_t own_cost() {
    std::uint64_t least = ~std::uint64_t{0};
    for (unsigned i = 0; i < 100; ++i) {
        const std::uint64_t begin = time_stamp();
        least = std::min(least, time_stamp() - begin);
    }
    return least;
}

// The same calls for the plugin, which counts them by step.
template <class Run>
Result<> show(const char* id, Run run) {
    console::print("series %s\n", id);
    tell_plugin<Mark::series>();
    for (unsigned i = 0; i < shown_runs; ++i) {
        tell_plugin<Mark::begin>();
        const Error ended = run();
        tell_plugin<Mark::end>();
        if (ended != Error::none) return Failure(ended);
    }
    return {};
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
    return show(id, run);
}

// Inline, as in a program that has one call there.
template <class Function>
[[gnu::always_inline]] inline Error call(Client& callee, const Function& function) {
    const auto answer = callee.call(function);
    return answer ? Error::none : answer.error();
}

// `extra` bytes more go with the 64.
template <std::uint32_t extra = 0>
[[gnu::always_inline]] inline Error call_with_parameters() {
    const auto answer = server.call_in_place(
        params64,
        [](Parameters64& p) {
            p = {{1, 2, 3, 4, 5, 6, 7, 8}};
        },
        extra);
    if (!answer) return answer.error();
    std::uint64_t sum = 0;
#pragma GCC unroll 8
    for (const std::uint64_t word : answer->result->word) sum += word;
    return sum == 44 ? Error::none : Error::io_error;
}
// Written to a structure of the client first, and read from one.
[[gnu::always_inline]] inline Error call_with_copied_parameters() {
    const auto answer = server.call(params64, {{1, 2, 3, 4, 5, 6, 7, 8}});
    if (!answer) return answer.error();
    return answer->result.word[7] == 9 ? Error::none : Error::io_error;
}

// The result is taken as a server loop takes it.
template <const Function<Nothing>& function>
Error call_asynchronously(Data data) {
    const auto sent = server.send(function, {}, data, 0, default_timeout_us);
    if (!sent) return sent.error();
    const sys::Raw receipt = sys::raw(sys::Syscall::receive, default_timeout_us);
    if (receipt.error != Error::none) return receipt.error;
    if (receipt.rdi != *sent || receipt.r9 != data.address()) return Error::io_error;
    controls::give(*sent);
    return Error::none;
}

// Of one area, there and back.
Result<> measure_moves(const Records& records, std::size_t bytes) {
    Ica area = ANT_TRY(Ica::reserve(bytes));
    std::uint64_t address = area.detach();
    ANT_TRY(measure(records, Id{"ipc.sync.move.%zu", bytes}.text, [&] {
        const auto answer = server.call(move, {}, {address, abi::DataMode::move});
        if (!answer) return answer.error();
        return answer->data == address ? Error::none : Error::io_error;
    }));
    ANT_TRY(measure(records, Id{"ipc.async.move.%zu", bytes}.text, [&] {
        return call_asynchronously<move>({address, abi::DataMode::move});
    }));
    return sys::ica_release(address);
}

Result<> start_servers() {
    ANT_TRY(start_child("bench-server", {}, {.as = chain_names[0]}));
    for (unsigned i = 1; i < std::size(chain_names); ++i)
        ANT_TRY(start_child("bench-relay", {chain_names[i - 1]}, {.as = chain_names[i]}));
    // Servers are above this process: they have registered as soon as it runs again.
    wait_us(1000);
    return {};
}

template <unsigned servers>
Result<> measure_chain(const Records& records, const char* sequential_id, const char* direct_id) {
    ANT_TRY(measure(records, sequential_id, [] { return call(chains[servers - 1], sequential); }));
    return measure(records, direct_id, [] { return call(chains[servers - 1], direct); });
}

Result<> measure_calls(const Records& records) {
    ANT_TRY(measure(records, "ipc.sync.null", [] { return call(server, null); }));
    ANT_TRY(measure(
        records, "ipc.sync.params64", []() __attribute__((always_inline)) { return call_with_parameters(); }));
    constexpr std::uint32_t rest_of_page = abi::parameter_capacity - sizeof(Parameters64);
    ANT_TRY(measure(
        records, "ipc.sync.params.page", []() __attribute__((always_inline)) { return call_with_parameters<rest_of_page>(); }));
    ANT_TRY(measure(records, "ipc.sync.params64.copied", [] { return call_with_copied_parameters(); }));
    ANT_TRY(measure(records, "ipc.async.null", [] { return call_asynchronously<null>({}); }));
    for (const std::size_t bytes : sizes) ANT_TRY(measure_moves(records, bytes));
    return measure_chain<3>(records, "ipc.chain3.sequential", "ipc.chain3.direct");
}

Result<> measure_chains(const Records& records) {
    ANT_TRY(measure_chain<1>(records, "chain.1.sequential", "chain.1.direct"));
    ANT_TRY(measure_chain<2>(records, "chain.2.sequential", "chain.2.direct"));
    ANT_TRY(measure_chain<3>(records, "chain.3.sequential", "chain.3.direct"));
    ANT_TRY(measure_chain<4>(records, "chain.4.sequential", "chain.4.direct"));
    return measure_chain<5>(records, "chain.5.sequential", "chain.5.direct");
}

int run(const char* name, Result<> (*measure_all)(const Records&)) {
    const auto measured = [&]() -> Result<> {
        ANT_TRY(start_servers());
        return measure_all(ANT_TRY(Records::make()));
    }();
    // The last one first: each relay calls the one before.
    for (std::size_t i = std::size(chain_names); i-- != 0;) stop_child(chain_names[i]);
    if (measured) return 0;
    console::print("bench %s: %s\n", name, error_text(measured.error()));
    return 1;
}

}  // namespace

int measure_ipc() { return run("ipc", measure_calls); }
int measure_chain() { return run("chain", measure_chains); }

}  // namespace ant::bench
