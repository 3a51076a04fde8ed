#include <ant/server.hpp>

#include <ant/abi/manifest.hpp>
#include <ant/areas_back.hpp>
#include <ant/interface/guardian.hpp>

#include <catch2/catch.hpp>

#include <deque>

#include "fake_core.hpp"

using ant::Call;
using ant::CallResult;
using ant::Outcome;
using ant::Server;
using ant::abi::ControlIca;
using ant::abi::Receipt;
using fake::Core;
using fake::Ended;

ANT_MANIFEST(.version = 1, .name = "unit", .state_writes = 4, .state_reads = 1 << 3 | 1 << 4);

namespace {

struct Number {
    std::uint32_t value;
    std::uint32_t reserved;
};
constexpr ant::Function<Number, Number> twice{"twice", 1};
constexpr ant::Function<ant::Nothing> later{"later", 2};
constexpr ant::Function<ant::Nothing> pass_on{"pass_on", 3};
constexpr ant::Function<ant::Nothing> greedy{"greedy", 4};

// A call in a control ICA as the core would deliver it.
struct Delivered {
    std::uint64_t control;
    ControlIca& page;
    ant::abi::Frame& frame;

    explicit Delivered(std::uint32_t parameter_bytes)
        : control{Core::get().reserve(1)}, page{*reinterpret_cast<ControlIca*>(control)}, frame{page.frames[0]} {
        page.currentp = reinterpret_cast<std::uint64_t>(&frame);
        frame.parameters = control + ant::abi::parameter_base;
        frame.parameter_bytes = parameter_bytes;
    }
    [[nodiscard]] fake::Raw request(unsigned op, std::uint64_t events = 0) const {
        return {ant::Error::none, events, static_cast<unsigned>(Receipt::request) | op << 8, control, 0, 0};
    }
    [[nodiscard]] fake::Raw result(std::uint64_t function, bool relayed, std::uint64_t value = 0, std::uint64_t data = 0) const {
        const std::uint64_t what =
            static_cast<unsigned>(Receipt::result) | frame.error << 8 | (relayed ? 1U << 16 : 0) | function << 32;
        return {ant::Error::none, 0, what, control, value, data};
    }
};

std::deque<fake::Raw> receipts;
std::vector<fake::Call> answers;  // replies and forwards, alone or with receive
std::uint64_t events_seen = 0;
unsigned saves = 0, restores = 0, starts = 0;
std::vector<CallResult> results_seen;

fake::Raw next() {
    if (receipts.empty()) throw Ended{0};
    const fake::Raw r = receipts.front();
    receipts.pop_front();
    return r;
}

void prepare() {
    Core::get().reset();
    receipts.clear();
    answers.clear();
    results_seen.clear();
    events_seen = 0;
    saves = restores = starts = 0;
    fake::on(fake::Syscall::receive) = [](const fake::Call&) { return next(); };
    const auto answer_and_receive = [](const fake::Call& call) {
        answers.push_back(call);
        return next();
    };
    fake::on(fake::Syscall::reply_and_receive) = answer_and_receive;
    fake::on(fake::Syscall::forward_and_receive) = answer_and_receive;
    fake::on(fake::Syscall::reply) = [](const fake::Call& call) {
        answers.push_back(call);
        return fake::Raw{};
    };
}

Server make_server() {
    Server server{"unit"};
    server.on(twice, [](Call call) {
        const Number doubled{call.params<Number>().value * 2, 0};
        return call.reply_with(doubled, 5);
    });
    server.on(later, [](Call) { return Call::defer(); });
    server.on(pass_on, [](Call call) { return call.forward(77, ant::abi::flag::direct_return); });
    server.on(greedy, [](Call) { return Call::reply(0, {0x1000, ant::abi::DataMode::move}); });
    server.on_event([](std::uint64_t events) { events_seen |= events; });
    server.on_save([] { ++saves; });
    server.on_restore([](ant::sys::State) { ++restores; });
    server.on_start([] { ++starts; });
    return server;
}

void serve(Server& server) { CHECK_THROWS_AS((void)server.run(), Ended); }

ant::Error status_of(const fake::Call& reply) { return static_cast<ant::Error>(reply.d & 0xffff'ffff); }

}  // namespace

TEST_CASE("a request is answered by its handler, in place", "[server]") {
    prepare();
    const Delivered call{sizeof(Number)};
    reinterpret_cast<Number*>(call.frame.parameters)->value = 21;
    receipts = {call.request(twice.op)};
    Server server = make_server();
    serve(server);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].number == fake::Syscall::reply_and_receive);
    CHECK(answers[0].a == call.control);
    CHECK(answers[0].b == 5);
    CHECK(answers[0].d == 0);
    CHECK(reinterpret_cast<Number*>(call.frame.parameters)->value == 42);
}

