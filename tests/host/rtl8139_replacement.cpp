#include "drivers/rtl8139/state_conversion.hpp"

#include "rtl8139_fixture.hpp"

using namespace rtl8139;
using namespace rtl8139::test;

namespace {

// A machine whose driver is replaced, by turns with either layout of the state.
struct Replaceable : Machine<> {
    using Machine::Machine;
    std::unique_ptr<DriverOf<StateFormat2>> other;
    std::unique_ptr<StateFormat1> scratch1 = std::make_unique<StateFormat1>();
    std::unique_ptr<StateFormat2> scratch2 = std::make_unique<StateFormat2>();

    void to_same() {
        driver.reset();
        auto* adopted = adopt_state(state_area, *scratch1);
        REQUIRE(adopted != nullptr);
        driver = std::make_unique<DriverOf<StateFormat1>>(chip, host, *adopted);
        driver->resume();
    }
    void to_second() {
        driver.reset();
        auto* adopted = adopt_state(state_area, *scratch2);
        REQUIRE(adopted != nullptr);
        REQUIRE(adopted->header.format == 2);
        other = std::make_unique<DriverOf<StateFormat2>>(chip, host, *adopted);
        other->resume();
    }
    void back_to_first() {
        other.reset();
        to_same();
    }
    template <class D>
    void serve(D& d) {
        for (unsigned i = 0; i < 100; ++i) {
            if (d.before_receive() == ant::abi::poll) continue;
            if (!chip.line()) return;
            d.interrupt();
        }
        FAIL("never quiet");
    }
};

}  // namespace

TEST_CASE("the layouts of the state convert into each other without loss", "[rtl8139][replacement]") {
    auto first = std::make_unique<StateFormat1>();
    std::mt19937_64 random{42};
    auto* words = reinterpret_cast<std::uint64_t*>(first.get());
    for (std::size_t i = 0; i < sizeof(StateFormat1) / 8; ++i) words[i] = random();
    first->header = {state_magic, 1};
    first->mode = Mode::cplus;
    first->reserve_count = 77;
    first->call_first = 0xffff'fff0;  // the counts run over
    first->call_posted = 5;
    first->call_end = 60;
    first->transmit_done = 0xffff'ffff;
    first->transmit_next = 40;
    auto second = std::make_unique<StateFormat2>();
    auto again = std::make_unique<StateFormat1>();
    convert(*second, *first);
    CHECK(second->conversions == 1);
    convert(*again, *second);
    CHECK(again->header.format == 1);
    const std::size_t scalars = offsetof(StateFormat1, page);
    CHECK(std::memcmp(again.get(), first.get(), scalars) == 0);
    CHECK(std::memcmp(again->page, first->page, sizeof first->page) == 0);
    CHECK(std::memcmp(again->reserve, first->reserve, 77 * sizeof first->reserve[0]) == 0);
    for (std::uint32_t i = first->call_first; i != first->call_end; ++i) {
        const auto& a = again->call[i % maximum_calls];
        const auto& b = first->call[i % maximum_calls];
        CHECK((a.control == b.control && a.end == b.end && a.packets == b.packets && a.next_fragment == b.next_fragment &&
               a.bytes == b.bytes));
    }
}

TEST_CASE("a state that makes no sense is not adopted", "[rtl8139][replacement]") {
    Machine<> m{GENERATE(false, true)};
    auto scratch1 = std::make_unique<StateFormat1>();
    auto scratch2 = std::make_unique<StateFormat2>();
    SECTION("magic") { m.state.header.magic ^= 1; }
    SECTION("format") { m.state.header.format = 3; }
    SECTION("mode") { m.state.mode = static_cast<Mode>(7); }
    SECTION("pages") { m.state.reserve_count = reserve_pages + 1; }
    SECTION("calls") { m.state.call_end = m.state.call_first + maximum_calls + 1; }
    SECTION("posted calls") { m.state.call_posted = m.state.call_first - 1; }
    SECTION("descriptors") { m.state.transmit_next = m.state.transmit_done + 65; }
    CHECK(adopt_state(m.state_area, *scratch1) == nullptr);
    CHECK(adopt_state(m.state_area, *scratch2) == nullptr);
}

