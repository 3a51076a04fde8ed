// The power fails at every write and every flush: what was synced is there, the rest whole and in order, and e2fsck finds
// nothing.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace test;

namespace {

using State = std::map<std::string, std::string>;

std::string text(unsigned seed, std::size_t bytes) {
    Random random{seed};
    std::string out(bytes, 0);
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

// A change to the world, if there is one, and to what it should be.
void step(World* world, State& state, Random& random) {
    const auto name = [&] { return "/d" + std::to_string(random() % 3) + "/f" + std::to_string(random() % 6); };
    if (world != nullptr) ++world->call;
    const std::string file = name();
    const std::string folder = file.substr(0, 4);
    if (!state.contains(folder)) {
        if (world != nullptr) must(world->make_directory(folder.substr(0, 3)));
        state[folder];
        return;
    }
    const bool exists = state.contains(file);
    switch (random() % 5) {
        case 0:
        case 1:
            if (!exists) {
                if (world != nullptr) must(world->create(file));
                state[file];
            } else {
                const std::string data = text(random(), 1 + random() % 20000);
                if (world != nullptr) must(world->append(file, data));
                state[file] += data;
            }
            break;
        case 2: {
            const std::string to = name();
            if (!exists || !state.contains(to.substr(0, 4)) || to == file) break;
            if (world != nullptr) must(world->rename(file, to));
            state[to] = state[file];
            state.erase(file);
            break;
        }
        case 3:
            if (!exists) break;
            if (world != nullptr) must(world->remove(file));
            state.erase(file);
            break;
        default: {
            const bool empty = std::none_of(state.begin(), state.end(), [&](const auto& entry) {
                return entry.first.starts_with(folder) && entry.first != folder;
            });
            if (!empty) break;
            if (world != nullptr) must(world->remove(folder.substr(0, 3), true));
            state.erase(folder);
            break;
        }
    }
}

// Runs until the power fails at `cut_at`; false if it did not come to that.
bool run_until(World& world, std::vector<State>& states, unsigned seed, unsigned cut_at) {
    Random random{seed};
    world.disk.cut_at = cut_at;
    try {
        world.mount();
        for (unsigned i = 0; i < 60; ++i) {
            State next = states.back();
            // During the step it may be as before or as after.
            step(nullptr, next, *std::make_unique<Random>(random));
            states.push_back(next);
            step(&world, next = states[states.size() - 2], random);
            if (random() % 6 == 0) {
                must(world.volume().sync());
                states.erase(states.begin(), states.end() - 1);
            }
            if (random() % 20 == 0) {
                must(world.volume().clean());
                states.erase(states.begin(), states.end() - 1);
            }
        }
    } catch (const PowerCut&) {
        return true;
    }
    return false;
}

void try_all_cuts(const std::string& options, unsigned mib, unsigned seed, unsigned step_by) {
    for (unsigned cut = 1;; cut += step_by) {
        INFO("seed " << seed << ", cut at " << cut);
        World world(options, mib);
        std::vector<State> states(1);
        if (!run_until(world, states, seed, cut)) break;
        Random random{cut};
        world.cut_power(random);
        const std::string said = world.check(true);
        INFO(said);
        REQUIRE(said.empty());
        world.mount();
        const State found = world.contents();
        REQUIRE(std::find(states.begin(), states.end(), found) != states.end());
        REQUIRE(world.volume().clean());
        const std::string said_of_ours = world.check(false);
        INFO(said_of_ours);
        REQUIRE(said_of_ours.empty());
    }
}

}  // namespace

TEST_CASE("power cut: blocks of 4 KiB, checksums, 64 bit") { try_all_cuts("-b 4096 -O 64bit,metadata_csum -J size=4", 16, 1, 4); }
TEST_CASE("power cut: blocks of 1 KiB, no checksums") { try_all_cuts("-b 1024 -O ^64bit,^metadata_csum -J size=1", 8, 2, 9); }
TEST_CASE("power cut: a small journal that wraps around") { try_all_cuts("-b 1024 -O 64bit,metadata_csum -J size=1", 8, 3, 11); }