TEST_CASE("a fresh server registers all functions, the crash one too, and starts", "[server]") {
    prepare();
    Server server = make_server();
    serve(server);
    CHECK(starts == 1);
    CHECK(restores == 0);
    CHECK(Core::get().functions.size() == 5);
    CHECK(Core::get().functions.contains("unit.twice"));
    CHECK(Core::get().functions.contains("unit.crash"));
}

TEST_CASE("short parameters and unknown operations are answered with an error", "[server]") {
    prepare();
    const Delivered brief{sizeof(Number) - 1}, unknown{64}, out_of_range{64};
    receipts = {brief.request(twice.op), unknown.request(50), out_of_range.request(200)};
    Server server = make_server();
    serve(server);
    REQUIRE(answers.size() == 3);
    CHECK(status_of(answers[0]) == ant::Error::invalid_argument);
    CHECK(status_of(answers[1]) == ant::Error::bad_function);
    CHECK(status_of(answers[2]) == ant::Error::bad_function);
    CHECK(answers[2].a == out_of_range.control);
}

TEST_CASE("a deferred call is kept, and answered later", "[server]") {
    prepare();
    const Delivered call{0};
    receipts = {call.request(later.op)};
    Server server = make_server();
    serve(server);
    CHECK(answers.empty());
    CHECK(Core::get().of(fake::Syscall::receive).size() == 2);
    REQUIRE(Server::answer(call.control, ant::Error::none, 9));
    CHECK(answers[0].a == call.control);
    CHECK(answers[0].b == 9);
}

TEST_CASE("who answers later learns that nobody waits any more", "[server]") {
    prepare();
    const Delivered call{0};
    fake::on(fake::Syscall::reply) = [](const fake::Call&) { return fake::failed(ant::Error::abandoned); };
    const auto answered = Server::answer(call.control, ant::Error::none, 9);
    REQUIRE(!answered);
    CHECK(answered.error() == ant::Error::abandoned);
}

TEST_CASE("a forwarded call carries its parameter area on", "[server]") {
    prepare();
    const Delivered call{48};
    receipts = {call.request(pass_on.op)};
    Server server = make_server();
    serve(server);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].number == fake::Syscall::forward_and_receive);
    CHECK(answers[0].a == ant::sys::pair(77, ant::abi::flag::direct_return));
    CHECK(answers[0].b == call.control);
    CHECK(answers[0].c == ant::sys::pair(ant::abi::parameter_base, 48));
}

TEST_CASE("areas that were moved with a call go back, loans do not", "[server]") {
    using ant::abi::DataMode;
    const Delivered one{64};
    one.frame.data = 0x4000;
    one.frame.flags = static_cast<std::uint32_t>(DataMode::lend_read);
    CHECK(ant::with_areas_back(Call{one.control}, ant::Error::denied).data.address() == 0);
    one.frame.flags = static_cast<std::uint32_t>(DataMode::move);
    const Outcome moved = ant::with_areas_back(Call{one.control}, ant::Error::denied);
    CHECK(moved.error == ant::Error::denied);
    CHECK(!moved.list);
    CHECK(moved.data.address() == 0x4000);

    const Delivered several{64};
    several.frame.flags = ant::abi::flag::data_list;
    auto& list = *reinterpret_cast<ant::abi::DataList*>(several.frame.parameters);
    list.count = 3;
    const DataMode modes[] = {DataMode::lend_read, DataMode::move, DataMode::move};
    for (unsigned i = 0; i < 3; ++i) list.entries[i] = {0x1000 * (i + 1), 1, static_cast<std::uint32_t>(modes[i])};
    for (int again = 0; again < 2; ++again) {
        const Outcome back = ant::with_areas_back(Call{several.control}, ant::Error::denied, 7);
        CHECK(back.list);
        CHECK(back.value == 7);
        CHECK(back.data.address() == 0);
        REQUIRE(list.count == 2);
        CHECK(list.entries[0].address == 0x2000);
        CHECK(list.entries[1].address == 0x3000);
    }
    list.entries[0].mode = list.entries[1].mode = static_cast<std::uint32_t>(DataMode::lend_write);
    CHECK(!ant::with_areas_back(Call{several.control}, ant::Error::denied).list);
}

