#include <servers/guardian/policy.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace ant::guardian_server;
using namespace ant::guardian_server::policy;

namespace {

// A slot whose processes fail some time after they were started; the guardian starts the next one as soon as it may.
struct Life {
    SlotRecord slot{};
    std::uint64_t now = 1000 * millisecond;
    std::uint64_t served = 0;

    // -> the pause before the next process
    std::uint64_t fails_after(std::uint64_t life_ns, bool on_purpose = false, std::uint64_t unnoticed_ns = 0) {
        now += life_ns;
        failed(slot, {now, unnoticed_ns, served, on_purpose});
        return revived();
    }
    std::uint64_t revived() {
        const std::uint64_t pause = slot.retry_ns > now ? slot.retry_ns - now : 0;
        now += pause;
        slot.revived_ns = now;
        slot.served = served;
        return pause;
    }
};

}  // namespace

TEST_CASE("the first failures are repaired at once, then the pause doubles", "[guardian]") {
    Life life;
    CHECK(life.fails_after(millisecond) == 0);  // the first process has lived since boot
    for (unsigned i = 0; i < free_failures; ++i) CHECK(life.fails_after(millisecond) == 0);
    std::vector<std::uint64_t> pauses;
    for (unsigned i = 0; i < 9; ++i) pauses.push_back(life.fails_after(millisecond) / millisecond);
    CHECK(pauses == std::vector<std::uint64_t>{10, 20, 40, 80, 160, 320, 640, 1000, 1000});
}

TEST_CASE("a slot that never works is given up, after a while", "[guardian]") {
    Life life;
    const std::uint64_t begin = life.now;
    unsigned failures = 0;
    while (!hopeless(life.slot)) {
        life.fails_after(millisecond);
        ++failures;
    }
    CHECK(failures == most_failures + 1);
    CHECK(life.now - begin > 10'000 * millisecond);
}

TEST_CASE("the state is blamed before a slot is given up, and trusted again after good time", "[guardian]") {
    Life life;
    while (life.slot.streak < distrustful_failures) {
        CHECK(!distrusts_state(life.slot));
        life.fails_after(millisecond);
    }
    CHECK(distrusts_state(life.slot));
    CHECK(!hopeless(life.slot));
    life.fails_after(5 * good_life_ns);
    CHECK(!distrusts_state(life.slot));
}

TEST_CASE("a failure every 100 ms is no crash loop", "[guardian]") {
    Life life;
    for (unsigned i = 0; i < 1000; ++i) CHECK(life.fails_after(100 * millisecond) == 0);
    CHECK(life.slot.streak == 0);
}

TEST_CASE("a server that served is no crash loop, however short its life", "[guardian]") {
    Life life;
    for (unsigned i = 0; i < 1000; ++i) {
        life.served += good_calls;
        CHECK(life.fails_after(millisecond) == 0);
    }
}

TEST_CASE("what somebody does to a server on purpose does not count", "[guardian]") {
    Life life;
    for (unsigned i = 0; i < 1000; ++i) CHECK(life.fails_after(millisecond, true) == 0);
    CHECK(!hopeless(life.slot));
}

TEST_CASE("the time in which a hang was not noticed is no good time", "[guardian]") {
    Life life;
    life.fails_after(millisecond);
    for (unsigned i = 0; i < most_failures; ++i) life.fails_after(200 * millisecond, false, 200 * millisecond);
    CHECK(hopeless(life.slot));
}

TEST_CASE("good time makes up for failures before it", "[guardian]") {
    Life life;
    for (unsigned i = 0; i < 12; ++i) life.fails_after(millisecond);
    CHECK(life.slot.streak == 11);
    CHECK(life.fails_after(5 * good_life_ns) == 0);
    CHECK(life.slot.streak == 6);
    CHECK(life.fails_after(100 * good_life_ns) == 0);
    CHECK(life.slot.streak == 0);
}

TEST_CASE("a process that does not get as far as its slot counts", "[guardian]") {
    Life life;
    while (!hopeless(life.slot)) {
        not_started(life.slot, life.now);
        life.revived();
    }
    CHECK(life.slot.streak == most_failures);
}

TEST_CASE("probation ends with time, or when there is nothing to go back to", "[guardian]") {
    SlotRecord slot{};
    slot.probation_until_ns = 100;
    CHECK(!on_probation(slot, 50));
    slot.previous = 3;
    CHECK(on_probation(slot, 50));
    CHECK(!on_probation(slot, 100));
}
