// bench-disk FILE [RUNS]: reads and writes a file of 64 MiB through file server, cache and driver, one call at a time.
//
// Before each run the cache has written and forgotten everything it has, so each byte is read from the disk, as with O_DIRECT
// in Linux; no byte is asked for twice in a run. A run of writes ends when all of it is on the disk. linux/disk.c does the same.
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

ANT_MANIFEST(.version = 1, .name = "bench-disk", .privileges = ant::abi::privilege::list, .callees = "file cache console");

namespace {

using namespace ant;

constexpr std::uint64_t file_bytes = 64 << 20;
constexpr std::uint64_t mega = 1'000'000;
constexpr unsigned most_runs = 16;

struct Kind {
    const char* name;
    bool random, write;
};
constexpr Kind kinds[] = {
    {"seq.read", false, false}, {"rand.read", true, false}, {"seq.write", false, true}, {"rand.write", true, true}};
struct Size {
    std::uint32_t bytes;
    std::uint32_t operations;
};
constexpr Size sizes[] = {{4096, 4096}, {65536, 1024}, {1 << 20, 64}};

Client files{"file"}, buffers{"cache"};

// What is measured of a run; thousandths, so that there are digits behind the point.
struct Cost {
    std::uint64_t mb_per_s, kinsn_per_mb;
};

void print(const char* kind, std::uint32_t bytes, const char* what, const char* unit, std::uint64_t* values, unsigned count) {
    std::sort(values, values + count);
    const auto part = [&](std::uint64_t value, const char* name) {
        console::print(" %s=%lu.%03lu", name, value / 1000, value % 1000);
    };
    console::print("figure id=%s.%u.%s unit=%s n=%u", kind, bytes, what, unit, count);
    part(values[count / 2], "value");
    part(values[0], "min");
    part(values[count / 2], "p50");
    part(values[count - 1], "p99");
    part(values[count - 1], "max");
    console::print("\n");
}

// The n-th place of all that there are, in an order that meets each of them once: their number is a power of two.
std::uint64_t place(const Kind& kind, std::uint64_t places, std::uint64_t n) {
    constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;
    return kind.random ? (n * odd + 12345) % places : n;
}

Result<> transfer(std::uint32_t handle, const Kind& kind, std::uint64_t position, std::uint32_t bytes, Ica& area) {
    file::Transfer request{};
    request.handle = handle;
    request.flags = kind.random || kind.write ? 0 : file::transfer_flag::read_ahead;
    request.position = position;
    request.bytes = bytes;
    for (std::uint32_t done = 0; done < bytes;) {
        const auto answer = ANT_TRY(files.call(kind.write ? file::write : file::read, request, move(std::move(area)), no_limit));
        area = ANT_TRY(Ica::adopt(answer.data));
        if (answer.value <= 0) return Failure(Error::io_error);
        done += static_cast<std::uint32_t>(answer.value);
        request.position += static_cast<std::uint64_t>(answer.value);
        request.offset = done;
        request.bytes = bytes - done;
    }
    return {};
}

Result<Cost> run(std::uint32_t handle, const Kind& kind, const Size& size, Ica& area, const bench::Records& records) {
    ANT_TRY(files.call(file::sync, {handle, 0}, {}, no_limit));
    ANT_TRY(buffers.call(cache::forget, {0, 0}, {}, no_limit));
    const auto before = ANT_TRY(records.system());
    const std::uint64_t start = clock_ns();
    for (std::uint64_t i = 0; i < size.operations; ++i)
        ANT_TRY(transfer(handle, kind, place(kind, file_bytes / size.bytes, i) * size.bytes, size.bytes, area));
    if (kind.write) ANT_TRY(files.call(file::sync_data, {handle, 0}, {}, no_limit));
    const std::uint64_t elapsed = clock_ns() - start;
    const auto after = ANT_TRY(records.system());
    const std::uint64_t bytes = std::uint64_t{size.bytes} * size.operations;
    const std::uint64_t busy = elapsed - std::min(elapsed, after.idle_ns - before.idle_ns);
    return Cost{bytes * 1'000'000 / elapsed, busy * mega / bytes};
}

Result<> measure(std::uint32_t handle, unsigned runs) {
    const bench::Records records = ANT_TRY(bench::Records::make());
    for (const Kind& kind : kinds) {
        for (const Size& size : sizes) {
            Ica area = ANT_TRY(Ica::reserve(size.bytes));
            std::memset(area.data(), 0x5a, size.bytes);
            std::uint64_t speed[most_runs], instructions[most_runs];
            ANT_TRY(run(handle, kind, size, area, records));  // not counted: the emulator translates what has not run before
            for (unsigned i = 0; i < runs; ++i) {
                const Cost cost = ANT_TRY(run(handle, kind, size, area, records));
                speed[i] = cost.mb_per_s;
                instructions[i] = cost.kinsn_per_mb;
            }
            print(kind.name, size.bytes, "mb_per_s", "MB/s", speed, runs);
            print(kind.name, size.bytes, "kinsn_per_mb", "kinsn/MB", instructions, runs);
        }
    }
    return {};
}

Result<> measure_file(const char* path, unsigned runs) {
    file::Open request{};
    request.flags = file::open_flag::read | file::open_flag::write;
    if (std::strlen(path) >= sizeof request.path) return Failure(Error::name_too_long);
    std::memcpy(request.path, path, std::strlen(path));
    const auto opened = ANT_TRY(files.call(file::open, request, {}, no_limit));
    if (opened.result.status.size < file_bytes) return Failure(Error::invalid_argument);
    return measure(opened.result.handle, runs);
}

}  // namespace

int main() {
    unsigned runs = 3;
    const char* text = argument(2);
    (void)std::from_chars(text, text + std::strlen(text), runs);
    const auto measured = measure_file(argument(1), std::clamp(runs, 1u, most_runs));
    if (!measured) console::print("bench-disk: %s\n", error_text(measured.error()));
    if (measured) console::print("bench disk done\n");
    return measured ? 0 : 1;
}