TEST_CASE("a refused reply or forward becomes an error for the requester", "[server]") {
    prepare();
    const Delivered first{0}, second{0};
    receipts = {first.request(greedy.op), fake::failed(ant::Error::not_owner), second.request(pass_on.op),
                fake::failed(ant::Error::no_server)};
    Server server = make_server();
    serve(server);
    REQUIRE(answers.size() == 4);
    CHECK(answers[1].a == first.control);
    CHECK(status_of(answers[1]) == ant::Error::not_owner);
    CHECK(answers[3].a == second.control);
    CHECK(status_of(answers[3]) == ant::Error::no_server);
}

TEST_CASE("a receive that fails for no call's reason is a contradiction", "[server]") {
    prepare();
    receipts = {fake::failed(ant::Error::not_registered)};
    Server server = make_server();
    try {
        (void)server.run();
        FAIL("came back");
    } catch (const Ended& ended) {
        CHECK(ended.status == ant::panic_status);
    }
}

TEST_CASE("events come with anything, also with a time-out", "[server]") {
    prepare();
    const Delivered call{0};
    fake::Raw late = fake::failed(ant::Error::timed_out);
    late.rdx = 2;
    receipts = {call.request(greedy.op, 1), late};
    Server server = make_server();
    serve(server);
    CHECK(events_seen == 3);
    CHECK(answers.size() == 1);
}

TEST_CASE("results reach their handler, and the control ICA goes back to the pool", "[server]") {
    prepare();
    const Delivered own{0};
    own.frame.error = static_cast<std::uint32_t>(ant::Error::io_error);
    ant::Client client{"other"};
    Server server = make_server();
    server.on_result(client, twice, [](const CallResult& result) -> Outcome {
        results_seen.push_back(result);
        return {};
    });
    const std::uint32_t id = *client.identifier(twice);
    receipts = {own.result(id, false, 11, 0x2000)};
    serve(server);
    REQUIRE(results_seen.size() == 1);
    CHECK(results_seen[0].error == ant::Error::io_error);
    CHECK(results_seen[0].value == 11);
    CHECK(results_seen[0].data == 0x2000);
    CHECK(answers.empty());
    CHECK(*ant::controls::take() == own.control);
}

TEST_CASE("a relayed result without a handler goes on as it came", "[server]") {
    prepare();
    const Delivered relayed{0};
    receipts = {relayed.result(123, true, 17, 0x3000)};
    Server server = make_server();
    serve(server);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].a == relayed.control);
    CHECK(answers[0].b == 17);
    CHECK(answers[0].c == (0x3000 | static_cast<std::uint64_t>(ant::abi::DataMode::move)));
}

TEST_CASE("a replacement saves, gives the control ICAs back, and is survived when cancelled", "[server]") {
    prepare();
    fake::on(fake::Syscall::hand_over) = [](const fake::Call&) { return fake::failed(ant::Error::cancelled); };
    REQUIRE(ant::controls::first_synchronous());
    ant::controls::give(*ant::controls::take());
    const Delivered call{0};
    const unsigned before = Core::get().areas;
    receipts = {{ant::Error::none, 0, static_cast<unsigned>(Receipt::replacement), 0, 0, 0}, call.request(greedy.op)};
    Server server = make_server();
    serve(server);
    CHECK(saves == 1);
    CHECK(Core::get().of(fake::Syscall::hand_over).size() == 1);
    CHECK(Core::get().areas < before);
    CHECK(ant::controls::synchronous == 0);
    CHECK(answers.size() == 1);
}

