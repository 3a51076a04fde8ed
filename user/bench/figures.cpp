#include "figures.hpp"

#include <ant/console.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <numeric>

namespace ant::bench {
namespace {

constexpr unsigned hundredths = 100;

// Per run, with two digits behind the point where there are some.
struct PerRun {
    char text[24];
    PerRun(std::uint64_t total, unsigned runs) {
        const std::uint64_t scaled = (total * hundredths + runs / 2) / runs;
        if (scaled % hundredths == 0)
            format(text, sizeof text, "%lu", scaled / hundredths);
        else
            format(text, sizeof text, "%lu.%02lu", scaled / hundredths, scaled % hundredths);
    }
};

}  // namespace

Result<Records> Records::make() {
    Records records;
    records.area_ = ANT_TRY(Ica::reserve(abi::page_size));
    return records;
}

Result<abi::SystemRecord> Records::system() const {
    ANT_TRY(sys::list(abi::ListKind::system, area_.address()));
    return *area_.as<abi::SystemRecord>();
}

Counters difference(const abi::SystemRecord& before, const abi::SystemRecord& after) {
    return {after.cr3_writes - before.cr3_writes, after.invalidations - before.invalidations,
            after.msr_writes - before.msr_writes, after.fpu_switches - before.fpu_switches,
            after.device_accesses - before.device_accesses};
}

// The least value that at least so many percent do not exceed: of a few values, p99 is the largest.
std::uint64_t Samples::percentile(unsigned percent) const { return values_[(count_ * percent + 99) / 100 - 1]; }

std::uint64_t Samples::mean() const {
    return count_ == 0 ? 0 : std::accumulate(values_.begin(), values_.begin() + count_, std::uint64_t{0}) / count_;
}

void Samples::print(const char* id, const char* unit, const Counters& counters, unsigned runs) {
    if (count_ == 0) return;
    sorted();
    const std::uint64_t median = percentile(50);
    console::print("figure id=%s unit=%s n=%u value=%lu min=%lu p50=%lu p99=%lu max=%lu", id, unit, count_, median, values_[0],
                   median, percentile(99), values_[count_ - 1]);
    if (runs != 0) {
        console::print(" cr3=%s invlpg=%s msr=%s fpu=%s mmio=%s", PerRun{counters.cr3, runs}.text,
                       PerRun{counters.invlpg, runs}.text, PerRun{counters.msr, runs}.text, PerRun{counters.fpu, runs}.text,
                       PerRun{counters.mmio, runs}.text);
    }
    console::print("\n");
}

const std::uint64_t* Samples::sorted() {
    std::sort(values_.begin(), values_.begin() + count_);
    return values_.data();
}

void Samples::print_value(const char* id, const char* unit, std::uint64_t value) {
    if (count_ == 0) return;
    sorted();
    console::print("figure id=%s unit=%s n=%u value=%lu min=%lu p50=%lu p99=%lu max=%lu\n", id, unit, count_, value, values_[0],
                   percentile(50), percentile(99), values_[count_ - 1]);
}

void Samples::print_percentile(const char* id, const char* unit, unsigned percent) {
    if (count_ == 0) return;
    sorted();
    print_value(id, unit, percentile(percent));
}

void print_figure(const char* id, const char* unit, std::uint64_t value) {
    console::print("figure id=%s unit=%s n=1 value=%lu min=%lu p50=%lu p99=%lu max=%lu\n", id, unit, value, value, value, value,
                   value);
}

std::uint64_t ticks_to_ns(std::uint64_t ticks) {
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    const std::uint64_t per_ms = startup().tsc_khz;
    return ticks / per_ms * ns_per_ms + ticks % per_ms * ns_per_ms / per_ms;
}

}  // namespace ant::bench
