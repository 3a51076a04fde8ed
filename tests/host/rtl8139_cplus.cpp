#include "drivers/rtl8139/descriptor_rings.hpp"

#include "rtl8139_fixture.hpp"

using namespace rtl8139;
using namespace rtl8139::test;
namespace fragment_flag = ant::nic::fragment_flag;

TEST_CASE("received pages move to inet and come back into the ring", "[rtl8139][cplus]") {
    Machine<> m;
    for (unsigned i = 0; i < 1000; ++i) {
        const Bytes frame = frame_of(60 + i, i);
        REQUIRE(m.chip.receive(frame));
        m.interrupts();
        REQUIRE(m.host.frames.back() == frame);
        m.check_pages();
        m.inputs_done();
    }
    CHECK(m.host.frames.size() == 1000);
    CHECK(m.state.statistics.received_packets == 1000);
    CHECK(m.chip.missed() == 0);
}

TEST_CASE("up to 32 frames go with one call", "[rtl8139][cplus]") {
    Machine<> m;
    for (unsigned i = 0; i < 50; ++i) REQUIRE(m.chip.receive(frame_of(300 + i, i)));
    m.interrupts();
    REQUIRE(m.host.inputs.size() == 2);
    CHECK(m.host.inputs[0].size() == 32);
    CHECK(m.host.inputs[1].size() == 18);
    for (unsigned i = 0; i < 50; ++i) CHECK(m.host.frames[i] == frame_of(300 + i, i));
}

TEST_CASE("short frames are copied into the call, as many as it has room for, and their pages stay", "[rtl8139][cplus]") {
    const bool classic = GENERATE(false, true);
    Machine<> m{classic};
    for (unsigned i = 0; i < 20; ++i) REQUIRE(m.chip.receive(frame_of(256, i)));
    m.interrupts();
    REQUIRE(m.host.inputs.size() == 1);
    CHECK(m.host.inputs[0].size() == 10);
    REQUIRE(m.host.frames.size() == 20);
    for (unsigned i = 0; i < 20; ++i) CHECK(m.host.frames[i] == frame_of(256, i));
    m.check_pages();
    m.input_done();
    for (unsigned i = 0; i < 32; ++i) REQUIRE(m.chip.receive(frame_of(i % 3 == 1 ? 300 : 64 + i % 7, i)));
    m.interrupts();
    REQUIRE(m.host.inputs.size() == 1);
    CHECK(m.host.inputs[0].size() == 11);
    REQUIRE(m.host.frames.size() == 52);
    for (unsigned i = 0; i < 32; ++i) CHECK(m.host.frames[20 + i] == frame_of(i % 3 == 1 ? 300 : 64 + i % 7, i));
    m.check_pages();
}

TEST_CASE("while inet is behind, frames stay in the ring and receive interrupts are off", "[rtl8139][cplus]") {
    Machine<> m;
    unsigned accepted = 0, missed = 0;
    for (unsigned i = 0; i < 200; ++i) {
        (m.chip.receive(frame_of(64 + i, i)) ? accepted : missed) += 1;
        m.interrupts();
    }
    CHECK(m.host.inputs.size() == maximum_inputs);
    CHECK(accepted == maximum_inputs + cplus::ring_entries);
    CHECK_FALSE(m.chip.line());
    while (!m.host.inputs.empty()) {
        m.input_done();
        m.interrupts();
    }
    CHECK(m.host.frames.size() == accepted);
    CHECK(m.driver->statistics().missed == missed);
    CHECK(m.state.statistics.dropped == 0);
    REQUIRE(m.chip.receive(frame_of(99, 1)));
    CHECK(m.chip.line());
}

TEST_CASE("a full queue at inet delays frames, and they are delivered later", "[rtl8139][cplus]") {
    const bool classic = GENERATE(false, true);
    Machine<> m{classic};
    m.host.deliver_error = Error::queue_full;
    for (unsigned i = 0; i < 20; ++i) REQUIRE(m.chip.receive(frame_of(100, i)));
    m.interrupts();
    CHECK(m.host.frames.empty());
    CHECK(m.driver->before_receive() == retry_us);
    m.check_pages();
    m.host.deliver_error = Error::none;
    m.host.clock += retry_us;
    CHECK(m.driver->before_receive() == probe_us);
    REQUIRE(m.host.frames.size() == 20);
    CHECK(m.host.frames[19] == frame_of(100, 19));
}

