// inet: the protocol control server (P-tcp 3).
#include "protocol_management.hpp"
#include "request_management.hpp"
#include "socket_management.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/process.hpp>

#ifndef INET_VERSION
#define INET_VERSION 1
#endif

ANT_MANIFEST(.version = INET_VERSION, .name = "inet", .priority = ant::abi::priority::server,
             .privileges = ant::abi::privilege::list, .state_writes = ant::inet_server::HandOver::format,
             .state_reads = 1 | 1 << ant::inet_server::HandOver::format, .quota_pages = 8192, .quota_calls = 256,
             .callees = "rtl8139");

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

Requests& requests = reinterpret_cast<Requests&>(requests_memory);

constexpr ProtocolEvents events{[](std::uint32_t ticket, std::uint32_t ip) { requests.resolved(ticket, ip); },
                                [](std::uint16_t sequence, const inet::Pong& pong) { requests.pong(sequence, pong); }};

void start() {
    const auto started = protocol.start();
    if (!started) panic("%s: %s", startup().name, error_text(started.error()));
}

void save() {
    static Ica kept;  // if the replacement is called off after this, the next one saves anew
    auto area = Ica::reserve(HandOver::area_bytes);
    if (!area) return log("%s: no memory for the state", startup().name);
    kept = std::move(*area);
    auto* state = std::construct_at(kept.as<HandOver>());
    requests.save(*state);
    protocol.save(*state);
    (void)sys::state_register(kept.address(), HandOver::format);
}

// Connections end with the process that had them.
void restore(sys::State registered) {
    start();
    if (registered.address == 0) return;
    const auto area = Ica::adopt(registered.address);
    if (area && area->as<HandOver>()->plausible(area->size())) requests.take_over(*area->as<HandOver>());
}

}  // namespace

Protocol& protocol = reinterpret_cast<Protocol&>(protocol_memory);
Sockets& sockets = reinterpret_cast<Sockets&>(sockets_memory);

}  // namespace ant::inet_server

int main() {
    using namespace ant::inet_server;
    static ant::Server server{ant::startup().name};
    std::construct_at(&protocol, events);
    std::construct_at(&sockets, protocol.areas());
    std::construct_at(&requests, server);
    requests.register_handlers();
    server.on_start(start);
    server.on_save(save);
    server.on_restore(restore);
    const ant::Error error = server.run();
    ant::panic("%s: %s", ant::startup().name, ant::error_text(error));
}
