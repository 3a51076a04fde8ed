// model-driver COMPUTATION: so many increments, then the wait for its device; one request at a time.
#include "model.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>

ANT_MANIFEST(.version = 1, .name = "model-driver", .priority = ant::abi::priority::driver);

namespace {

using namespace ant;

std::uint64_t computation = 0;

Outcome transfer(Call) {
    bench::model::compute(computation);
    wait_us(bench::model::device_us);
    return Call::reply();
}

}  // namespace

int main() {
    computation = bench::model::number_argument(1);
    static Server server{startup().name};
    server.on(bench::model::transfer, transfer);
    return static_cast<int>(server.run());
}
