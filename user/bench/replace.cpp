// bench-replace: replaces rtl8139 again and again while a transfer between the two cards runs through it, and
// calls it every 10 us to see what a client sees. Between inet and driver in priority.
#include "figures.hpp"
#include "network_load.hpp"
#include "state.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/console.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/interface/nic.hpp>
#include <ant/process.hpp>

#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-replace", .priority = 20,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .callees = "*");

namespace {

using namespace ant;
using console::print;

constexpr unsigned replacements = 60, quiet_replacements = 10;
constexpr std::uint64_t probe_us = 10, pause_us = 5'000, patience_us = 20'000'000;

Client driver{"rtl8139"};
Client keeper{"guardian"};
bench::NetworkLoad load;
bench::Samples totals, blackouts, gaps;

guardian::Replace request() {
    guardian::Replace request{};
    request.count = 1;
    std::memcpy(request.server[0].name, "rtl8139", sizeof "rtl8139");
    return request;
}

void add_result(const guardian::Replaced& replaced) {
    totals.add(replaced.result[0].total_ns);
    blackouts.add(replaced.result[0].blackout_ns);
}

// One replacement with a client that calls the server every 10 us until it is over. -> the longest time between
// two answers in ticks: that the client itself had to make way counts, too
Result<std::uint64_t> replace_under_probe() {
    ANT_TRY(driver.call(nic::info));
    std::uint64_t answered = time_stamp(), longest = 0;
    const std::uint64_t control = ANT_TRY(keeper.send(guardian::replace, request()));
    for (;;) {
        ANT_TRY(driver.call(nic::info));
        const std::uint64_t now = time_stamp();
        longest = std::max(longest, now - answered);
        answered = now;
        const sys::Raw receipt = sys::raw(sys::Syscall::receive, abi::poll);
        if (receipt.error == Error::none && receipt.rdi == control) break;
        wait_us(probe_us);
    }
    const auto replaced = *reinterpret_cast<const guardian::Replaced*>(control + abi::parameter_base);
    controls::give(control);
    if (replaced.result[0].error != Error::none) return Failure(replaced.result[0].error);
    add_result(replaced);
    return longest;
}

Result<> replace_under_transfer() {
    const std::uint64_t begin_bytes = ANT_TRY(load.bytes_received()), begin_ns = clock_ns();
    for (unsigned i = 0; i < replacements; ++i) {
        gaps.add(bench::ticks_to_ns(ANT_TRY(replace_under_probe())));
        wait_us(pause_us);
    }
    const std::uint64_t bytes = ANT_TRY(load.bytes_received()) - begin_bytes, ns = clock_ns() - begin_ns;
    print("note %u replacements while %lu bytes came through the driver in %lu us\n", replacements, bytes, ns / 1000);
    return {};
}

// What one replacement costs in accesses, with nothing else going on.
Result<bench::Counters> count_quietly(const bench::Records& records) {
    const auto before = ANT_TRY(records.system());
    for (unsigned i = 0; i < quiet_replacements; ++i) ANT_TRY(keeper.call(guardian::replace, request(), {}, patience_us));
    return bench::difference(before, ANT_TRY(records.system()));
}

Result<> measure() {
    const bench::Records records = ANT_TRY(bench::Records::make());
    ANT_TRY(load.connect());
    const bench::Counters counters = ANT_TRY(count_quietly(records));
    ANT_TRY(load.start_transfer());
    const auto replaced = replace_under_transfer();
    load.end();
    if (!replaced) return replaced;
    totals.print("replace.rtl8139.planned.total", "ns", counters, quiet_replacements);
    blackouts.print("replace.rtl8139.planned.blackout", "ns", {}, 0);
    gaps.print("replace.rtl8139.planned.gap", "ns", {}, 0);
    print("note accesses beside total: of %u replacements without a transfer\n", quiet_replacements);
    return {};
}

}  // namespace

int main() {
    bench::measure_commit();
    const auto measured = measure();
    if (measured) return 0;
    print("bench replace: %s (it needs two cards)\n", error_text(measured.error()));
    return 1;
}