TEST_CASE("a replacing server looks names up before, restores, and registers only what is new", "[server]") {
    prepare();
    Core::get().info.replacing = 1;
    for (const char* name : {"unit.twice", "unit.later", "unit.crash"}) {
        const auto id = static_cast<unsigned>(Core::get().functions.size() + 1);
        Core::get().functions[name] = {id, true};
    }
    fake::on(fake::Syscall::server_register) = [](const fake::Call&) {
        CHECK(Core::get().of(fake::Syscall::function_find).size() == 5);
        CHECK(Core::get().of(fake::Syscall::function_register).empty());
        fake::Raw r{};
        r.rdx = 1;
        return r;
    };
    Server server = make_server();
    serve(server);
    CHECK(restores == 1);
    CHECK(starts == 0);
    CHECK(Core::get().of(fake::Syscall::function_register).size() == 2);
}

TEST_CASE("run comes back with the error of a registration", "[server]") {
    prepare();
    fake::on(fake::Syscall::server_register) = [](const fake::Call&) { return fake::failed(ant::Error::state_refused); };
    Server server = make_server();
    CHECK(server.run() == ant::Error::state_refused);
}

TEST_CASE("the crash operation ends the process as asked", "[server]") {
    prepare();
    const Delivered call{sizeof(ant::guardian::Crash)};
    reinterpret_cast<ant::guardian::Crash*>(call.frame.parameters)->fault =
        static_cast<std::uint32_t>(ant::guardian::Fault::panic);
    receipts = {call.request(ant::guardian::crash_op)};
    Server server = make_server();
    serve(server);
    CHECK(Core::get().log.find("crash asked for") != std::string::npos);
}

namespace {

// The answer of server_register.
void register_as(ant::abi::Registered how, std::uint64_t write_format) {
    fake::on(fake::Syscall::server_register) = [=](const fake::Call&) {
        fake::Raw r{};
        r.rdx = static_cast<std::uint64_t>(how);
        r.rsi = write_format;
        return r;
    };
}
// The server under test, for its hooks.
Server* current = nullptr;
struct Current {
    explicit Current(Server& server) { current = &server; }
    ~Current() { current = nullptr; }
};
ant::guardian::Crash& crash_of(const Delivered& call) { return *reinterpret_cast<ant::guardian::Crash*>(call.frame.parameters); }

}  // namespace

TEST_CASE("after a failure the state is restored as in a replacement, and said to be", "[server]") {
    prepare();
    register_as(ant::abi::Registered::restarted, ~std::uint64_t{0});
    Server server = make_server();
    const Current scope{server};
    server.on_restore([](ant::sys::State) {
        ++restores;
        CHECK(current->registered() == ant::abi::Registered::restarted);
        CHECK(current->write_format() == 4);
        CHECK(Core::get().of(fake::Syscall::phase).empty());
    });
    server.redeliver_deferred();
    serve(server);
    CHECK(restores == 1);
    CHECK(starts == 0);
    CHECK(saves == 0);
    const auto registered = Core::get().of(fake::Syscall::server_register);
    REQUIRE(registered.size() == 1);
    CHECK(registered[0].a == (1 << 3 | 1 << 4));
    CHECK(registered[0].b == ant::abi::register_flag::redeliver);
    REQUIRE(Core::get().of(fake::Syscall::phase).size() == 1);
    CHECK(Core::get().of(fake::Syscall::phase)[0].a == static_cast<std::uint64_t>(ant::abi::Phase::state));
    CHECK(Core::get().of(fake::Syscall::area_sweep).empty());  // that is the business of the hook
}

TEST_CASE("a server without state releases what areas the failed process had", "[server]") {
    prepare();
    register_as(ant::abi::Registered::restarted, ~std::uint64_t{0});
    Server server{"unit"};
    serve(server);
    CHECK(Core::get().of(fake::Syscall::area_sweep).size() == 1);
}

TEST_CASE("on probation the format of the program before is written, until it is over", "[server]") {
    prepare();
    register_as(ant::abi::Registered::replaced, 3);
    receipts = {{ant::Error::none, ant::abi::event::settled | ant::abi::event::interrupt, 0, 0, 0, 0}};
    Server server = make_server();
    const Current scope{server};
    static unsigned settled;
    settled = 0;
    server.on_restore([](ant::sys::State) { CHECK(current->write_format() == 3); });
    server.on_settled([] {
        ++settled;
        CHECK(current->write_format() == 4);
    });
    serve(server);
    CHECK(settled == 1);
    CHECK(events_seen == (ant::abi::event::settled | ant::abi::event::interrupt));
}

