// The console driver: slot "console".

#include "console.hpp"

#include <ant/abi/manifest.hpp>

ANT_MANIFEST(.version = 1, .name = "console", .priority = ant::abi::priority::driver, .privileges = ant::abi::privilege::physical,
             .state_writes = ant::console::state_format, .state_reads = 1 << 0 | 1 << ant::console::state_format,
             .quota_pages = 64, .quota_calls = 16,
             .ports = {{ant::console::com1, 8},
                       {ant::console::keyboard_data, 1},
                       {ant::console::keyboard_status, 1},
                       {ant::console::crt_index, 2}},
             .irq = {4, 1});

namespace {

constinit ant::console::Console console;

}  // namespace

int main() {
    using ant::Call;
    ant::Server server{ant::startup().name};
    server.on(ant::console::write, [](Call call) { return console.write(call); });
    server.on(ant::console::read, [](Call call) { return console.read(call); });
    server.on(ant::console::size, [](Call call) { return console.size(call); });
    server.on(ant::console::interrupt, [](Call call) { return console.interrupt(call); });
    server.before_receive([] { return console.work(); });
    server.on_start([] { console.start(); });
    server.on_restore([](ant::sys::State state) { console.adopt(state); });
    server.on_save([] { console.prepare_hand_over(); });
    const ant::Error error = server.run();
    ant::panic("console: cannot serve: %s", ant::error_text(error));
}
