// The driver ends at every point where it meets its surroundings: before and after each access to a register and
// each system call, also while it recovers from the crash before. Each time the next driver starts as main.cpp starts
// it after a failure, and the "core" delivers its calls again.
#include "rtl8139_fixture.hpp"

using namespace rtl8139;
using namespace rtl8139::test;

namespace {

struct Crash {};

// Ends the process at the n-th point; 0: never.
struct Countdown {
    unsigned left = 0;
    void point() {
        if (left == 0) return;
        --left;
        if (left == 0) throw Crash{};
    }
};

struct CrashingBus {
    model::Chip& chip;
    Countdown& countdown;
    template <class T>
    T read(Reg<T> r) {
        countdown.point();
        const T value = chip.read(r);
        countdown.point();
        return value;
    }
    template <class T>
    void write(Reg<T> r, T value) {
        countdown.point();
        chip.write(r, value);
        countdown.point();
    }
};

// Knows whose each area is, as the core does.
struct CrashingHost : TestHost {
    Countdown& countdown;
    std::set<std::uint64_t> owned;  // by the driver's slot, beside its state
    CrashingHost(Arena& arena, Countdown& c) : TestHost{arena}, countdown{c} {}

    template <class Effect>
    auto at_points(Effect effect) {
        countdown.point();
        const auto result = effect();
        countdown.point();
        return result;
    }
    std::uint64_t take_area(std::size_t pages) {
        return at_points([&] {
            const std::uint64_t area = TestHost::take_area(pages);
            if (area != 0) owned.insert(area);
            return area;
        });
    }
    void free_area(std::uint64_t address) {
        at_points([&] {
            REQUIRE(owned.erase(address) == 1);
            TestHost::free_area(address);
            return 0;
        });
    }
    Error deliver(const FrameBatch& batch, std::uint32_t flags) {
        return at_points([&] {
            for (unsigned i = 0; i < batch.count(); ++i) REQUIRE(owned.contains(batch.page(i)));
            const Error error = TestHost::deliver(batch, flags);
            for (unsigned i = 0; i < batch.count(); ++i)
                if (error == Error::none && !batch.copied(i)) owned.erase(batch.page(i));
            return error;
        });
    }
    Error attach(const ant::inet::Attach& card) {
        return at_points([&] { return TestHost::attach(card); });
    }
    void answer(std::uint64_t control, Error error, std::int64_t value) {
        at_points([&] {
            TestHost::answer(control, error, value);
            return 0;
        });
    }
    void sweep() {
        for (const std::uint64_t area : owned) arena.release(area);
        owned.clear();
    }
};

using CrashingDriver = Driver<CrashingBus, CrashingHost, StateFormat1>;

struct World {
    Arena arena;
    model::Chip chip{Arena::memory()};
    Countdown countdown;
    CrashingBus bus{chip, countdown};
    CrashingHost host{arena, countdown};
    StateFormat1& state = *reinterpret_cast<StateFormat1*>(arena.take(state_pages));
    std::unique_ptr<CrashingDriver> driver;
    std::vector<std::unique_ptr<TransmitCall>> calls;
    std::vector<TransmitCall*> held;  // delivered and not answered, oldest first
    Settings settings;                // as the card's record has them
    const bool classic;
    unsigned crashes = 0, interrupted_recoveries = 0, accepted = 0;
    std::function<unsigned()> next_crash;  // points until the next one, asked for when a recovery begins

