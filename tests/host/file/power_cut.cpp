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

struct Start {
    std::vector<std::byte> medium;
    std::vector<State> states;  // one of these it is in
};

// A file system whose journal has been filled more than once: wherever it is written next lies something that looks like a part
// of a transaction.
Start used(const std::string& options, unsigned mib) {
    World world(options, mib);
    world.mount();
    State state;
    Random random{99};
    const auto head = [&] {
        JournalRecord record{};
        if (world.tables->journals.load(0, record) != record::Found::good) throw std::runtime_error("no record of the journal");
        return record.state.head;
    };
    for (unsigned wraps = 0; wraps < 2;) {
        const std::uint32_t before = head();
        for (unsigned i = random() % 6; i != 0; --i) step(&world, state, random);
        must(world.volume().sync());
        if (head() < before) ++wraps;
    }
    must(world.volume().clean());
    must(world.disk.flush());
    return {std::move(world.disk.medium), {state}};
}

// Mounts and works until the power fails at `cut_at`; false if it did not come to that.
bool run_until(World& world, std::vector<State>& states, unsigned seed, unsigned cut_at) {
    Random random{seed};
    world.disk.cut_at = cut_at;
    try {
        world.mount();
        if (states.size() != 1) states = {world.contents()};
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

// Empty if the work ended before the cut.
Start cut_off(const Start& start, unsigned seed, unsigned cut_at, Random& random) {
    World world(start.medium);
    std::vector<State> states = start.states;
    if (!run_until(world, states, seed, cut_at)) return {};
    world.cut_power(random);
    return {std::move(world.disk.medium), std::move(states)};
}

// e2fsck replays the journal and finds nothing else; so do we.
void check(const Start& left) {
    World world(left.medium);
    const std::string said = world.check(true);
    INFO(said);
    REQUIRE(said.empty());
    world.mount();
    REQUIRE(std::find(left.states.begin(), left.states.end(), world.contents()) != left.states.end());
    REQUIRE(world.volume().clean());
    const std::string said_of_ours = world.check(false);
    INFO(said_of_ours);
    REQUIRE(said_of_ours.empty());
}

void try_all_cuts(const std::string& options, unsigned mib, unsigned seed, unsigned step_by) {
    const Start start = used(options, mib);
    for (unsigned cut = 1 + seed % step_by;; cut += step_by) {
        INFO("seed " << seed << ", cut at " << cut);
        Random random{cut};
        const Start left = cut_off(start, seed, cut, random);
        if (left.medium.empty()) break;
        check(left);
    }
}

// What is written through must be there whole or not at all: commit blocks and superblocks.
void try_cuts_through(const std::string& options, unsigned mib, unsigned seed) {
    constexpr unsigned tries = 4;
    const Start start = used(options, mib);
    std::vector<unsigned> through;
    {
        World world(start.medium);
        std::vector<State> states = start.states;
        REQUIRE_FALSE(run_until(world, states, seed, 0));
        through = world.disk.through;
    }
    Random random{seed};
    for (unsigned n = 0; n < through.size() * tries; ++n) {
        INFO("seed " << seed << ", cut at " << through[n / tries]);
        check(cut_off(start, seed, through[n / tries], random));
    }
}

// The power fails at each write and flush of a mount that replays, and of the first work after it.
void try_second_cuts(const std::string& options, unsigned mib, unsigned seed) {
    constexpr unsigned first_cuts = 3, second_cuts = 30;
    const Start clean = used(options, mib);
    Random random{seed};
    for (unsigned first = 0; first < first_cuts; ++first) {
        const unsigned cut = 20 + random() % 80;
        const Start left = cut_off(clean, seed, cut, random);
        REQUIRE(!left.medium.empty());
        for (unsigned second = 0; second < second_cuts; ++second) {
            INFO("seed " << seed << ", cuts at " << cut << " and " << 1 + second);
            const Start end = cut_off(left, second, 1 + second, random);
            if (!end.medium.empty()) check(end);
        }
    }
}

}  // namespace

TEST_CASE("power cut: blocks of 4 KiB, checksums, 64 bit") { try_all_cuts("-b 4096 -O 64bit,metadata_csum -J size=4", 16, 1, 4); }
TEST_CASE("power cut: blocks of 1 KiB, no checksums") { try_all_cuts("-b 1024 -O ^64bit,^metadata_csum -J size=1", 8, 2, 9); }
TEST_CASE("power cut: blocks of 1 KiB, checksums, 64 bit") { try_all_cuts("-b 1024 -O 64bit,metadata_csum -J size=1", 8, 3, 11); }
TEST_CASE("power cut: what is written through, 4 KiB, checksums") {
    try_cuts_through("-b 4096 -O 64bit,metadata_csum -J size=4", 16, 7);
}
TEST_CASE("power cut: what is written through, 1 KiB, checksums") {
    try_cuts_through("-b 1024 -O 64bit,metadata_csum -J size=1", 8, 8);
}
TEST_CASE("power cut: during a mount, 4 KiB, checksums") { try_second_cuts("-b 4096 -O 64bit,metadata_csum -J size=4", 16, 4); }
TEST_CASE("power cut: during a mount, 1 KiB, checksums") { try_second_cuts("-b 1024 -O 64bit,metadata_csum -J size=1", 8, 5); }
TEST_CASE("power cut: during a mount, 1 KiB, no checksums") {
    try_second_cuts("-b 1024 -O ^64bit,^metadata_csum -J size=1", 8, 6);
}
