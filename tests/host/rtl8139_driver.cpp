#include "drivers/rtl8139/driver.hpp"

#include "rtl8139_fixture.hpp"

using namespace rtl8139;
using namespace rtl8139::test;

TEST_CASE("a chip that does not come out of reset is an error, in bounded time", "[rtl8139]") {
    Arena arena;
    model::Chip chip{Arena::memory()};
    chip.stuck_in_reset = true;
    TestHost host{arena};
    auto& state = *reinterpret_cast<StateFormat1*>(arena.take(state_pages));
    DriverOf<StateFormat1> driver{chip, host, state};
    CHECK_FALSE(driver.reset_chip());
    CHECK(host.clock < 100'000);
}

TEST_CASE("no memory at the start is an error", "[rtl8139]") {
    Arena arena;
    model::Chip chip{Arena::memory()};
    TestHost host{arena};
    auto& state = *reinterpret_cast<StateFormat1*>(arena.take(state_pages));
    arena.exhausted = true;
    DriverOf<StateFormat1> driver{chip, host, state};
    CHECK(driver.start(GENERATE(false, true)) == Error::no_memory);
}

TEST_CASE("the card's address and abilities are reported", "[rtl8139]") {
    Machine<> m{GENERATE(false, true)};
    const ant::nic::Info info = m.driver->info();
    const std::uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    CHECK(std::memcmp(info.mac, mac, 6) == 0);
    CHECK(info.mtu == 1500);
    CHECK(info.link_up == 1);
    CHECK(info.link_mbit == 100);
    CHECK((info.features != 0) == (m.state.mode == Mode::cplus));
    CHECK(std::memcmp(m.host.attaches[0].mac, mac, 6) == 0);
}

TEST_CASE("attaching is tried again until inet is there, and frames before that are dropped", "[rtl8139]") {
    Machine<> m{GENERATE(false, true), false};
    m.host.attach_error = Error::no_server;
    CHECK(m.driver->before_receive() == attach_retry_us);
    CHECK(m.driver->before_receive() == attach_retry_us);
    REQUIRE(m.chip.receive(frame_of(100, 1)));
    m.driver->interrupt();
    CHECK(m.state.statistics.dropped == 1);
    m.host.clock += attach_retry_us;
    m.host.attach_error = Error::none;
    (void)m.driver->before_receive();
    REQUIRE(m.host.attaches.size() == 1);
    SECTION("refused") {
        m.driver->attached(Error::too_many);
        CHECK(m.driver->before_receive() == attach_retry_us);
        m.host.clock += attach_retry_us;
        (void)m.driver->before_receive();
        CHECK(m.host.attaches.size() == 2);
    }
    SECTION("accepted") {
        REQUIRE(m.chip.receive(frame_of(100, 3)));  // an answer to what inet sent while it attached the card
        m.interrupts();
        CHECK(m.host.frames.size() == 1);
        m.driver->attached(Error::none);
        CHECK(m.driver->before_receive() == probe_us);
        REQUIRE(m.chip.receive(frame_of(100, 2)));
        m.interrupts();
        CHECK(m.host.frames.size() == 2);
    }
}

TEST_CASE("when inet dies the card attaches to the next one", "[rtl8139]") {
    Machine<> m{GENERATE(false, true)};
    SECTION("a call comes back with an error") {
        REQUIRE(m.chip.receive(frame_of(100, 1)));
        m.interrupts();
        m.input_done(0, Error::server_died);
    }
    SECTION("a call is refused") {
        m.host.deliver_error = Error::no_server;
        REQUIRE(m.chip.receive(frame_of(100, 1)));
        m.driver->interrupt();
        CHECK(m.state.statistics.dropped == 1);
        m.host.deliver_error = Error::none;
    }
    m.host.clock += attach_retry_us;
    (void)m.driver->before_receive();
    REQUIRE(m.host.attaches.size() == 2);
    m.driver->attached(Error::none);
    m.host.frames.clear();
    REQUIRE(m.chip.receive(frame_of(100, 2)));
    m.interrupts();
    CHECK(m.host.frames.size() == 1);
    m.check_pages();
}

TEST_CASE("a card without work attaches again, in case inet is a new one", "[rtl8139]") {
    Machine<> m;
    CHECK(m.driver->before_receive() == probe_us);
    CHECK(m.host.attaches.size() == 1);
    SECTION("there is nothing to do for long") {
        CHECK(m.driver->before_receive() == probe_us);
        CHECK(m.host.attaches.size() == 2);
        CHECK(m.driver->before_receive() == probe_us);  // no second one while the first is under way
        CHECK(m.host.attaches.size() == 2);
    }
    SECTION("there is work") {
        REQUIRE(m.chip.receive(frame_of(100, 1)));
        m.driver->interrupt();
        CHECK(m.driver->before_receive() == probe_us);
        m.input_done();
        CHECK(m.driver->before_receive() == probe_us);
        CHECK(m.host.attaches.size() == 1);
    }
    SECTION("inet is gone") {
        m.host.attach_error = Error::no_server;
        CHECK(m.driver->before_receive() == attach_retry_us);
        m.host.clock += attach_retry_us;
        m.host.attach_error = Error::none;
        CHECK(m.driver->before_receive() <= attach_retry_us);
        CHECK(m.host.attaches.size() == 2);
    }
}

TEST_CASE("a change of the link is told to inet", "[rtl8139]") {
    Machine<> m{GENERATE(false, true)};
    m.chip.set_link(false);
    m.interrupts();
    REQUIRE(m.host.attaches.size() == 2);
    CHECK(m.host.attaches[1].link_up == 0);
    CHECK(m.driver->info().link_up == 0);
    m.driver->attached(Error::none);
    m.chip.set_link(true);
    m.interrupts();
    REQUIRE(m.host.attaches.size() == 3);
    CHECK(m.host.attaches[2].link_up == 1);
}

TEST_CASE("multicast frames pass once the filter lets them", "[rtl8139]") {
    Machine<> m{GENERATE(false, true)};
    Bytes frame = frame_of(100, 1);
    frame[0] = 0x01;
    CHECK_FALSE(m.chip.receive(frame));
    m.driver->set_filter({~0ull, false});
    REQUIRE(m.chip.receive(frame));
    m.interrupts();
    CHECK(m.host.frames.size() == 1);
}

TEST_CASE("missed packets are summed without ever clearing the chip's counter", "[rtl8139]") {
    Machine<> m;
    for (unsigned i = 0; i < 100; ++i) m.chip.receive(frame_of(64, i));
    m.interrupts();
    m.inputs_done();
    CHECK(m.driver->statistics().missed == 36);
    CHECK(m.driver->statistics().missed == 36);
    for (unsigned i = 0; i < 100; ++i) m.chip.receive(frame_of(64, i));
    CHECK(m.driver->statistics().missed == 72);
}

TEST_CASE("a transmitter that makes no progress is reset; what it had fails, what waited is sent", "[rtl8139]") {
    Machine<> m;
    m.chip.hold_transmits = true;
    TransmitCall stuck{m.arena}, waiting{m.arena};
    for (unsigned i = 0; i < 16; ++i) stuck.packet(frame_of(100, i), 4);
    waiting.packet(frame_of(200, 1), 4);
    CHECK(m.driver->transmit(stuck.call()).deferred);
    CHECK(m.driver->transmit(waiting.call()).deferred);
    CHECK(m.settle() == transmit_limit_us);
    m.host.clock += transmit_limit_us - 1;
    CHECK(m.settle() == 1);
    m.chip.hold_transmits = false;
    m.host.clock += 1;
    SECTION("it has sent, and only the interrupt was lost") {
        m.chip.transmit_some(64);
        (void)m.settle();
        CHECK(m.host.answers[stuck.control()].error == Error::none);
        CHECK(m.chip.resets == 1);
    }
    SECTION("it hangs") {
        (void)m.settle();
        CHECK(m.host.answers[stuck.control()].error == Error::io_error);
        CHECK(m.chip.resets == 2);
        CHECK(m.state.statistics.resets == 1);
    }
    CHECK(m.host.answers[waiting.control()].error == Error::none);
    REQUIRE(m.chip.receive(frame_of(100, 7)));
    m.interrupts();
    CHECK(m.host.frames.size() == 1);
    m.check_pages();
}

TEST_CASE("progress of the transmitter holds the watchdog off", "[rtl8139]") {
    Machine<> m;
    m.chip.hold_transmits = true;
    TransmitCall call{m.arena};
    for (unsigned i = 0; i < 16; ++i) call.packet(frame_of(100, i), 4);
    CHECK(m.driver->transmit(call.call()).deferred);
    for (unsigned i = 0; i < 64; ++i) {
        m.host.clock += transmit_limit_us / 2 + 1;
        (void)m.settle();
        m.chip.transmit_some(1);
        m.interrupts();
    }
    CHECK(m.chip.resets == 1);
    CHECK(m.host.answers[call.control()].value == 16);
}

TEST_CASE("a bus error restarts the card", "[rtl8139]") {
    Machine<> m{GENERATE(false, true)};
    m.chip.system_error();
    m.interrupts();
    CHECK(m.chip.resets == 2);
    REQUIRE(m.chip.receive(frame_of(100, 7)));
    m.interrupts();
    CHECK(m.host.frames.size() == 1);
    TransmitCall call{m.arena};
    call.packet(frame_of(100, 1));
    CHECK(m.driver->transmit(call.call()).value == 1);
}

TEST_CASE("bad transmit calls are refused and hurt nobody", "[rtl8139]") {
    Machine<> m{GENERATE(false, true)};
    TransmitCall call{m.arena, 2};
    call.packet(frame_of(100, 1), 2);
    auto& f = call.fragments();
    const std::uint64_t end = call.area() + 2 * ant::abi::page_size;
    auto page = [&]() -> ant::abi::Frame& { return reinterpret_cast<ant::abi::ControlIca*>(call.control())->frames[0]; };
    auto head = [&]() -> ant::nic::TransmitHead& {
        return ant::Call{call.control()}.params_after_list<ant::nic::TransmitHead>();
    };
    std::function<void()> spoil_page = [] {};
    SECTION("no fragments") { f.clear(); }
    SECTION("a packet of more fragments than the ring has descriptors") {
        f[0].bytes = 1;
        f.insert(f.begin(), 63, f[0]);
    }
    SECTION("a count beyond the parameter area") {
        spoil_page = [&] { head().fragments = 40; };
    }
    SECTION("a huge count") {
        spoil_page = [&] { head().fragments = 0xffff'ffff; };
    }
    SECTION("no list") {
        spoil_page = [&] { page().flags = 0; };
    }
    SECTION("an empty list") { call.entries().clear(); }
    SECTION("a list longer than the page") {
        spoil_page = [&] { reinterpret_cast<ant::abi::DataList*>(page().parameters)->count = 1 << 28; };
    }
    SECTION("no parameters at all") {
        spoil_page = [&] { page().parameter_bytes = 4; };
    }
    SECTION("the end cut off") {
        spoil_page = [&] { page().parameter_bytes -= 1; };
    }
    SECTION("an empty fragment") { f[1].bytes = 0; }
    SECTION("before the area") { f[0].address = call.area() - 1; }
    SECTION("beyond the area") { f[0].address = end - f[0].bytes + 1; }
    SECTION("around the end of the address space") { f[0].address = ~0ull - 10; }
    SECTION("outside the window") { f[0].address = 0x40'0000; }
    SECTION("a length that overflows") { f[0].bytes = 0xffff'fff0; }
    SECTION("no last fragment") { f[1].flags = 0; }
    SECTION("too short a packet") { f[0].bytes = 6, f[1].bytes = 7; }
    SECTION("too long a packet") { f[0].bytes = 1500; }
    SECTION("large send without a segment size") { f[1].flags |= ant::nic::fragment_flag::large_send; }
    SECTION("large send with a huge segment size") {
        f[1].flags |= ant::nic::fragment_flag::large_send;
        f[1].mss = 1461;
    }
    SECTION("an area that was moved, not lent") { call.entries()[0].mode = static_cast<std::uint32_t>(ant::abi::DataMode::move); }
    SECTION("an area that was moved, and that no fragment is in") {
        auto moved = call.entries()[0];
        moved.address += 8 * ant::abi::page_size;
        moved.mode = static_cast<std::uint32_t>(ant::abi::DataMode::move);
        call.entries().push_back(moved);
    }
    SECTION("one area that was moved, and everything in the call") {
        f.clear();
        call.entries().clear();
        call.packet(frame_of(60, 2)).short_ones_in_call();
        spoil_page = [&] { page().flags = static_cast<std::uint32_t>(ant::abi::DataMode::move); };
    }
    const auto in_call = [&](std::uint32_t bytes, std::uint64_t before_end) {
        f[0].bytes = bytes;
        f[0].flags |= ant::nic::fragment_flag::in_call;
        spoil_page = [&, before_end] {
            page().parameter_bytes += 200;
            auto& request = ant::Call{call.control()}.params_after_list<ant::nic::Transmit>();
            request.fragment[0].address = page().parameters + page().parameter_bytes - before_end;
        };
    };
    SECTION("in the call, they say, and in the area") { f[0].flags |= ant::nic::fragment_flag::in_call; }
    SECTION("beyond the end of the call") { in_call(50, 49); }
    SECTION("before the call") { in_call(50, 10'000); }
    SECTION("too long for the call") { in_call(129, 200); }
    SECTION("nothing in the call") { in_call(0, 200); }
    call.call();
    spoil_page();
    const auto result = m.driver->transmit(ant::Call{call.control()});
    CHECK_FALSE(result.deferred);
    CHECK(result.error == Error::invalid_argument);
    CHECK(m.chip.sent.empty());

    TransmitCall good{m.arena};
    good.packet(frame_of(100, 3));
    CHECK(m.driver->transmit(good.call()).value == 1);
    CHECK(m.chip.sent.size() == 1);
}

TEST_CASE("one call may carry as many fragments as the ring has descriptors", "[rtl8139]") {
    Machine<> m;
    TransmitCall call{m.arena};
    call.packet(frame_of(1280, 1), 64);
    REQUIRE(call.fragments().size() == 64);
    CHECK(m.driver->transmit(call.call()).value == 1);
    CHECK(m.chip.sent[0].frame == call.packets()[0]);
}

TEST_CASE("one call may carry more fragments than fit the ring at once", "[rtl8139]") {
    Machine<> m;
    TransmitCall call{m.arena, 32};
    for (unsigned i = 0; i < 40; ++i) call.packet(frame_of(100 + i, i), 3);
    CHECK(m.driver->transmit(call.call()).value == 40);
    REQUIRE(m.chip.sent.size() == 40);
    for (unsigned i = 0; i < 40; ++i) CHECK(m.chip.sent[i].frame == call.packets()[i]);
}

TEST_CASE("a card that is gone is left alone", "[rtl8139]") {
    struct Gone {
        std::uint8_t read(Reg<std::uint8_t>) { return 0xff; }
        std::uint16_t read(Reg<std::uint16_t>) { return 0xffff; }
        std::uint32_t read(Reg<std::uint32_t>) { return 0xffff'ffff; }
        void write(Reg<std::uint8_t>, std::uint8_t) {}
        void write(Reg<std::uint16_t>, std::uint16_t) {}
        void write(Reg<std::uint32_t>, std::uint32_t) {}
    } gone;
    Machine<> m{true};
    Driver<Gone, TestHost, StateFormat1> driver{gone, m.host, m.state};
    driver.interrupt();
    (void)driver.before_receive();
    CHECK(m.host.frames.empty());
    CHECK_FALSE(driver.reset_chip());
}