TEST_CASE("without memory frames are dropped and counted, and pages are used again", "[rtl8139][cplus]") {
    const bool classic = GENERATE(false, true);
    Machine<> m{classic};
    REQUIRE(m.chip.receive(frame_of(400, 0)));
    m.interrupts();
    m.arena.exhausted = true;
    const std::uint32_t reserve = m.state.reserve_count;
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < 40; ++i) REQUIRE(m.chip.receive(frame_of(400, i)));
        m.interrupts();
        while (!m.host.inputs.empty()) m.input_done(0);  // inet keeps all
        m.interrupts();
    }
    CHECK(m.state.statistics.dropped == 120 - reserve);
    m.arena.exhausted = false;
    REQUIRE(m.chip.receive(frame_of(500, 5)));
    m.interrupts();
    CHECK(m.host.frames.back() == frame_of(500, 5));
    m.check_pages();
}

TEST_CASE("frames with errors are skipped", "[rtl8139][cplus]") {
    Machine<> m;
    REQUIRE(m.chip.receive(frame_of(100, 1)));
    REQUIRE(m.chip.receive(frame_of(200, 2), descriptor::receive_error | descriptor::crc_error));
    REQUIRE(m.chip.receive(frame_of(1600, 3)));  // longer than Ethernet allows
    REQUIRE(m.chip.receive(frame_of(300, 4)));
    m.interrupts();
    REQUIRE(m.host.frames.size() == 2);
    CHECK(m.host.frames[1] == frame_of(300, 4));
    CHECK(m.state.statistics.receive_errors == 2);
    CHECK(m.chip.resets == 1);
}

TEST_CASE("a frame in several descriptors is not taken for a whole one", "[rtl8139][cplus]") {
    Machine<> m;
    auto* ring = reinterpret_cast<Descriptor*>(m.state.areas.rings);
    REQUIRE(m.chip.receive(frame_of(100, 1)));
    REQUIRE(m.chip.receive(frame_of(100, 2)));
    ring[0].status &= ~descriptor::last;
    ring[1].status &= ~descriptor::first;
    m.interrupts();
    CHECK(m.host.frames.empty());
    CHECK(m.state.statistics.receive_errors == 2);
}

TEST_CASE("the chip's word on checksums is passed on, per protocol", "[rtl8139][cplus]") {
    Machine<> m;
    using namespace ant::inet::frame_flag;
    const std::uint32_t tcp = 1u << descriptor::protocol_shift, udp = 2u << descriptor::protocol_shift,
                        ip = 3u << descriptor::protocol_shift;
    const struct {
        std::uint32_t status, flags;
    } cases[] = {{0, 0},
                 {tcp, ip_checksum_good | transport_checksum_good},
                 {tcp | descriptor::tcp_bad, ip_checksum_good},
                 {tcp | descriptor::udp_bad, ip_checksum_good | transport_checksum_good},
                 {udp, ip_checksum_good | transport_checksum_good},
                 {udp | descriptor::udp_bad, ip_checksum_good},
                 {ip, ip_checksum_good},
                 {ip | descriptor::ip_bad, 0},
                 {tcp | descriptor::ip_bad, 0}};
    for (const auto& c : cases) {
        REQUIRE(m.chip.receive(frame_of(100, 1), c.status));
        m.interrupts();
        m.inputs_done();
        CHECK(m.host.frame_flags.back() == c.flags);
    }
}

TEST_CASE("packets are sent from where they lie, and answered when the chip has sent them", "[rtl8139][cplus]") {
    Machine<> m;
    m.chip.hold_transmits = true;
    TransmitCall call{m.arena};
    call.packet(frame_of(1514, 1), 4).packet(frame_of(60, 2)).packet(frame_of(700, 3), 7);
    CHECK(m.driver->transmit(call.call()).deferred);
    CHECK(m.chip.polls == 1);
    m.chip.transmit_some(5);
    m.interrupts();
    CHECK(m.host.answers.empty());
    m.chip.transmit_some(20);
    m.interrupts();
    REQUIRE(m.host.answers.count(call.control()) == 1);
    CHECK(m.host.answers[call.control()].value == 3);
    REQUIRE(m.chip.sent.size() == 3);
    for (unsigned i = 0; i < 3; ++i) CHECK(m.chip.sent[i].frame == call.packets()[i]);
    CHECK(m.state.statistics.transmitted_packets == 3);
    CHECK(m.state.statistics.transmitted_bytes == 1514 + 60 + 700);
}

