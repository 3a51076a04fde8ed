#include "drivers/rtl8139/classic.hpp"

#include "rtl8139_fixture.hpp"

using namespace rtl8139;
using namespace rtl8139::test;

namespace {
struct ClassicMachine : Machine<> {
    ClassicMachine() : Machine{true} {}
};
}  // namespace

TEST_CASE("classic mode is used where the chip is not a C+, or on demand", "[rtl8139][classic]") {
    Arena arena;
    model::Chip chip{Arena::memory()};
    TestHost host{arena};
    auto& state = *reinterpret_cast<StateFormat1*>(arena.take(state_pages));
    DriverOf<StateFormat1> driver{chip, host, state};
    REQUIRE(driver.reset_chip());
    SECTION("an older chip") {
        chip.version = 0x7400'0000;
        REQUIRE(driver.start(false) == Error::none);
        CHECK(state.mode == Mode::classic);
    }
    SECTION("on demand") {
        REQUIRE(driver.start(true) == Error::none);
        CHECK(state.mode == Mode::classic);
    }
    SECTION("a C+") {
        REQUIRE(driver.start(false) == Error::none);
        CHECK(state.mode == Mode::cplus);
    }
}

TEST_CASE("a received frame reaches inet in a page of its own, aligned for its IP header", "[rtl8139][classic]") {
    ClassicMachine m;
    const Bytes frame = frame_of(777, 1);
    REQUIRE(m.chip.receive(frame));
    CHECK(m.chip.line());
    m.interrupts();
    REQUIRE(m.host.frames.size() == 1);
    CHECK(m.host.frames[0] == frame);
    CHECK(m.state.statistics.received_packets == 1);
    CHECK(m.state.statistics.received_bytes == 777);
}

TEST_CASE("frames wrap around the end of the receive ring", "[rtl8139][classic]") {
    ClassicMachine m;
    unsigned sent = 0;
    for (unsigned lap = 0; lap < 200; ++lap) {  // 200 * ~1.5 KB: five laps
        const Bytes frame = frame_of(60 + (lap * 397) % 1455, lap);
        REQUIRE(m.chip.receive(frame));
        ++sent;
        m.interrupts();
        REQUIRE(m.host.frames.size() == sent);
        REQUIRE(m.host.frames.back() == frame);
        m.inputs_done();
    }
    CHECK(m.chip.missed() == 0);
    CHECK(m.state.statistics.receive_errors == 0);
}

TEST_CASE("a full receive ring loses frames, counts them, and recovers", "[rtl8139][classic]") {
    ClassicMachine m;
    unsigned accepted = 0, missed = 0;
    for (unsigned i = 0; i < 60; ++i) (m.chip.receive(frame_of(1514, i)) ? accepted : missed) += 1;
    REQUIRE(missed != 0);
    m.interrupts();
    while (!m.host.inputs.empty()) {
        m.input_done();
        m.interrupts();
    }
    CHECK(m.host.frames.size() == accepted);
    CHECK(m.driver->statistics().missed == missed);
    CHECK(m.state.statistics.receive_overflows >= 1);
    REQUIRE(m.chip.receive(frame_of(100, 99)));
    m.interrupts();
    CHECK(m.host.frames.back() == frame_of(100, 99));
}

TEST_CASE("after a FIFO overflow receiving goes on", "[rtl8139][classic]") {
    ClassicMachine m;
    REQUIRE(m.chip.receive(frame_of(200, 1)));
    m.chip.fifo_overflow();
    m.interrupts();
    REQUIRE(m.chip.receive(frame_of(300, 2)));
    m.interrupts();
    CHECK(m.host.frames.size() == 2);
    CHECK(m.driver->statistics().missed == 1);
    CHECK(m.state.statistics.receive_overflows == 1);
    // inet hears of it once.
    constexpr std::uint32_t link_up = ant::inet::input_flag::link_up, overflow = ant::inet::input_flag::overflow;
    CHECK(m.host.input_flags == std::vector{link_up | overflow, link_up});
}

TEST_CASE("a bad header resets the receiver and nothing else", "[rtl8139][classic]") {
    struct Case {
        const char* what;
        std::uint16_t status, length;
    };
    const auto c =
        GENERATE(Case{"runt", receive_header::ok | receive_header::runt, 64}, Case{"checksum", receive_header::crc_error, 500},
                 Case{"alignment", receive_header::ok | receive_header::alignment_error, 500},
                 Case{"too long", receive_header::ok | receive_header::too_long, 1600},
                 Case{"bad symbol", receive_header::bad_symbol, 200}, Case{"too short for a frame", receive_header::ok, 63},
                 Case{"length zero", receive_header::ok, 0}, Case{"length beyond any frame", receive_header::ok, 1523},
                 Case{"length beyond the ring", receive_header::ok, 0xffef}, Case{"not received well", 0, 500});
    INFO(c.what);
    ClassicMachine m;
    REQUIRE(m.chip.receive(frame_of(100, 1)));
    m.interrupts();
    REQUIRE(m.chip.receive_with_header(frame_of(500, 2), c.status, c.length));
    m.interrupts();
    CHECK(m.host.frames.size() == 1);
    CHECK(m.chip.receiver_resets == 1);
    CHECK(m.chip.resets == 1);  // of the start
    CHECK(m.state.statistics.receive_errors == 1);
    for (unsigned i = 0; i < 3; ++i) REQUIRE(m.chip.receive(frame_of(600 + i, 3 + i)));
    m.interrupts();
    REQUIRE(m.host.frames.size() == 4);
    CHECK(m.host.frames.back() == frame_of(602, 5));
}

