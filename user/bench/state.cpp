#include "state.hpp"

#include "figures.hpp"

#include <ant/process.hpp>
#include <ant/records.hpp>

#include <algorithm>

namespace ant::bench {
namespace {

constexpr unsigned runs = 1000, capacity = 16;

struct Largest {
    std::uint64_t word[record::max_data / sizeof(std::uint64_t)];
};

Samples samples;
std::uint64_t writing;
alignas(record::max_bytes) std::byte places[capacity * 2 * record::max_bytes];

// Not inlined: this is what every commit costs, its call included.
[[gnu::noinline]] void commit(ant::Records<Largest>& records, unsigned index, const Largest& data) {
    records.commit(index, data);
}

std::uint64_t cost_of_reading_the_clock() {
    std::uint64_t least = ~std::uint64_t{0};
    for (unsigned i = 0; i < 100; ++i) {
        const std::uint64_t begin = time_stamp();
        least = std::min(least, time_stamp() - begin);
    }
    return least;
}

}  // namespace

void measure_commit() {
    ant::Records<Largest> records{sys::address_of(places), capacity, &writing};
    const std::uint64_t overhead = cost_of_reading_the_clock();
    Largest data{};
    for (unsigned i = 0; i < runs; ++i) {
        data.word[0] = i;
        const std::uint64_t begin = time_stamp();
        commit(records, i % capacity, data);
        samples.add(time_stamp() - begin - overhead);
    }
    samples.print("state.commit", "instructions", {}, 0);
}

}  // namespace ant::bench
