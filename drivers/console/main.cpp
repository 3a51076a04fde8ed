// The console driver: slot "console".

#include "console.hpp"

#include <ant/abi/manifest.hpp>

ANT_MANIFEST(.version = 1, .name = "console", .priority = ant::abi::priority::driver, .privileges = ant::abi::privilege::physical,
             .state_writes = ant::console::state_format, .state_reads = 1 << 0 | 1 << ant::console::state_format,
             .deadline_us = 250'000, .quota_pages = 64, .quota_calls = 16,
             .ports = {{ant::console::com1, 8},
                       {ant::console::keyboard_data, 1},
                       {ant::console::keyboard_status, 1},
                       {ant::console::crt_index, 2}},
             .irq = {4, 1}, .restart = 1);

namespace {

constinit ant::console::Console console;
constinit ant::Server* server = nullptr;

void restore(ant::sys::State state) {
    if (server->registered() == ant::abi::Registered::restarted) return console.recover(state);
    console.adopt(state);
}

}  // namespace

int main() {
    using ant::Call;
    ant::Server own{ant::startup().name};
    server = &own;
    own.on(ant::console::write, [](Call call) { return console.write(call); });
    own.on(ant::console::read, [](Call call) { return console.read(call); });
    own.on(ant::console::size, [](Call call) { return console.size(call); });
    own.on(ant::console::interrupt, [](Call call) { return console.interrupt(call); });
    own.before_receive([] { return console.work(); });
    own.on_start([] { console.start(); });
    own.on_restore(restore);
    const ant::Error error = own.run();
    ant::panic("console: cannot serve: %s", ant::error_text(error));
}
