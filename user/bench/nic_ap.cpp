// bench-nic-ap ADDRESS PORT ROUNDS: P-nic's application. Computes for 1 ms (it counts), sends 1024 bytes, and so on; prints when
// each round began, how long the computation took and how long the send, in ns.
#include <ant/abi/manifest.hpp>
#include <ant/check.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>
#include <ant/sockets.hpp>

#include <algorithm>
#include <array>

ANT_MANIFEST(.version = 1, .name = "bench-nic-ap", .callees = "inet console");

namespace {

using namespace ant;

constexpr std::uint64_t computation_ns = 1'000'000;
constexpr unsigned most_rounds = 200;
constexpr std::size_t message_bytes = 1024;

struct Round {
    std::uint64_t at, computed, sent;
};
std::array<Round, most_rounds> rounds;

void count_to(std::uint64_t end) {
    for (std::uint64_t n = 0; n < end; ++n) asm volatile("" : "+r"(n));
}

// How far one gets in 1 ms; the best of several tries is one that nobody has interrupted.
std::uint64_t counts_per_computation() {
    constexpr std::uint64_t trial = 20'000;
    constexpr unsigned tries = 10;
    std::uint64_t best = computation_ns;
    for (unsigned i = 0; i < tries; ++i) {
        const std::uint64_t begin = clock_ns();
        count_to(trial);
        best = std::min(best, clock_ns() - begin);
    }
    return trial * computation_ns / std::max<std::uint64_t>(best, 1);
}

Result<> run(inet::Address to, unsigned count) {
    Socket socket = ANT_TRY(Socket::open(inet::SocketType::stream));
    ANT_TRY(socket.connect(to));
    ANT_TRY(socket.set_option(inet::Option::no_delay, 1));
    std::array<std::byte, message_bytes> message{};
    const std::uint64_t end = counts_per_computation();
    for (unsigned i = 0; i < count; ++i) {
        const std::uint64_t begin = clock_ns();
        count_to(end);
        const std::uint64_t computed = clock_ns();
        if (ANT_TRY(socket.send(message)) != message_bytes) return Failure(Error::io_error);
        rounds[i] = {begin, computed - begin, clock_ns() - computed};
    }
    for (unsigned i = 0; i < count; ++i) console::print("round %lu %lu %lu\n", rounds[i].at, rounds[i].computed, rounds[i].sent);
    return {};
}

}  // namespace

int main() {
    const inet::Address to{static_cast<std::uint32_t>(check::number(1, 0)), static_cast<std::uint16_t>(check::number(2, 0)), 0};
    const auto ran = run(to, std::min(static_cast<unsigned>(check::number(3, 0)), most_rounds));
    if (!ran) console::print("bench-nic-ap: %s\n", error_text(ran.error()));
    return ran ? 0 : 1;
}
