#include "network_load.hpp"

#include <ant/child.hpp>
#include <ant/process.hpp>

namespace ant::bench {
namespace {

constexpr std::uint64_t pause_us = 5'000, patience_us = 20'000'000;
constexpr std::uint32_t sink_ip = 0x0a4d0001, source_ip = 0x0a4d0002, netmask = 0xffffff00;  // 10.77.0.1 and .2
constexpr std::uint64_t bytes_of_a_running_transfer = 1 << 20;

Result<inet::Interface> interface_of(Client& server) { return ANT_TRY(server.call(inet::interface_state)).result; }

// `ready(interface)` says when there is nothing more to wait for.
template <class Ready>
Result<> wait_for(Client& server, Ready ready) {
    for (std::uint64_t waited = 0; waited < patience_us; waited += pause_us) {
        if (ready(ANT_TRY(interface_of(server)))) return {};
        wait_us(pause_us);
    }
    return Failure(Error::timed_out);
}

struct Text {
    char digits[16];
    explicit Text(std::uint32_t number) { format(digits, sizeof digits, "%u", number); }
};

}  // namespace

// A driver attaches itself to its inet some time after the prompt has come.
Result<> NetworkLoad::configure(Client& server, std::uint32_t ip) {
    ANT_TRY(wait_for(server, [](const inet::Interface& i) { return i.attached != 0; }));
    ANT_TRY(server.call(inet::configure, {ip, netmask, 0, 0}));
    return wait_for(server, [ip](const inet::Interface& i) { return i.up != 0 && i.link_up != 0 && i.ip == ip; });
}

Result<> NetworkLoad::connect() {
    ANT_TRY(configure(receiving_, sink_ip));
    return configure(sending_, source_ip);
}

Result<> NetworkLoad::start_transfer() {
    ANT_TRY(start_child("bench-transfer", {"sink", "5555"}, {.as = "bench-sink"}));
    ANT_TRY(start_child("bench-transfer", {"source", "inet.1", Text{sink_ip}.digits, "5555"}, {.as = "bench-source"}));
    const std::uint64_t before = ANT_TRY(bytes_received());
    return wait_for(receiving_,
                    [before](const inet::Interface& i) { return i.received_bytes - before >= bytes_of_a_running_transfer; });
}

Result<> NetworkLoad::open_connections() {
    const std::uint32_t before = ANT_TRY(interface_of(receiving_)).connections;
    ANT_TRY(start_child("bench-transfer", {"keep", "5556"}, {.as = "bench-keep"}));
    ANT_TRY(start_child("bench-transfer", {"open", "inet.1", Text{sink_ip}.digits, "5556", Text{idle_connections}.digits},
                        {.as = "bench-open"}));
    return wait_for(receiving_, [before](const inet::Interface& i) { return i.connections >= before + idle_connections; });
}

std::uint32_t NetworkLoad::ip_of(unsigned inet) { return inet == 0 ? sink_ip : source_ip; }

void NetworkLoad::end() {
    for (const char* name : {"bench-source", "bench-sink", "bench-open", "bench-keep"}) stop_child(name);
}

Result<std::uint64_t> NetworkLoad::bytes_received() { return ANT_TRY(interface_of(receiving_)).received_bytes; }

}  // namespace ant::bench
