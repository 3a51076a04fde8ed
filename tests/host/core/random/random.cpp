// A million steps of random interleavings, against the reference. After each step: the reference's predictions, where
// each call is, the page tables and the TLB of the model; the core's whole audit every 64 steps, and the count of calls
// every 16. After each round everything ends, and all pages are free.
#include "actor.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>

using namespace ant::test;
using ant::core::PagePool;

namespace {

constexpr unsigned rounds = 100, steps_per_round = 5000;
constexpr unsigned pages = 1024, pages_for_areas = 1152, more_pages = 1536;

void run(std::uint64_t seed) {
    std::uint64_t steps = 0, answered = 0, dropped = 0, kills = 0, replaced = 0, timers = 0, restarts = 0, redelivered = 0,
                  taken_back = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        const bool all_for_areas = round % 2 == 0;
        World w(all_for_areas ? pages : more_pages, all_for_areas ? PagePool::four_gib : pages_for_areas);
        Actors actors(w, seed + round);
        actors.populate();
        for (unsigned i = 0; i < steps_per_round; ++i, ++steps) {
            INFO("seed " << seed + round << " step " << i);
            actors.step();
            actors.reference.compare();
            if (i % 16 == 0) actors.reference.compare_counts();
            if (i % 64 == 0) w.check();
        }
        INFO("seed " << seed + round << " at the end");
        actors.drain();
        answered += actors.reference.answered;
        dropped += actors.reference.dropped;
        kills += actors.kills;
        replaced += actors.replacements;
        timers += actors.timer_interrupts;
        restarts += actors.reference.restarts;
        redelivered += actors.reference.redelivered;
        taken_back += actors.reference.taken_back;
    }
    std::cout << "seed " << seed << ": " << steps << " steps, " << answered << " calls answered, " << dropped << " dropped, "
              << kills << " kills, " << replaced << " replacements begun, " << restarts << " restarts, " << redelivered
              << " calls delivered again, " << taken_back << " taken back, " << timers << " timer interrupts\n";
    CHECK(taken_back != 0);
}

}  // namespace

TEST_CASE("half a million random steps from a fixed seed agree with the reference", "[random]") { run(20261121); }

// ANT_SEED repeats a run that failed.
TEST_CASE("half a million random steps from a new seed agree with the reference", "[random]") {
    const char* given = std::getenv("ANT_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "ANT_SEED=" << seed << '\n' << std::flush;
    run(seed);
}
