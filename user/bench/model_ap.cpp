// model-ap: an application process of the model. It waits, calls the server, and again; then says how long each call took.
#include "model.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>

ANT_MANIFEST(.version = 1, .name = "model-ap", .priority = ant::abi::priority::application, .callees = "model-server");

namespace {

using namespace ant;

Client server{"model-server"};

Outcome run(Call call) {
    bench::model::Responses responses{};
    for (std::uint64_t& ns : responses.ns) {
        wait_us(bench::model::think_us);
        const std::uint64_t asked = clock_ns();
        const auto answer = server.call(bench::model::work);
        if (!answer) return answer.error();
        ns = clock_ns() - asked;
    }
    return call.reply_with(responses);
}

Outcome burn(Call call) {
    const std::uint64_t begin = clock_ns();
    bench::model::compute(call.params<bench::model::Number>().value);
    return call.reply_with(bench::model::Number{clock_ns() - begin});
}

}  // namespace

int main() {
    static Server self{startup().name};
    self.on(bench::model::run, run);
    self.on(bench::model::burn, burn);
    return static_cast<int>(self.run());
}
