#include <ant/client.hpp>

#include <ant/process.hpp>
#include <ant/sockets.hpp>
#include <ant/state.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <numeric>

#include "fake_core.hpp"

using fake::Core;

namespace {

struct Pair {
    std::uint64_t a, b;
};
constexpr ant::Function<Pair, Pair> swap_pair{"swap", 3};

void prepare() {
    ant::controls::release_all();
    Core::get().reset();
}

template <class T>
T& parameters(const fake::Call& call) {
    return *reinterpret_cast<T*>(call.b + (call.c & 0xffff'ffff));
}

fake::Raw value(std::uint64_t n) { return {ant::Error::none, n, 0, 0, 0, 0}; }

}  // namespace

TEST_CASE("a synchronous call finds the function once and reads the answer in place", "[client]") {
    prepare();
    fake::on(fake::Syscall::request) = [](const fake::Call& call) {
        auto& p = parameters<Pair>(call);
        std::swap(p.a, p.b);
        CHECK(call.c >> 32 == sizeof(Pair));
        return value(3);
    };
    ant::Client client{"server.1"};
    for (int i = 0; i < 2; ++i) {
        const auto answer = client.call(swap_pair, {1, 2});
        REQUIRE(answer);
        CHECK(answer->result.a == 2);
        CHECK(answer->value == 3);
    }
    CHECK(Core::get().functions.contains("server.1.swap"));
    CHECK(Core::get().of(fake::Syscall::function_find).size() == 1);
    CHECK(Core::get().of(fake::Syscall::ica_reserve).size() == 1);
}

TEST_CASE("a time-out costs the control ICA, another error does not", "[client]") {
    prepare();
    ant::Client client{"server"};
    fake::on(fake::Syscall::request) = [](const fake::Call&) { return fake::failed(ant::Error::server_died); };
    CHECK(client.call(swap_pair).error() == ant::Error::server_died);
    const std::uint64_t control = ant::controls::synchronous;
    CHECK(control != 0);
    fake::on(fake::Syscall::request) = [](const fake::Call&) {
        fake::Raw late = fake::failed(ant::Error::timed_out);
        late.rdi = 1;  // the core's own time-out: the control ICA is gone
        return late;
    };
    CHECK(client.call(swap_pair).error() == ant::Error::timed_out);
    CHECK(ant::controls::synchronous == 0);
    fake::on(fake::Syscall::request) = [](const fake::Call&) { return value(0); };
    CHECK(client.call(swap_pair));
    CHECK(ant::controls::synchronous != 0);
}

TEST_CASE("an asynchronous call that is refused gives its control ICA back", "[client]") {
    prepare();
    ant::Client client{"server"};
    fake::on(fake::Syscall::request_async) = [](const fake::Call&) { return fake::failed(ant::Error::queue_full); };
    for (int i = 0; i < 5; ++i) CHECK(client.send(swap_pair).error() == ant::Error::queue_full);
    CHECK(Core::get().of(fake::Syscall::ica_reserve).size() == 1);
}

TEST_CASE("too long a name is refused, not cut", "[client]") {
    prepare();
    ant::Client client{"a-slot-with-a-name-of-27-chars"};
    CHECK(client.call(swap_pair).error() == ant::Error::invalid_argument);
}

TEST_CASE("a state area is recognised by the next version, and only if it is whole", "[state]") {
    prepare();
    auto state = ant::StateArea::create(sizeof(Pair), 2);
    REQUIRE(state);
    REQUIRE(state->as<Pair>() != nullptr);
    CHECK(state->as<std::array<Pair, 2>>() == nullptr);
    *state->as<Pair>() = {5, 6};
    state->seal();
    const auto registered = Core::get().of(fake::Syscall::state_register);
    REQUIRE(registered.size() == 1);
    const ant::sys::State fetched{registered[0].a, 2};
    state->keep();
    {
        auto adopted = ant::StateArea::adopt(fetched);
        REQUIRE(adopted);
        CHECK(adopted->format() == 2);
        CHECK(adopted->as<Pair>()->b == 6);
        adopted->as<Pair>()->b = 7;  // not sealed
        adopted->keep();
    }
    CHECK(ant::StateArea::adopt(fetched).error() == ant::Error::state_refused);
    CHECK(ant::StateArea::adopt({fetched.address, 3}).error() == ant::Error::state_refused);
    CHECK(ant::StateArea::adopt({0, 0}).error() == ant::Error::not_found);
}

namespace {

using Bytes = std::vector<std::byte>;

Bytes numbered(std::size_t bytes) {
    Bytes data(bytes);
    for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(i);
    return data;
}

ant::abi::DataMode mode_of(const fake::Call& call) {
    return static_cast<ant::abi::DataMode>(call.a >> 32 & ant::abi::flag::data_mask);
}

Bytes sent_with(const fake::Call& call) {
    const auto& head = parameters<ant::inet::Send>(call);
    const auto* from = reinterpret_cast<const std::byte*>(&head + 1);
    if (mode_of(call) != ant::abi::DataMode::none)
        from = reinterpret_cast<const std::byte*>(call.d) + head.offset;
    else
        CHECK(call.c >> 32 == sizeof head + head.bytes);
    return {from, from + head.bytes};
}

}  // namespace

TEST_CASE("a socket sends little inline, more through an area that it lends, and much in one that it gives away", "[socket]") {
    prepare();
    Bytes seen;
    ant::abi::DataMode mode{};
    fake::on(fake::Syscall::request) = [&](const fake::Call& call) {
        mode = mode_of(call);
        seen = sent_with(call);
        return value(seen.size());
    };
    constexpr std::pair<std::size_t, ant::abi::DataMode> cases[] = {
        {0, ant::abi::DataMode::none},         {1, ant::abi::DataMode::none},          {2048, ant::abi::DataMode::none},
        {2049, ant::abi::DataMode::lend_read}, {16383, ant::abi::DataMode::lend_read}, {16384, ant::abi::DataMode::move},
        {65536, ant::abi::DataMode::move},
    };
    ant::Socket socket = ant::Socket::adopt(4);
    for (const auto& [bytes, expected] : cases) {
        CAPTURE(bytes);
        const Bytes data = numbered(bytes);
        const auto sent = socket.send(data);
        REQUIRE(sent);
        CHECK(*sent == bytes);
        CHECK(mode == expected);
        CHECK(seen == data);
    }
    CHECK(*socket.send(Bytes(100'000)) == 65536);
    const ant::inet::Address somebody{0x0a000202, 9, 0};
    CHECK(*socket.send(Bytes(20'000), 0, &somebody) == 20'000);
    CHECK(mode == ant::abi::DataMode::lend_read);  // a datagram

    // What inet has no room for goes through the area that is lent, which stays; no other is lost.
    const unsigned before = Core::get().areas;
    ant::Error refused = ant::Error::over_quota;
    fake::on(fake::Syscall::request) = [&](const fake::Call& call) {
        if (mode_of(call) == ant::abi::DataMode::move) return fake::failed(refused);  // by the core: the area stays
        seen = sent_with(call);
        return value(5000);
    };
    const Bytes data = numbered(40'000);
    CHECK(*socket.send(data) == 5000);
    CHECK(seen == data);
    CHECK(Core::get().areas == before);
    refused = ant::Error::connection_reset;
    CHECK(socket.send(data).error() == ant::Error::connection_reset);
    CHECK(Core::get().areas == before);
    fake::on(fake::Syscall::request) = [](const fake::Call& call) { return fake::Raw{ant::Error::none, 0, call.d, 0, 0, 0}; };
    CHECK(socket.send(data, ant::inet::message_flag::dont_wait).error() == ant::Error::would_block);  // it came back
    CHECK(Core::get().areas == before);
    (void)socket.detach();
}
