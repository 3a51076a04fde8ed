// model-server EXECUTION RETURN: computes so many increments before it passes a request on to the driver, and so many
// before it answers. What it holds lies in the core: the call comes back from the driver through whoever has the slot.
#include "model.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>

ANT_MANIFEST(.version = 1, .name = "model-server", .priority = ant::abi::priority::server, .callees = "model-driver");

namespace {

using namespace ant;

std::uint64_t execution = 0, answering = 0;
std::uint32_t transfer = 0;

Outcome execute(Call call) {
    bench::model::compute(execution);
    return call.forward(transfer, 0);
}
Outcome give_back(const CallResult& result) {
    bench::model::compute(answering);
    return result.error;
}

}  // namespace

int main() {
    static Client driver{"model-driver"};
    const auto found = driver.identifier(bench::model::transfer);
    if (!found) return 1;
    transfer = *found;
    execution = bench::model::number_argument(1);
    answering = bench::model::number_argument(2);
    static Server server{startup().name};
    server.on(bench::model::work, execute);
    server.on_result(driver, bench::model::transfer, give_back);
    return static_cast<int>(server.run());
}