TEST_CASE("good frames in front of a bad header are delivered first", "[rtl8139][classic]") {
    ClassicMachine m;
    REQUIRE(m.chip.receive(frame_of(100, 1)));
    REQUIRE(m.chip.receive(frame_of(200, 2)));
    REQUIRE(m.chip.receive_with_header(frame_of(500, 3), receive_header::ok, 7));
    m.interrupts();
    CHECK(m.host.frames.size() == 2);
    CHECK(m.chip.receiver_resets == 1);
}

TEST_CASE("a frame that the chip is still moving is left alone", "[rtl8139][classic]") {
    ClassicMachine m;
    REQUIRE(m.chip.receive_with_header(frame_of(500, 3), receive_header::ok, receive_header::unfinished));
    m.interrupts();
    CHECK(m.host.frames.empty());
    CHECK(m.chip.receiver_resets == 0);
}

TEST_CASE("packets are gathered, padded with zeroes, and answered after the copy", "[rtl8139][classic]") {
    ClassicMachine m;
    m.chip.hold_transmits = true;
    TransmitCall call{m.arena};
    call.packet(frame_of(14, 1)).packet(frame_of(1514, 2), 3).packet(frame_of(61, 3), 2);
    const auto result = m.driver->transmit(call.call());
    CHECK_FALSE(result.deferred);
    CHECK(result.error == Error::none);
    CHECK(result.value == 3);
    m.chip.transmit_some(4);
    REQUIRE(m.chip.sent.size() == 3);
    Bytes padded = frame_of(14, 1);
    padded.resize(minimum_frame, 0);
    CHECK(m.chip.sent[0].frame == padded);
    CHECK(m.chip.sent[1].frame == call.packets()[1]);
    CHECK(m.chip.sent[2].frame == call.packets()[2]);
}

TEST_CASE("calls wait, in order, while all four slots are in use", "[rtl8139][classic]") {
    ClassicMachine m;
    m.chip.hold_transmits = true;
    TransmitCall first{m.arena}, second{m.arena}, third{m.arena};
    for (unsigned i = 0; i < 3; ++i) first.packet(frame_of(100 + i, i));
    for (unsigned i = 0; i < 3; ++i) second.packet(frame_of(200 + i, i));
    third.packet(frame_of(300, 9));
    CHECK_FALSE(m.driver->transmit(first.call()).deferred);
    CHECK(m.driver->transmit(second.call()).deferred);  // one packet fits
    CHECK(m.driver->transmit(third.call()).deferred);
    CHECK(m.host.answers.empty());
    m.chip.transmit_some(1);
    m.interrupts();
    CHECK(m.host.answers.empty());
    m.chip.transmit_some(1);
    m.interrupts();
    CHECK(m.host.answers.count(second.control()) == 1);
    CHECK(m.host.answers.count(third.control()) == 0);
    for (unsigned i = 0; i < 8; ++i) {
        m.chip.transmit_some(1);
        m.interrupts();
    }
    REQUIRE(m.host.answers.count(third.control()) == 1);
    CHECK(m.host.answers[second.control()].value == 3);
    REQUIRE(m.chip.sent.size() == 7);
    CHECK(m.chip.sent[5].frame == second.packets()[2]);
    CHECK(m.chip.sent[6].frame == third.packets()[0]);
    CHECK(m.state.statistics.transmitted_packets == 7);
}

TEST_CASE("transmit errors are counted, and an aborted packet is tried again", "[rtl8139][classic]") {
    ClassicMachine m;
    TransmitCall call{m.arena};
    call.packet(frame_of(100, 1));
    SECTION("underrun") {
        m.chip.next_transmit_error = transmit_status::underrun;
        REQUIRE(m.driver->transmit(call.call()).value == 1);
        m.interrupts();
        CHECK(m.state.statistics.transmit_errors == 1);
    }
    SECTION("abort") {
        m.chip.hold_transmits = true;
        m.chip.next_transmit_error = transmit_status::aborted;
        REQUIRE(m.driver->transmit(call.call()).value == 1);
        m.chip.transmit_some(1);
        CHECK(m.chip.sent.empty());
        m.interrupts();
        m.chip.transmit_some(1);
        m.interrupts();
        CHECK(m.chip.sent.size() == 1);
        CHECK(m.state.statistics.transmit_errors == 1);
    }
    CHECK(m.state.transmit_done == m.state.transmit_next);
}

TEST_CASE("offloads and oversize packets are refused in classic mode", "[rtl8139][classic]") {
    ClassicMachine m;
    TransmitCall call{m.arena};
    SECTION("checksum") { call.packet(frame_of(100, 1), 1, ant::nic::fragment_flag::ip_checksum); }
    SECTION("large send") { call.packet(frame_of(9000, 1), 1, ant::nic::fragment_flag::large_send, 1460); }
    SECTION("oversize") { call.packet(frame_of(1519, 1)); }
    CHECK(m.driver->transmit(call.call()).error == Error::invalid_argument);
    CHECK(m.chip.sent.empty());
}

TEST_CASE("changing to promiscuous reception empties the ring first", "[rtl8139][classic]") {
    ClassicMachine m;
    for (unsigned i = 0; i < 5; ++i) REQUIRE(m.chip.receive(frame_of(300, i)));
    m.driver->set_filter({~0ull, true});
    CHECK(m.host.frames.size() == 5);
    Bytes other = frame_of(200, 7);
    other[5] ^= 1;
    REQUIRE(m.chip.receive(other));
    m.interrupts();
    CHECK(m.host.frames.back() == other);
}