    explicit World(bool c) : classic{c} {
        start();
        attached();
    }
    // What main.cpp does with a card in whatever state.
    void start() {
        driver = std::make_unique<CrashingDriver>(bus, host, state);
        const bool reset = driver->reset_chip();  // not inside of REQUIRE: it would take the crash for its own
        REQUIRE(reset);
        host.sweep();
        chip.bus_master = true;
        const Error error = driver->start(classic, settings);
        REQUIRE(error == Error::none);
    }
    // Runs `step`; a crash in it, or in the recovery, is followed by another recovery.
    template <class Step>
    void run(Step step) {
        try {
            step();
        } catch (const Crash&) {
            recover();
        }
    }
    void recover() {
        for (;;) {
            ++crashes;
            driver.reset();
            chip.bus_master = false;
            REQUIRE_FALSE(chip.receive(frame_of(80, 1)));
            chip.transmit_some(100);
            if (next_crash) countdown.left = next_crash();
            try {
                start();
                redeliver();
                driver->interrupt();  // the core has the next process look at its device
                return;
            } catch (const Crash&) {
                ++interrupted_recoveries;
            }
        }
    }
    void redeliver() {
        forget_answered();
        const auto again = held;
        for (TransmitCall* call : again) transmit(*call);
    }
    void transmit(TransmitCall& call) {
        const auto result = driver->transmit(call.call());
        if (!result.deferred) host.answers[call.control()] = {result.error, result.value};
        forget_answered();
    }
    void forget_answered() {
        std::erase_if(held, [&](TransmitCall* call) { return host.answers.contains(call->control()); });
    }
    void send(unsigned seed) {
        check_answers();
        calls.push_back(std::make_unique<TransmitCall>(arena, 2));
        calls.back()->packet(frame_of(100 + seed, seed), 2).packet(frame_of(200 + seed, seed));
        held.push_back(calls.back().get());
        run([&] { transmit(*calls.back()); });
    }
    void arrive(unsigned seed) {
        accepted += chip.receive(frame_of(300 + seed, seed));
        run([&] {
            if (chip.line()) driver->interrupt();
        });
    }
    void attached() {
        run([&] {
            (void)driver->before_receive();
            if (state.attaching != 0) driver->attached(Error::none);
        });
    }
    // inet's oldest answer, to whichever driver there is: its pages are the slot's already when the driver hears of it.
    void input_done() {
        if (host.inputs.empty()) return;
        const auto pages = host.inputs.front();
        host.inputs.erase(host.inputs.begin());
        host.owned.insert(pages.begin(), pages.end());
        run([&] { driver->delivered(Error::none, pages); });
    }
    void settle() {
        run([&] {
            while (driver->before_receive() == ant::abi::poll) {
            }
            if (chip.line()) driver->interrupt();
        });
    }
    void scenario() {
        for (unsigned i = 0; i < 6; ++i) {
            chip.hold_transmits = i % 2 == 0;
            send(i);
            arrive(i);
            arrive(i + 10);
            settle();
            attached();
            if (i % 2 == 1) input_done();
            chip.transmit_some(3);
            settle();
        }
    }
    void finish() {
        countdown.left = 0;
        chip.hold_transmits = false;
        for (unsigned i = 0; i < 10; ++i) {
            chip.transmit_some(100);
            settle();
            attached();
            while (!host.inputs.empty()) input_done();
        }
        forget_answered();
    }
    // A call is answered once, as it should be, and then over.
    void check_answers() {
        forget_answered();
        std::erase_if(calls, [&](const auto& call) {
            const auto answer = host.answers.extract(call->control());
            if (answer.empty()) return false;
            REQUIRE(answer.mapped().error == Error::none);
            REQUIRE(answer.mapped().value == 2);
            return true;
        });
    }
    void check() {
        check_answers();
        REQUIRE(calls.empty());
        // Frames flow in both directions.
        const std::size_t received = host.frames.size(), sent = chip.sent.size();
        send(50);
        arrive(51);
        finish();
        REQUIRE(chip.sent.size() == sent + 2);
        REQUIRE(host.frames.size() == received + 1);
        REQUIRE(host.frames.back() == frame_of(351, 51));
        // Every area that the slot owns has exactly one use, and nothing else is left.
        std::set<std::uint64_t> used;
        const auto use = [&](std::uint64_t area) { REQUIRE(used.insert(area).second); };
        if (state.areas.rings != 0) use(state.areas.rings);
        if (state.areas.receive_buffer != 0) use(state.areas.receive_buffer);
        if (state.areas.transmit_buffer != 0) use(state.areas.transmit_buffer);
        if (state.mode == Mode::cplus)
            for (const auto page : state.page) use(page);
        for (unsigned i = 0; i < state.reserve_count; ++i) use(state.reserve[i]);
        REQUIRE(used == host.owned);
        check_answers();
        REQUIRE(arena.areas() == 1 + used.size());
    }
};

}  // namespace

TEST_CASE("a driver that ends at any point is followed by one that goes on", "[rtl8139][crash]") {
    const bool classic = GENERATE(false, true);
    unsigned crashed = 0;
    for (unsigned point = 1;; ++point) {
        World world{classic};
        world.countdown.left = point;
        world.scenario();
        const bool reached = world.countdown.left == 0;
        world.finish();
        REQUIRE(world.crashes == (reached ? 1 : 0));
        crashed += world.crashes;
        world.check();
        if (!reached) break;
    }
    CHECK(crashed > 100);
}

TEST_CASE("a driver that ends again and again, also while it recovers, loses no page and no call", "[rtl8139][crash]") {
    const bool classic = GENERATE(false, true);
    std::minstd_rand random{GENERATE(1u, 2u, 3u)};
    World world{classic};
    world.next_crash = [&]() -> unsigned { return 1 + random() % (random() % 2 == 0 ? 40 : 600); };
    for (unsigned round = 0; round < 200; ++round) {
        world.countdown.left = 1 + random() % 400;
        world.scenario();
    }
    CHECK(world.interrupted_recoveries > 10);
    CHECK(world.crashes > 40);
    world.next_crash = nullptr;
    world.finish();
    world.check();
}

TEST_CASE("settings and counters outlive the driver", "[rtl8139][crash]") {
    World world{GENERATE(false, true)};
    for (unsigned i = 0; i < 5; ++i) world.send(i);
    world.settings = {~std::uint64_t{0}, true};
    world.driver->set_filter(world.settings);
    world.recover();
    CHECK(world.driver->statistics().transmitted_packets == 10);
    Bytes foreign = frame_of(100, 1);
    foreign[3] ^= 1;  // somebody else's address: taken because the card is promiscuous
    CHECK(world.chip.receive(foreign));
    CHECK(world.state.multicast == ~std::uint64_t{0});
}

TEST_CASE("after a failure nothing of the rings is believed", "[rtl8139][crash]") {
    World world{GENERATE(false, true)};
    std::mt19937_64 random{7};
    auto* words = reinterpret_cast<std::uint64_t*>(&world.state);
    for (std::size_t i = sizeof(StatePrefix) / 8; i < sizeof(StateFormat1) / 8; ++i) words[i] = random();
    world.recover();
    world.attached();
    world.check();
}
