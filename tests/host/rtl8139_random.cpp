// Random interleavings of frames, packets, answers, held transmitters, busy inets and replacements, with
// every byte compared and every page accounted for.
#include "drivers/rtl8139/driver.hpp"

#include "rtl8139_fixture.hpp"

#include <cstdlib>

using namespace rtl8139;
using namespace rtl8139::test;

namespace {

class Run {
public:
    Run(bool classic, std::uint64_t seed) : machine_{classic}, random_{seed} {}

    void steps(unsigned count) {
        machine_.chip.hold_transmits = true;
        for (unsigned i = 0; i < count; ++i) {
            step();
            if (i % 64 == 0) machine_.check_pages();
        }
        finish();
        compare();
    }

private:
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

    void step() {
        switch (below(12)) {
            case 0:
            case 1:
            case 2:
                return arrive();
            case 3:
            case 4:
                return send();
            case 5:
            case 6:
                return machine_.chip.transmit_some(static_cast<unsigned>(below(20)));
            case 7:
            case 8:
                return interrupt();
            case 9:
                return input_done();
            case 10:
                return trouble();
            default:
                return replace();
        }
    }
    void arrive() {
        for (std::uint64_t burst = 1 + below(12); burst > 0; --burst) {
            Bytes frame = frame_of(60 + below(1455), ++seed_);
            if (machine_.chip.receive(frame)) accepted_.push_back(std::move(frame));
        }
    }
    void send() {
        auto call = std::make_unique<TransmitCall>(machine_.arena);
        for (std::uint64_t packets = 1 + below(6); packets > 0; --packets)
            call->packet(frame_of(60 + below(1455), ++seed_), 1 + below(8));
        if (below(2) == 0) call->short_ones_in_call();
        const auto result = machine_.driver->transmit(call->call());
        REQUIRE((result.error == Error::none || result.error == Error::queue_full));
        if (result.error != Error::none) return;
        for (const Bytes& packet : call->packets()) posted_.push_back(packet);
        if (result.deferred)
            open_.push_back(std::move(call));
        else
            REQUIRE(result.value == static_cast<std::int64_t>(call->packets().size()));
    }
    void interrupt() {
        if (machine_.chip.line()) machine_.driver->interrupt();
        receive();
    }
    void receive() {
        (void)machine_.settle();
        while (!open_.empty()) {
            const auto answer = machine_.host.answers.find(open_.front()->control());
            if (answer == machine_.host.answers.end()) break;
            REQUIRE(answer->second.error == Error::none);
            REQUIRE(answer->second.value == static_cast<std::int64_t>(open_.front()->packets().size()));
            machine_.host.answers.erase(answer);
            open_.pop_front();
        }
        REQUIRE(machine_.host.answers.empty());  // none out of order
    }
    void input_done() {
        if (!machine_.host.inputs.empty()) machine_.input_done(below(40));
        receive();
    }
    void trouble() {
        machine_.host.clock += below(3'000);
        machine_.host.deliver_error = below(3) == 0 ? Error::queue_full : Error::none;
        if (below(8) == 0) machine_.chip.fifo_overflow(), ++overflows_;
    }
    // Old driver away, state through the other layout and back, new driver.
    void replace() {
        machine_.driver.reset();
        if (below(2) == 0) {
            REQUIRE(adopt_state(machine_.state_area, second_) != nullptr);
            REQUIRE(adopt_state(machine_.state_area, first_) != nullptr);
        }
        machine_.driver = std::make_unique<DriverOf<StateFormat1>>(machine_.chip, machine_.host, machine_.state);
        machine_.driver->resume();
    }
    void finish() {
        machine_.host.deliver_error = Error::none;
        for (unsigned i = 0; i < 400; ++i) {
            machine_.host.clock += retry_us;
            machine_.chip.transmit_some(16);
            interrupt();
            input_done();
        }
    }
    void compare() {
        CHECK(open_.empty());
        REQUIRE(machine_.chip.sent.size() == posted_.size());
        for (std::size_t i = 0; i < posted_.size(); ++i) REQUIRE(machine_.chip.sent[i].frame == posted_[i]);
        REQUIRE(machine_.host.frames.size() == accepted_.size());
        for (std::size_t i = 0; i < accepted_.size(); ++i) REQUIRE(machine_.host.frames[i] == accepted_[i]);
        const auto statistics = machine_.driver->statistics();
        CHECK(statistics.transmitted_packets == posted_.size());
        CHECK(statistics.received_packets == accepted_.size());
        CHECK(statistics.missed == machine_.chip.missed());
        CHECK(statistics.dropped == 0);
        CHECK(statistics.receive_errors == 0);
        CHECK(machine_.chip.resets == 1);
        CHECK(machine_.chip.receiver_resets == 0);
        machine_.check_pages();
    }

    Machine<> machine_;
    std::mt19937_64 random_;
    StateFormat1 first_{};
    StateFormat2 second_{};
    unsigned seed_ = 0;
    unsigned overflows_ = 0;
    std::vector<Bytes> accepted_, posted_;
    std::deque<std::unique_ptr<TransmitCall>> open_;
};

void explore(bool classic) {
    const char* given = std::getenv("ANT_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    for (std::uint64_t i = 0; i < 10; ++i) {
        INFO("ANT_SEED=" << seed + i);
        Run{classic, seed + i}.steps(4'000);
    }
    WARN("seeds " << seed << ".." << seed + 9);
}

}  // namespace

TEST_CASE("random work on descriptor rings loses, repeats and reorders nothing", "[rtl8139][random]") { explore(false); }
TEST_CASE("random work in classic mode loses, repeats and reorders nothing", "[rtl8139][random]") { explore(true); }