TEST_CASE("a replacement resets nothing and finds what came meanwhile", "[rtl8139][replacement]") {
    Replaceable m{GENERATE(false, true)};
    const unsigned resets = m.chip.resets;
    for (unsigned i = 0; i < 10; ++i) REQUIRE(m.chip.receive(frame_of(100 + i, i)));
    m.to_same();
    m.serve(*m.driver);
    CHECK(m.host.frames.size() == 10);
    for (unsigned i = 0; i < 10; ++i) REQUIRE(m.chip.receive(frame_of(200 + i, i)));
    m.to_second();
    m.serve(*m.other);
    CHECK(m.host.frames.size() == 20);
    for (unsigned i = 0; i < 10; ++i) REQUIRE(m.chip.receive(frame_of(300 + i, i)));
    m.back_to_first();
    m.serve(*m.driver);
    REQUIRE(m.host.frames.size() == 30);
    CHECK(m.host.frames[25] == frame_of(305, 5));
    CHECK(m.chip.resets == resets);
    CHECK(m.chip.receiver_resets == 0);
    CHECK(m.state.statistics.received_packets == 30);
    CHECK(m.chip.missed() == 0);
}

TEST_CASE("calls that the old driver held are answered by the new one", "[rtl8139][replacement]") {
    Replaceable m{GENERATE(false, true)};
    m.chip.hold_transmits = true;
    std::vector<std::unique_ptr<TransmitCall>> calls;
    std::size_t deferred = 0;
    for (unsigned i = 0; i < 20; ++i) {
        calls.push_back(std::make_unique<TransmitCall>(m.arena));
        for (unsigned k = 0; k < 3; ++k) calls[i]->packet(frame_of(100 + 10 * i + k, i), 2);
        deferred += m.driver->transmit(calls[i]->call()).deferred;
    }
    m.chip.transmit_some(3);
    m.to_second();
    m.serve(*m.other);
    m.chip.transmit_some(3);
    m.serve(*m.other);
    m.back_to_first();
    for (unsigned i = 0; i < 200; ++i) {
        m.chip.transmit_some(2);
        m.serve(*m.driver);
    }
    CHECK(m.host.answers.size() == deferred);
    for (const auto& [control, answer] : m.host.answers) CHECK((answer.error == Error::none && answer.value == 3));
    REQUIRE(m.chip.sent.size() == 60);
    for (unsigned i = 0; i < 60; ++i) CHECK(m.chip.sent[i].frame == calls[i / 3]->packets()[i % 3]);
    CHECK(m.driver->statistics().transmitted_packets == 60);
}

TEST_CASE("frames that waited for inet when the driver was replaced are delivered by the new one", "[rtl8139][replacement]") {
    Replaceable m{GENERATE(false, true)};
    m.host.deliver_error = Error::queue_full;
    for (unsigned i = 0; i < 5; ++i) REQUIRE(m.chip.receive(frame_of(100, i)));
    m.interrupts();
    m.host.deliver_error = Error::none;
    m.to_second();
    m.serve(*m.other);
    CHECK(m.host.frames.size() == 5);
    REQUIRE(m.chip.receive(frame_of(100, 9)));
    CHECK(m.chip.line());
}

TEST_CASE("results of the old driver's calls to inet reach the new one", "[rtl8139][replacement]") {
    Replaceable m{GENERATE(false, true)};
    for (unsigned i = 0; i < 5; ++i) REQUIRE(m.chip.receive(frame_of(100, i)));
    m.interrupts();
    REQUIRE(m.state.inputs == 1);
    m.to_same();
    m.input_done();
    CHECK(m.state.inputs == 0);
    m.check_pages();
}
