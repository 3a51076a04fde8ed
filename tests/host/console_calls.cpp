// The calls of the console: who gets what is typed; and what becomes of them when the driver fails.
#include <drivers/console/console.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "libant/fake_core.hpp"

using ant::Error;
using ant::Outcome;
using fake::Core;

namespace {

std::deque<char> typed;
std::string sent;  // over the serial line
bool line_is_slow = false;
std::uint8_t scratch = 0;
bool latch = false;  // the data port is the divisor's

// The driver ends at the n-th point where it meets its surroundings; 0: never.
struct Crash {};
unsigned points_left = 0;
void point() {
    if (points_left == 0) return;
    --points_left;
    if (points_left == 0) throw Crash{};
}

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
        sent.clear();
        line_is_slow = false;
        points_left = 0;
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
    point();
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
            return (line_is_slow ? 0 : uart::line::transmitter_empty) | (typed.empty() ? 0 : uart::line::data_ready);
        default:
            return 0;
    }
}

void ant::console::port_out(std::uint16_t port, std::uint8_t value) {
    point();
    if (port == com1 + uart::reg::scratch) scratch = value;
    if (port == com1 + uart::reg::data && !latch) sent += static_cast<char>(value);
    if (port == com1 + uart::reg::line_control) latch = (value & uart::line::divisor_latch) != 0;
    point();
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

namespace {

// A console that fails, and the core's part: whose calls are in work, and which are delivered again.
struct Failing {
    struct Writer : Reader {
        std::uint32_t bytes;
        explicit Writer(std::string_view text) : bytes{static_cast<std::uint32_t>(text.size())} {
            auto& parameters = ant::Call{control}.params<ant::console::Text>();
            parameters.bytes = bytes;
            std::copy(text.begin(), text.end(), parameters.text);
            static std::uint64_t ids = 0;
            page.call_id = ++ids;
        }
    };
    struct Held {
        std::uint64_t control;
        bool is_read;
    };

    ant::sys::State registered{};
    std::optional<ant::console::Console> console;
    std::vector<Held> held;
    std::map<std::uint64_t, std::int64_t> answered;
    std::vector<std::unique_ptr<Writer>> writers;
    std::unique_ptr<Reader> reader;
    std::string written, read, to_type;
    unsigned crashes = 0;
    std::uint64_t read_ids = 1'000'000;

    Failing() {
        Core::get().reset();
        typed.clear();
        sent.clear();
        line_is_slow = false;
        points_left = 0;
        fake::on(fake::Syscall::reply) = [this](const fake::Call& call) {
            point();
            answer(call.a, static_cast<std::int64_t>(call.b));
            point();
            return fake::Raw{};
        };
        fake::on(fake::Syscall::state_register) = [this](const fake::Call& call) {
            registered = {call.a, static_cast<std::uint32_t>(call.b)};
            return fake::Raw{};
        };
        console.emplace().start();
    }
    void answer(std::uint64_t control, std::int64_t value) {
        const auto call = std::find_if(held.begin(), held.end(), [&](const Held& h) { return h.control == control; });
        REQUIRE(call != held.end());
        if (call->is_read) read += reader->text();
        held.erase(call);
        answered[control] = value;
    }
    void handle(std::uint64_t control, bool is_read) {
        const Outcome outcome = is_read ? console->read(ant::Call{control}) : console->write(ant::Call{control});
        console->work();  // comes before the answer, as in libant's loop
        if (outcome.kind == Outcome::Kind::deferred) return;
        REQUIRE(outcome.error == Error::none);
        answer(control, outcome.value);
    }
    // -> whether it came to its end
    template <class Step>
    bool completes(Step step) {
        try {
            step();
            return true;
        } catch (const Crash&) {
            ++crashes;
            return false;
        }
    }
    template <class Step>
    void run(Step step) {
        bool completed = completes(step);
        while (!completed) completed = completes([&] { recover(); });
    }
    void recover() {
        console.emplace().recover(registered);
        console->work();
        const auto again = held;
        for (const Held& call : again) {
            reinterpret_cast<ant::abi::ControlIca*>(call.control)->frames[0].flags = ant::abi::flag::redelivered;
            handle(call.control, call.is_read);
        }
    }
    void write(std::string_view text) {
        writers.push_back(std::make_unique<Writer>(text));
        const std::uint64_t control = writers.back()->control;
        written += text;
        held.push_back({control, false});
        run([&] { handle(control, false); });
    }
    void start_read() {
        reader = std::make_unique<Reader>();
        reader->page.call_id = ++read_ids;
        const std::uint64_t control = reader->call(5).control();
        held.push_back({control, true});
        run([&] { handle(control, true); });
    }
    void type(std::string_view text) {
        to_type += text;
        typed.insert(typed.end(), text.begin(), text.end());
        run([&] { console->work(); });
    }
    [[nodiscard]] bool reading() const {
        return std::any_of(held.begin(), held.end(), [](const Held& h) { return h.is_read; });
    }
    const ant::console::Screen& screen() {
        auto journal = ant::console::Journal::adopt(registered);
        REQUIRE(journal);
        return journal->state().screen;
    }
    void check() {
        points_left = 0;
        line_is_slow = false;
        for (unsigned i = 0; i < 200; ++i) console->work();
        CHECK(held.empty());
        for (const auto& writer : writers) CHECK(answered[writer->control] == writer->bytes);
        CHECK(read == to_type);
        // A byte that the UART had got, though the driver could not take note of it any more, goes out again.
        std::size_t at = 0, repeated = 0;
        std::erase(sent, '\r');
        for (const char c : sent) {
            if (at < written.size() && c == written[at]) {
                ++at;
            } else {
                REQUIRE(at > 0);
                REQUIRE(c == written[at - 1]);
                ++repeated;
            }
        }
        CHECK(at == written.size());
        CHECK(repeated <= crashes);
        auto expected = std::make_unique<ant::console::Screen>();
        expected->reset(80, 25);
        expected->write(written);
        CHECK(std::memcmp(expected.get(), &screen(), sizeof *expected) == 0);
    }
    void scenario(unsigned lines) {
        for (unsigned i = 0; i < lines; ++i) {
            line_is_slow = i % 3 == 0;
            write("line " + std::to_string(i) + "\x1b[1;3" + std::to_string(i % 8) + "m of \n text");
            if (i % 2 == 0 && !reading()) start_read();
            type("abc");
            if (i % 2 == 1 && !reading()) start_read();
            type("d");
        }
        line_is_slow = false;
        while (read.size() < to_type.size()) {
            if (!reading())
                start_read();
            else
                run([&] { console->work(); });
        }
    }
};

}  // namespace

TEST_CASE("a console that ends at any point is followed by one that loses and doubles nothing", "[console][crash]") {
    for (unsigned n = 1;; ++n) {
        Failing world;
        points_left = n;
        world.scenario(5);
        const bool reached = points_left == 0;
        INFO("point " << n);
        CHECK(world.crashes == (reached ? 1 : 0));
        world.check();
        if (!reached) {
            CHECK(n > 100);
            break;
        }
    }
}

TEST_CASE("a screen is rebuilt, however much was written since its last copy", "[console][crash]") {
    Failing world;
    std::minstd_rand random{5};
    for (unsigned i = 0; i < 300; ++i) {
        std::string text(1 + random() % 400, ' ');
        for (char& c : text) c = static_cast<char>(random() % 30 == 0 ? '\n' : 'a' + random() % 26);
        world.write(text);
        for (unsigned k = 0; k < 40; ++k) world.console->work();
        if (i % 7 != 0) continue;
        points_left = 1;
        world.run([&] { world.console->work(); });
    }
    CHECK(world.crashes > 30);
    world.check();
}

TEST_CASE("a damaged state is noticed, and the console starts afresh", "[console][crash]") {
    Failing world;
    world.write("before");
    SECTION("the record") { reinterpret_cast<std::uint8_t*>(world.registered.address)[1000] ^= 4; }
    SECTION("the copy of the screen") {
        auto& state = ant::console::Journal::adopt(world.registered)->state();
        state.checkpoint[0].cells[7] ^= 1;
        state.checkpoint[1].cells[7] ^= 1;
    }
    SECTION("the rings") { ant::console::Journal::adopt(world.registered)->state().output.head += 30'000; }
    world.console.emplace().recover(world.registered);
    CHECK(Core::get().log.find("damaged") != std::string::npos);
    CHECK(Core::get().of(fake::Syscall::area_sweep).size() == 1);
    const auto fresh = std::make_unique<ant::console::Screen>();
    fresh->reset(80, 25);
    CHECK(std::memcmp(fresh.get(), &world.screen(), sizeof *fresh) == 0);
}
