// The calls of the console: who gets what is typed.
#include <drivers/console/console.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <set>
#include <string>

#include "libant/fake_core.hpp"

using ant::Error;
using ant::Outcome;
using fake::Core;

namespace {

namespace uart = ant::console::uart;

std::deque<char> typed;
std::uint8_t scratch = 0;

struct Reader {
    std::uint64_t control = Core::get().reserve(1);
    ant::abi::ControlIca& page = *reinterpret_cast<ant::abi::ControlIca*>(control);

    Reader() {
        ant::abi::Frame& frame = page.frames[0];
        page.currentp = reinterpret_cast<std::uint64_t>(&frame);
        frame.parameters = control + ant::abi::parameter_base;
        frame.parameter_bytes = sizeof(ant::console::Text);
    }
    [[nodiscard]] ant::Call call(std::uint32_t most = ant::console::max_text) const {
        ant::Call{control}.params<ant::console::Read>() = {most, 0};
        return ant::Call{control};
    }
    [[nodiscard]] std::string text() const {
        const auto& got = ant::Call{control}.params<ant::console::Text>();
        return {got.text, got.bytes};
    }
};

struct Fixture {
    std::set<std::uint64_t> gone;             // calls of programs that have ended
    std::vector<std::uint64_t> served, lost;  // answers that somebody got, and that nobody waited for
    ant::console::Console console;

    Fixture() {
        Core::get().reset();
        typed.clear();
        fake::on(fake::Syscall::reply) = [this](const fake::Call& answer) {
            if (gone.contains(answer.a)) {
                lost.push_back(answer.a);
                return fake::failed(Error::abandoned);
            }
            served.push_back(answer.a);
            return fake::Raw{};
        };
        console.start();
    }
    void type(std::string_view text) {
        typed.insert(typed.end(), text.begin(), text.end());
        console.work();
    }
    void read(const Reader& reader, std::uint32_t most = ant::console::max_text) {
        REQUIRE(console.read(reader.call(most)).kind == Outcome::Kind::deferred);
        console.work();
    }
};

using Calls = std::vector<std::uint64_t>;

}  // namespace

// A UART whose line brings what the test types, and no keyboard.
std::uint8_t ant::console::port_in(std::uint16_t port) {
    if (port == keyboard_status) return ps2::absent;
    switch (port - com1) {
        case uart::reg::data: {
            const char c = typed.front();
            typed.pop_front();
            return static_cast<std::uint8_t>(c);
        }
        case uart::reg::scratch:
            return scratch;
        case uart::reg::line_status:
            return uart::line::transmitter_empty | (typed.empty() ? 0 : uart::line::data_ready);
        default:
            return 0;
    }
}

void ant::console::port_out(std::uint16_t port, std::uint8_t value) {
    if (port == com1 + uart::reg::scratch) scratch = value;
}

TEST_CASE_METHOD(Fixture, "what was typed before waits for a reader", "[console]") {
    type("echo");
    const Reader reader;
    read(reader, 2);
    CHECK(reader.text() == "ec");
    const Reader next;
    read(next);
    CHECK(next.text() == "ho");
}

TEST_CASE_METHOD(Fixture, "what a dead reader would have got comes to the next one", "[console]") {
    const Reader dead;
    read(dead);
    gone = {dead.control};
    type("run csock\n");
    CHECK(lost == Calls{dead.control});
    CHECK(served.empty());
    const Reader next;
    read(next);
    CHECK(served == Calls{next.control});
    CHECK(next.text() == "run csock\n");
    type("x");
    CHECK(served.size() == 1);  // neither waits any more
    CHECK(lost.size() == 1);
}

TEST_CASE_METHOD(Fixture, "an older reader gets what the newest, a dead one, does not take", "[console]") {
    const Reader alive, dead, dead_too;
    read(alive);
    read(dead);
    read(dead_too);
    gone = {dead.control, dead_too.control};
    type("k\n");
    CHECK(lost == Calls{dead_too.control, dead.control});
    CHECK(served == Calls{alive.control});
    CHECK(alive.text() == "k\n");
}
