#include "create.hpp"

#include "figures.hpp"

#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>

namespace ant::bench {
namespace {

constexpr unsigned runs = 200, warm_up_runs = 10;
constexpr std::uint64_t pause_us = 2'000;  // in which the memory of the one before becomes free

Samples samples;

// By way of the guardian, as every program starts. It answers when the process has ended.
Result<> create(const char* program) {
    const auto ended = ANT_TRY(start_child(program, {}, {.wait = true}));
    if (ended.fault != 0 || ended.exit_status != 0) return Failure(Error::io_error);
    return {};
}

Result<> measure(const Records& records, const char* size) {
    char program[32], id[32];
    format(program, sizeof program, "empty-%s", size);
    format(id, sizeof id, "create.%s", size);
    samples.clear();
    auto before = ANT_TRY(records.system());
    for (unsigned i = 0; i < warm_up_runs + runs; ++i) {
        if (i == warm_up_runs) before = ANT_TRY(records.system());
        const std::uint64_t begin = time_stamp();
        ANT_TRY(create(program));
        const std::uint64_t taken = time_stamp() - begin;
        if (i >= warm_up_runs) samples.add(taken);
        wait_us(pause_us);
    }
    const auto after = ANT_TRY(records.system());
    samples.print(id, "instructions", difference(before, after), runs);
    return {};
}

Result<> measure_all() {
    const Records records = ANT_TRY(Records::make());
    for (const char* size : {"30k", "67k", "1m"}) ANT_TRY(measure(records, size));
    return {};
}

}  // namespace

int measure_create() {
    const auto measured = measure_all();
    if (measured) return 0;
    console::print("bench create: %s (it needs the programs empty-30k, empty-67k and empty-1m)\n", error_text(measured.error()));
    return 1;
}

}  // namespace ant::bench