TEST_CASE("areas to keep are named in batches, and an unknown one stops the sweep", "[server]") {
    prepare();
    std::vector<std::uint64_t> kept;
    fake::on(fake::Syscall::area_keep) = [&](const fake::Call& call) {
        const auto* addresses = reinterpret_cast<const std::uint64_t*>(call.a);
        kept.insert(kept.end(), addresses, addresses + call.b);
        return fake::Raw{};
    };
    ant::AreaKeeper keeper;
    for (std::uint64_t i = 0; i < 150; ++i) keeper.keep(i * ant::abi::page_size);
    REQUIRE(keeper.sweep());
    REQUIRE(kept.size() == 150);
    for (std::uint64_t i = 0; i < 150; ++i) CHECK(kept[i] == i * ant::abi::page_size);
    CHECK(Core::get().of(fake::Syscall::area_sweep).size() == 1);

    fake::on(fake::Syscall::area_keep) = [](const fake::Call&) { return fake::failed(ant::Error::not_owner); };
    ant::AreaKeeper mistaken;
    mistaken.keep(ant::abi::page_size);
    CHECK(mistaken.sweep().error() == ant::Error::not_owner);
    CHECK(Core::get().of(fake::Syscall::area_sweep).size() == 1);
}

TEST_CASE("a call that is delivered again says so", "[server]") {
    prepare();
    const Delivered call{0};
    CHECK_FALSE(Call{call.control}.redelivered());
    call.frame.flags = ant::abi::flag::redelivered;
    CHECK(Call{call.control}.redelivered());
}

TEST_CASE("a result of a call that an earlier process sent does no harm", "[server]") {
    prepare();
    const Delivered unknown{0};
    const std::uint64_t data = Core::get().reserve(1);
    const unsigned areas = Core::get().areas;
    receipts = {unknown.result(4711, false, 0, data)};
    Server server = make_server();
    serve(server);
    CHECK(Core::get().areas == areas - 1);
    CHECK(*ant::controls::take() == unknown.control);
}

TEST_CASE("a panic's text goes into the fault record", "[server]") {
    prepare();
    std::string text;
    fake::on(fake::Syscall::process_exit) = [&](const fake::Call& call) -> fake::Raw {
        text.assign(reinterpret_cast<const char*>(call.b), call.c);
        throw Ended{call.a};
    };
    CHECK_THROWS_AS(ant::panic("area %u of %u", 3, 2), Ended);
    CHECK(text == "area 3 of 2");
}

TEST_CASE("an area that is released twice is a contradiction", "[server]") {
    prepare();
    const Delivered call{sizeof(ant::guardian::Crash)};
    crash_of(call).fault = static_cast<std::uint32_t>(ant::guardian::Fault::double_free);
    receipts = {call.request(ant::guardian::crash_op)};
    Server server = make_server();
    serve(server);
    CHECK(Core::get().log.find("release of area") != std::string::npos);
}

TEST_CASE("a reply is lost as asked, once", "[server]") {
    prepare();
    const Delivered call{sizeof(ant::guardian::Crash)};
    crash_of(call).fault = static_cast<std::uint32_t>(ant::guardian::Fault::lost_reply);
    receipts = {call.request(ant::guardian::crash_op)};
    Server server = make_server();
    serve(server);
    CHECK(answers.empty());
    call.frame.flags = ant::abi::flag::redelivered;
    receipts = {call.request(ant::guardian::crash_op)};
    serve(server);
    REQUIRE(answers.size() == 1);
    CHECK(status_of(answers[0]) == ant::Error::restarted);
}

TEST_CASE("one answer is wrong as asked", "[server]") {
    prepare();
    const Delivered crash{sizeof(ant::guardian::Crash)};
    crash_of(crash).fault = static_cast<std::uint32_t>(ant::guardian::Fault::bad_reply);
    const Delivered first{sizeof(Number)}, second{sizeof(Number)};
    receipts = {crash.request(ant::guardian::crash_op), first.request(twice.op), second.request(twice.op)};
    Server server = make_server();
    serve(server);
    REQUIRE(answers.size() == 3);
    CHECK(answers[1].b != 5);
    CHECK(status_of(answers[1]) == ant::Error::none);
    CHECK(answers[2].b == 5);
}
