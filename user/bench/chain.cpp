// bench-chain FILE [RUNS]: P-ipc's example on the real servers, AP -> file -> cache -> disk driver -> AP: what a read of one
// block costs that is in the cache, and of one that is not, the answer coming back through each server (sequential return) or
// past those that do not need it (direct return).
//
// The cache keeps the blocks that it reads, so the driver's answer to a read of one block ends there, as in P-ipc figure 7;
// 256 KiB go from the driver to the AP.
#include "figures.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/client.hpp>
#include <ant/console.hpp>
#include <ant/files.hpp>
#include <ant/interface/cache.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-chain", .privileges = ant::abi::privilege::list, .callees = "file cache console");

namespace {

using namespace ant;

constexpr unsigned default_runs = 200;
constexpr std::uint32_t block = cache::block_bytes, large = 256 << 10;

struct Kind {
    const char* name;
    std::uint32_t bytes;
    bool cached;
};
constexpr Kind kinds[] = {{"cached", block, true}, {"uncached", block, false}, {"uncached.256k", large, false}};
struct Return {
    const char* name;
    std::uint32_t flags;
};
constexpr Return returns[] = {{"sequential", file::transfer_flag::sequential}, {"direct", 0}};

Client files{"file"}, buffers{"cache"};
bench::Samples samples;

Result<> read(std::uint32_t handle, std::uint64_t position, std::uint32_t bytes, std::uint32_t flags, Ica& area) {
    const file::Transfer request{.handle = handle, .flags = flags, .position = position, .offset = 0, .bytes = bytes};
    const auto done = ANT_TRY(files.exchange(file::read, request, area));
    if (done != bytes) return Failure(Error::io_error);
    return {};
}

// Each block once, and never one that follows the one before: nothing is read ahead.
std::uint64_t place(std::uint64_t places, std::uint64_t n) {
    constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;
    return (n * odd + 12345) % places;
}

Result<> measure(const file::Opened& opened, const Kind& kind, const Return& how, unsigned runs, const bench::Records& records) {
    Ica area = ANT_TRY(Ica::reserve(kind.bytes));
    const std::uint64_t places = opened.status.size / kind.bytes;
    ANT_TRY(buffers.call(cache::forget, {0, 0}, {}, no_limit));
    ANT_TRY(read(opened.handle, 0, kind.bytes, how.flags, area));
    samples.clear();
    const auto first = ANT_TRY(records.system());
    for (unsigned n = 0; n < runs; ++n) {
        const std::uint64_t position = kind.cached ? 0 : place(places, n) * kind.bytes;
        const auto before = ANT_TRY(records.system());
        const std::uint64_t begin = time_stamp();
        ANT_TRY(read(opened.handle, position, kind.bytes, how.flags, area));
        const std::uint64_t elapsed = time_stamp() - begin;
        const auto after = ANT_TRY(records.system());
        samples.add(elapsed - std::min(elapsed, after.idle_ns - before.idle_ns));
    }
    const auto counters = bench::difference(first, ANT_TRY(records.system()));
    char id[64];
    format(id, sizeof id, "chain.real.%s.%s", kind.name, how.name);
    samples.print(id, "instructions", counters, runs);
    return {};
}

Result<> measure_all(const char* path, unsigned runs) {
    file::Open request{};
    request.flags = file::open_flag::read;
    if (std::strlen(path) >= sizeof request.path) return Failure(Error::name_too_long);
    std::memcpy(request.path, path, std::strlen(path));
    const auto opened = ANT_TRY(files.call(file::open, request, {}, no_limit));
    if (opened.result.status.size < large) return Failure(Error::invalid_argument);
    const bench::Records records = ANT_TRY(bench::Records::make());
    for (const Kind& kind : kinds)
        for (const Return& how : returns) ANT_TRY(measure(opened.result, kind, how, runs, records));
    return {};
}

}  // namespace

int main() {
    unsigned runs = default_runs;
    const char* text = argument(2);
    (void)std::from_chars(text, text + std::strlen(text), runs);
    const auto measured = measure_all(argument(1), std::clamp(runs, 1u, bench::Samples::capacity));
    if (!measured) console::print("bench-chain: %s\n", error_text(measured.error()));
    if (measured) console::print("bench chain done\n");
    return measured ? 0 : 1;
}
