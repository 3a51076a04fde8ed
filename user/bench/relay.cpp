// bench-relay NEXT: passes requests on to slot NEXT. The result comes back through it, or not.
#include "interface.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>

ANT_MANIFEST(.version = 1, .name = "bench-relay", .priority = ant::abi::priority::server, .callees = "*");

namespace {

using namespace ant;

std::uint32_t next_sequential = 0, next_direct = 0;

Outcome pass_on(Call call) { return call.forward(next_sequential, 0); }
Outcome pass_on_for_good(Call call) { return call.forward(next_direct, abi::flag::direct_return); }
Outcome pass_back(const CallResult& result) {
    Outcome outcome{result.error};
    outcome.value = result.value;
    return outcome;
}

}  // namespace

int main() {
    static Client next{argument(1)};
    const auto sequential = next.identifier(bench::sequential);
    const auto direct = next.identifier(bench::direct);
    if (!sequential || !direct) return 1;
    next_sequential = *sequential;
    next_direct = *direct;
    static Server server{startup().name};
    server.on(bench::sequential, pass_on);
    server.on(bench::direct, pass_on_for_good);
    server.on_result(next, bench::sequential, pass_back);
    return static_cast<int>(server.run());
}