TEST_CASE("what lies in the call is sent from the driver's own memory", "[rtl8139]") {
    const bool classic = GENERATE(false, true);
    Machine<> m{classic};
    m.chip.hold_transmits = true;
    const Bytes header_and_bytes = frame_of(54 + 1024, 1), all_in_call = frame_of(100, 2);
    TransmitCall mixed{m.arena}, small{m.arena};
    mixed.packet(header_and_bytes, 10).short_ones_in_call();
    small.packet(all_in_call).short_ones_in_call().entries().clear();
    for (TransmitCall* call : {&mixed, &small}) {
        const auto result = m.driver->transmit(call->call());
        CHECK(result.deferred == !classic);
    }
    m.chip.transmit_some(20);
    m.interrupts();
    REQUIRE(m.chip.sent.size() == 2);
    CHECK(m.chip.sent[0].frame == header_and_bytes);
    CHECK(m.chip.sent[1].frame == all_in_call);
}

TEST_CASE("a call that is sent at once is answered at once, with no transmit interrupt", "[rtl8139][cplus]") {
    Machine<> m;
    TransmitCall call{m.arena};
    call.packet(frame_of(1000, 1), 2);
    const auto result = m.driver->transmit(call.call());
    CHECK_FALSE(result.deferred);
    CHECK(result.value == 1);
    CHECK_FALSE(m.chip.line());
    CHECK(m.host.answers.empty());
}

TEST_CASE("the offloads asked for are in the descriptors", "[rtl8139][cplus]") {
    Machine<> m;
    TransmitCall call{m.arena};
    call.packet(frame_of(100, 1), 2, fragment_flag::ip_checksum | fragment_flag::tcp_checksum);
    call.packet(frame_of(100, 2), 1, fragment_flag::ip_checksum | fragment_flag::udp_checksum);
    call.packet(frame_of(9000, 3), 3, fragment_flag::large_send | fragment_flag::ip_checksum | fragment_flag::tcp_checksum, 1460);
    REQUIRE(m.driver->transmit(call.call()).value == 3);
    const std::uint32_t mask = descriptor::large_send | descriptor::segment_mask << descriptor::segment_shift;
    CHECK((m.chip.sent[0].flags & mask) == (descriptor::ip_checksum | descriptor::tcp_checksum));
    CHECK((m.chip.sent[1].flags & mask) == (descriptor::ip_checksum | descriptor::udp_checksum));
    CHECK((m.chip.sent[2].flags & mask) == (descriptor::large_send | 1460u << descriptor::segment_shift));
    CHECK(m.chip.sent[2].frame == call.packets()[2]);
}

TEST_CASE("calls wait, in order, while the transmit ring is full", "[rtl8139][cplus]") {
    Machine<> m;
    m.chip.hold_transmits = true;
    std::vector<std::unique_ptr<TransmitCall>> calls;
    for (unsigned i = 0; i < 12; ++i) {
        calls.push_back(std::make_unique<TransmitCall>(m.arena));
        for (unsigned k = 0; k < 5; ++k) calls[i]->packet(frame_of(100 + 10 * i + k, i), 3);
        CHECK(m.driver->transmit(calls[i]->call()).deferred);
    }
    std::size_t answered = 0;
    for (unsigned step = 0; step < 200; ++step) {
        m.chip.transmit_some(1 + step % 7);
        m.interrupts();
        while (answered < calls.size() && m.host.answers.count(calls[answered]->control()) != 0) ++answered;
        REQUIRE(m.host.answers.size() == answered);  // none out of order
    }
    CHECK(answered == calls.size());
    REQUIRE(m.chip.sent.size() == 60);
    for (unsigned i = 0; i < 60; ++i) CHECK(m.chip.sent[i].frame == calls[i / 5]->packets()[i % 5]);
}

TEST_CASE("more calls than can wait are told that the queue is full", "[rtl8139][cplus]") {
    Machine<> m;
    m.chip.hold_transmits = true;
    std::vector<std::unique_ptr<TransmitCall>> calls;
    for (unsigned i = 0; i <= maximum_calls; ++i) {
        calls.push_back(std::make_unique<TransmitCall>(m.arena, 1));
        calls[i]->packet(frame_of(60, i));
        const auto result = m.driver->transmit(calls[i]->call());
        CHECK(result.deferred == (i < maximum_calls));
        if (i == maximum_calls) CHECK(result.error == Error::queue_full);
    }
    for (unsigned i = 0; i < 10; ++i) {
        m.chip.transmit_some(64);
        m.interrupts();
    }
    CHECK(m.host.answers.size() == maximum_calls);
}

TEST_CASE("transmit errors are counted per packet", "[rtl8139][cplus]") {
    Machine<> m;
    m.chip.next_transmit_error = descriptor::transmit_errors;
    TransmitCall call{m.arena};
    call.packet(frame_of(100, 1), 3).packet(frame_of(100, 2), 3);
    CHECK(m.driver->transmit(call.call()).value == 2);
    CHECK(m.state.statistics.transmit_errors == 1);
}
