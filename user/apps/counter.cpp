// counter: a server whose total survives its replacement.
#include "counter.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/server.hpp>
#include <ant/state.hpp>

#include <optional>

namespace {

constexpr std::uint32_t state_format = 1;
std::optional<ant::StateArea> area;
counter::Total* total = nullptr;  // lies in the state area, so that there is nothing to save

void use(ant::Result<ant::StateArea> state) {
    if (!state) ant::panic("no state: %s", ant::error_text(state.error()));
    area = std::move(*state);
    total = area->as<counter::Total>();
    if (total == nullptr) ant::panic("the state is too short");
}

ant::Outcome on_add(ant::Call call) {
    total->value += call.params<counter::Amount>().value;
    ++total->additions;
    return call.reply_with(*total);
}

}  // namespace

ANT_MANIFEST(.version = 1, .name = "counter", .priority = ant::abi::priority::server, .state_writes = state_format,
             .state_reads = 1 << 0 | 1 << state_format, .quota_pages = 8, .quota_calls = 4);

int main() {
    static ant::Server server{ant::startup().name};
    server.on(counter::add, on_add);
    server.on_start([] { use(ant::StateArea::create(sizeof(counter::Total), state_format)); });
    server.on_save([] { area->seal(); });
    server.on_restore([](ant::sys::State state) { use(ant::StateArea::adopt(state)); });
    ant::panic("cannot serve: %s", ant::error_text(server.run()));
}
