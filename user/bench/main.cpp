// bench NAME: measures, and prints lines that tools/ant reads.
#include "create.hpp"
#include "ipc.hpp"
#include "memory.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>

ANT_MANIFEST(.version = 1, .name = "bench", .privileges = ant::abi::privilege::list, .callees = "*");

namespace {

using namespace ant;

// In processes of their own: they have rights, and partly a priority, of their own.
int run_above(const char* program, std::initializer_list<std::string_view> arguments) {
    const auto ended = start_child(program, arguments, {.wait = true, .timeout_us = no_limit});
    if (!ended) console::print("%s: %s\n", program, error_text(ended.error()));
    return ended ? static_cast<int>(ended->exit_status) : 1;
}

int measure_replace() { return run_above("bench-replace", {argument(2), argument(3)}); }
int measure_model() { return run_above("bench-model", {argument(2)}); }
int measure_resilience() { return run_above("bench-resilience", {argument(2), argument(3), argument(4)}); }
int measure_network() { return run_above("bench-network", {argument(1), argument(2), argument(3)}); }

struct Bench {
    std::string_view name;
    int (*run)();
};
constexpr Bench benches[] = {{"ipc", bench::measure_ipc},  {"chain", bench::measure_chain},    {"create", bench::measure_create},
                             {"replace", measure_replace}, {"resilience", measure_resilience}, {"send", measure_network},
                             {"rtt", measure_network},     {"throughput", measure_network},    {"saturation", measure_network},
                             {"nicswap", measure_network}, {"model", measure_model},           {"memory", bench::measure_memory},
                             {"boot", bench::measure_boot}};

}  // namespace

int main() {
    const std::string_view name = argument(1);
    for (const Bench& bench : benches) {
        if (bench.name != name) continue;
        const int status = bench.run();
        if (status == 0) console::print("bench %s done\n", argument(1));
        return status;
    }
    console::print("usage: bench ipc|chain|create|replace|resilience|send|rtt|throughput|saturation|nicswap|model|memory|boot\n");
    return 2;
}
