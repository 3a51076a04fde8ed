// inet: the protocol control server (P-tcp 3).
#include "protocol_management.hpp"
#include "recovery.hpp"
#include "request_management.hpp"
#include "socket_management.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/process.hpp>

#include <optional>

#ifndef INET_VERSION
#define INET_VERSION 1
#endif

ANT_MANIFEST(.version = INET_VERSION, .name = "inet", .priority = ant::abi::priority::server,
             .privileges = ant::abi::privilege::list, .state_writes = ant::inet_server::Tables::format,
             .state_reads = ant::inet_server::Tables::readable, .deadline_us = 100'000, .quota_pages = 8192, .quota_calls = 256,
             .restart = 1, .callees = "rtl8139");

namespace ant::inet_server {

namespace {

// Built by main(), in memory that costs the program's file nothing.
template <class T>
struct Later {
    alignas(T) std::byte bytes[sizeof(T)];
};
constinit Later<Protocol> protocol_memory{};
constinit Later<Sockets> sockets_memory{};
constinit Later<Requests> requests_memory{};
constinit Later<Recovery> recovery_memory{};

Server* server = nullptr;
std::optional<Tables> tables;
Recovery& recovery = reinterpret_cast<Recovery&>(recovery_memory);

constexpr ProtocolEvents events{[](std::uint32_t ticket, std::uint32_t ip) { requests.resolved(ticket, ip); },
                                [](std::uint16_t sequence, const inet::Pong& pong) { requests.pong(sequence, pong); }};

// A socket's number is not used again soon, also by the next process.
std::uint32_t first_generation() {
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    return static_cast<std::uint32_t>(clock_ns() / ns_per_ms);
}

void begin(Result<Tables> with) {
    if (!with) panic("no state: %s", error_text(with.error()));
    tables = *with;
    const auto started = protocol.start(*tables);
    if (!started) panic("%s", error_text(started.error()));
    sockets.start(tables->sockets, tables->directory(), first_generation());
}

void start() { begin(Tables::create(server->write_format())); }

// The format of the program before while on probation, then our own.
void settle() {
    const auto changed = tables->change_format(server->write_format());
    if (!changed) return log("the state stays in format %u: %s", tables->store.format(), error_text(changed.error()));
    protocol.connections().use_records(tables->connections);
}

// The same after a failure as in a planned replacement.
void restore(sys::State registered) {
    auto left = Tables::adopt(registered);
    const bool usable = left.has_value();
    if (!usable) {
        if (registered.address != 0) log("the state is damaged: sockets and connections are lost");
        (void)AreaKeeper{}.sweep();
    }
    begin(usable ? std::move(left) : Tables::create(server->write_format()));
    protocol.restore(*server, Requests::transmitted);
    if (usable) recovery.begin(*tables);
    settle();
    requests.resume(Connections::Lost::by_server);
}

}  // namespace

Protocol& protocol = reinterpret_cast<Protocol&>(protocol_memory);
Sockets& sockets = reinterpret_cast<Sockets&>(sockets_memory);
Requests& requests = reinterpret_cast<Requests&>(requests_memory);

}  // namespace ant::inet_server

int main() {
    using namespace ant::inet_server;
    static ant::Server the_server{ant::startup().name};
    server = &the_server;
    std::construct_at(&protocol, events, [] { sockets.commit(); });
    std::construct_at(&sockets, protocol.areas(), protocol.pages(), protocol.connections());
    std::construct_at(&requests, the_server);
    std::construct_at(&recovery, sockets, the_server);
    requests.register_handlers();
    the_server.redeliver_deferred();
    the_server.on_start(start);
    the_server.on_restore(restore);
    the_server.on_save([] { sockets.commit(); });  // also what nobody has heard of yet
    the_server.on_settled(settle);
    const ant::Error error = the_server.run();
    ant::panic("%s", ant::error_text(error));
}
