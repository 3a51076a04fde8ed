// bench-nic [SAMPLES [SEED]]: P-nic's experiment. An application computes and sends by turns (bench-nic-ap) while the driver of
// its network card is replaced once, at a moment taken at random; the driver's program is read from the disk, with nothing of it
// in the cache or all of it, or lies in memory. In a machine with two cards on one hub and a disk.
//
// Prints what happened, for tools/antlib/bench_nic.py:
//   sample VARIANT
//   replaced at=NS total=NS blackout=NS load=NS    when it was asked for; load: reading and loading the program
//   round ...                                      of bench-nic-ap
#include "network_load.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/check.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>
#include <ant/files.hpp>
#include <ant/interface/cache.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/process.hpp>

#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-nic", .priority = 20,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .callees = "*");

namespace {

using namespace ant;
using console::print;

constexpr const char* driver = "rtl8139";
constexpr const char* rounds = "50";
constexpr std::uint64_t first_moment_us = 15'000, last_moment_us = 35'000, patience_us = 60'000'000, settle_us = 5'000;

enum class Source { none, memory, warm, cold };  // where the program is; none: nothing is replaced
struct Variant {
    const char* name;
    Source source;
    const char* program;
};
constexpr Variant variants[] = {{"none", Source::none, ""},
                                {"memory", Source::memory, "rtl8139"},
                                {"disk.warm.30k", Source::warm, "/bin/rtl8139@30k"},
                                {"disk.warm.67k", Source::warm, "/bin/rtl8139@67k"},
                                {"disk.cold.30k", Source::cold, "/bin/rtl8139@30k"},
                                {"disk.cold.67k", Source::cold, "/bin/rtl8139@67k"}};

Client keeper{"guardian"}, buffers{"cache"};

Result<abi::ReplaceResult> replace(const char* server, const char* program) {
    guardian::Replace request{};
    request.count = 1;
    format(request.server[0].name, sizeof request.server[0].name, "%s", server);
    format(request.server[0].program, sizeof request.server[0].program, "%s", program);
    const auto answer = ANT_TRY(keeper.call(guardian::replace, request, {}, patience_us));
    if (answer.result.result[0].error != Error::none) return Failure(answer.result.result[0].error);
    return answer.result.result[0];
}

Result<> read_file(const char* path) {
    file::Status status{};
    const File file = ANT_TRY(File::open(path, file::open_flag::read, 0, &status));
    Ica area = ANT_TRY(Ica::reserve(status.size));
    for (std::size_t done = 0; done < status.size;) {
        const std::size_t bytes = ANT_TRY(file.read_area(area, done, status.size - done, done));
        if (bytes == 0) return Failure(Error::io_error);
        done += bytes;
    }
    return {};
}

// Cold: neither cache nor file server knows anything of the disk.
Result<> prepare(const Variant& variant) {
    if (variant.source == Source::warm) return read_file(variant.program);
    if (variant.source != Source::cold) return {};
    ANT_TRY(replace("file", ""));
    ANT_TRY(buffers.call(cache::forget, {0, 0}, {}, patience_us));
    return {};
}

Result<std::uint64_t> start_application() {
    guardian::Start request{};
    format(request.program, sizeof request.program, "bench-nic-ap");
    request.wait = 1;
    request.argc = 3;
    char ip[16];
    format(ip, sizeof ip, "%u", bench::NetworkLoad::ip_of(1));
    std::size_t bytes = 0;
    for (const char* text : {static_cast<const char*>(ip), "5555", rounds}) {
        std::memcpy(request.arguments + bytes, text, std::strlen(text) + 1);
        bytes += std::strlen(text) + 1;
    }
    return keeper.send(guardian::start, request);
}

Result<> wait_for(std::uint64_t control) {
    for (;;) {
        const sys::Raw receipt = sys::raw(sys::Syscall::receive, patience_us);
        if (receipt.error != Error::none) return Failure(receipt.error);
        if (receipt.rdi == control) break;
    }
    const bool good = reinterpret_cast<const guardian::Started*>(control + abi::parameter_base)->exit_status == 0;
    controls::give(control);
    if (!good) return Failure(Error::server_died);
    return {};
}

Result<> sample(const Variant& variant, std::uint64_t moment_us) {
    ANT_TRY(prepare(variant));
    wait_us(settle_us);
    print("sample %s\n", variant.name);
    const std::uint64_t application = ANT_TRY(start_application());
    wait_us(moment_us);
    if (variant.source == Source::none) return wait_for(application);
    const std::uint64_t at = clock_ns();
    const auto done = ANT_TRY(replace(driver, variant.program));
    ANT_TRY(wait_for(application));  // before anything is printed, which would take time from it
    print("replaced at=%lu total=%lu blackout=%lu load=%lu\n", at, done.total_ns, done.blackout_ns,
          done.phase_ns[static_cast<unsigned>(abi::Phase::load)]);
    return {};
}

Result<> measure(unsigned samples, std::uint64_t seed) {
    bench::NetworkLoad load;
    ANT_TRY(load.connect());
    ANT_TRY(start_child("bench-transfer", {"sink", "5555", "inet.1"}, {.as = "bench-sink"}));
    for (const Variant& variant : variants) {
        // The first one brings the program in, and is not measured.
        if (variant.source != Source::none) ANT_TRY(replace(driver, variant.program));
        for (unsigned i = 0; i < samples; ++i)
            ANT_TRY(sample(variant, first_moment_us + check::pattern(seed, i) % (last_moment_us - first_moment_us)));
    }
    stop_child("bench-sink");
    return {};
}

}  // namespace

int main() {
    const auto measured = measure(static_cast<unsigned>(check::number(1, 10)), check::number(2, 1));
    if (!measured) print("bench nic: %s\n", error_text(measured.error()));
    if (measured) print("bench nic done\n");
    return measured ? 0 : 1;
}
