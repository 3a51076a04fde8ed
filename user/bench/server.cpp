// bench-server: takes requests and returns them.
#include "interface.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>

ANT_MANIFEST(.version = 1, .name = "bench-server", .priority = ant::abi::priority::server);

namespace {

using namespace ant;

Outcome answer(Call) { return Call::reply(); }
Outcome answer_params(Call call) {
    // In place: the result lies where the parameters lay.
#pragma GCC unroll 8
    for (std::uint64_t& word : call.params<bench::Parameters64>().word) ++word;
    return Call::reply();
}
Outcome give_back(Call call) { return Call::reply(0, {call.data(), abi::DataMode::move}); }

}  // namespace

int main() {
    static Server server{startup().name};
    server.on(bench::null, answer);
    server.on(bench::params64, answer_params);
    server.on(bench::move, give_back);
    server.on(bench::sequential, answer);
    server.on(bench::direct, answer);
    return static_cast<int>(server.run());
}
