// Two cards on one hub, an inet on each, and traffic between them: a transfer at full rate, and open connections.
#pragma once

#include <ant/client.hpp>
#include <ant/interface/inet.hpp>

#include <cstdint>

namespace ant::bench {

class NetworkLoad {
public:
    static constexpr unsigned idle_connections = 100;

    // Gives both inets their addresses. Errors: not_found if there is only one card.
    Result<> connect();
    // Gives one its address, as soon as it has a card.
    static Result<> configure(Client& server, std::uint32_t ip);
    // A transfer from inet.1 to inet. Returns when it is running.
    Result<> start_transfer();
    // Connections between the same two that say nothing.
    Result<> open_connections();
    void end();
    // The address that `connect` gives to inet (0) or inet.1 (1).
    static std::uint32_t ip_of(unsigned inet);
    // By the inet that receives.
    Result<std::uint64_t> bytes_received();

private:
    Client receiving_{"inet"}, sending_{"inet.1"};
};

}  // namespace ant::bench
