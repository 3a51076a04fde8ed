// file: the file server. docs/file-server.md
#include "requests.hpp"

#include <ant/abi/manifest.hpp>

#include <memory>
#include <optional>

// The deadline is long: a slow disk keeps a call waiting, and libext2fs with it.
ANT_MANIFEST(.version = ant::file_server::state_format, .name = "file", .priority = ant::abi::priority::server,
             .privileges = ant::abi::privilege::list, .state_writes = ant::file_server::state_format,
             .state_reads = ant::file_server::HandleRecords::readable, .deadline_us = 5'000'000, .quota_pages = 16384,
             .quota_calls = 128, .restart = 1, .callees = "cache");

namespace ant::file_server {

namespace {

// Built by main(), in memory that costs the program's file nothing.
alignas(Requests) constinit std::byte requests_memory[sizeof(Requests)]{};
std::optional<Tables> tables;
Server* server = nullptr;

void begin(Result<Tables> with) {
    if (!with) panic("no state: %s", error_text(with.error()));
    tables = *with;
}

void sweep() {
    AreaKeeper keeper;
    tables->store.for_each_area([&](std::uint64_t area) { keeper.keep(area); });
    for (unsigned i = 0; i < tables->volumes.capacity(); ++i) {
        VolumeRecord record{};
        if (tables->volumes.load(i, record) == record::Found::good && record.area != 0 && sys::ica_info(record.area))
            keeper.keep(record.area);
    }
    if (const auto swept = keeper.sweep(); !swept) log("areas cannot be released: %s", error_text(swept.error()));
}

void start() {
    begin(Tables::create(server->write_format()));
    requests.start(*tables);
}

// The format of the program before while on probation, then our own.
void settle() {
    const auto changed = tables->change_format(server->write_format());
    if (!changed) return log("the state stays in format %u: %s", tables->store.format(), error_text(changed.error()));
    requests.format_changed();
}

// The same after a failure as in a planned replacement.
void restore(sys::State registered) {
    auto left = Tables::adopt(registered);
    if (!left) {
        log("the state is damaged: handles, locks and what was not yet on the disk are lost");
        (void)AreaKeeper{}.sweep();
        start();
        return;
    }
    begin(std::move(left));
    sweep();
    requests.resume(*tables);
    settle();
}

}  // namespace

Requests& requests = reinterpret_cast<Requests&>(requests_memory);

}  // namespace ant::file_server

int main() {
    using namespace ant::file_server;
    static ant::Server the_server{ant::startup().name};
    server = &the_server;
    std::construct_at(&requests, the_server);
    requests.register_handlers();
    the_server.redeliver_deferred();
    the_server.on_start(start);
    the_server.on_restore(restore);
    the_server.on_settled(settle);
    const ant::Error error = the_server.run();
    ant::panic("%s", ant::error_text(error));
}
