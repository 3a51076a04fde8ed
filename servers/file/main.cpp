// file: the file server. docs/file-server.md
#include "requests.hpp"

#include <ant/abi/manifest.hpp>

#include <memory>
#include <optional>

#ifndef FILE_VERSION
#define FILE_VERSION 1
#endif

// The deadline is long: a slow disk keeps a call waiting, and libext2fs with it.
ANT_MANIFEST(.version = FILE_VERSION, .name = "file", .priority = ant::abi::priority::server,
             .privileges = ant::abi::privilege::list, .state_writes = ant::file_server::state_format,
             .state_reads = 1 | 1 << ant::file_server::state_format, .deadline_us = 5'000'000, .quota_pages = 16384,
             .quota_calls = 128, .restart = 1, .callees = "cache");

namespace ant::file_server {

namespace {

// Built by main(), in memory that costs the program's file nothing.
alignas(Requests) constinit std::byte requests_memory[sizeof(Requests)]{};
std::optional<Tables> tables;

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

// The same after a failure as in a planned replacement.
void restore(sys::State registered) {
    auto left = Tables::adopt(registered);
    if (!left) {
        log("the state is damaged: handles, locks and what was not yet on the disk are lost");
        (void)AreaKeeper{}.sweep();
        begin(Tables::create());
        requests.start(*tables);
        return;
    }
    begin(std::move(left));
    sweep();
    requests.resume(*tables);
}

}  // namespace

Requests& requests = reinterpret_cast<Requests&>(requests_memory);

}  // namespace ant::file_server

int main() {
    using namespace ant::file_server;
    static ant::Server server{ant::startup().name};
    std::construct_at(&requests, server);
    requests.register_handlers();
    server.redeliver_deferred();
    server.on_start([] {
        begin(Tables::create());
        requests.start(*tables);
    });
    server.on_restore(restore);
    const ant::Error error = server.run();
    ant::panic("%s", ant::error_text(error));
}
