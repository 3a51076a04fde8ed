// Protocol management: lwIP, the network interface with its NIC driver, addresses (DHCP or static), names, echo requests, timers.
#pragma once

#include "checksum.hpp"
#include "large_receive.hpp"
#include "receive_pages.hpp"
#include "recovery.hpp"
#include "sent_areas.hpp"
#include "transmitter.hpp"

#include <ant/interface/inet.hpp>

#include <lwip/ip4_addr.h>
#include <lwip/netif.h>

#include <cstdint>

struct raw_pcb;

namespace ant::inet_server {

// Answers that arrive later, by the number that the asker chose.
struct ProtocolEvents {
    void (*resolved)(std::uint32_t ticket, std::uint32_t ip);  // ip 0: no such name
    void (*pong)(std::uint16_t sequence, const inet::Pong& pong);
};

class Protocol {
public:
    Protocol(const ProtocolEvents& events, void (*commit)())
        : events_{events}, commit_{commit}, transmitter_{areas_, packet_memory_, commit} {}

    // Reserves lwIP's memory and starts it. Once.
    Result<> start(const Tables& tables);
    // The interface as the process before had it, with its driver.
    void restore(Server& server, Server::ResultHandler transmitted);

    // The driver in slot `attach.driver` has a card for us.
    Result<> attach(Server& server, const inet::Attach& attach, std::uint32_t slot, Server::ResultHandler transmitted);
    [[nodiscard]] bool attached() const { return driver_slot_ != 0; }
    [[nodiscard]] std::uint32_t driver_slot() const { return driver_slot_; }
    void set_link(bool up);
    void input(pbuf* frame, std::uint32_t frame_flags);
    // Those that were joined, when no more come.
    void end_input();
    // What TCP sends, in front of IP.
    err_t send_segment(pbuf* packet, const ip4_addr_t& source, const ip4_addr_t& destination, std::uint8_t ttl, std::uint8_t tos,
                       std::uint8_t proto, netif* interface);
    // By this function.
    void take_frames(netif_input_fn by) { netif_.input = by; }
    void transmitted(const CallResult& result);

    // Packets that this host sent to itself.
    void poll_loopback() {
        netif* interface;
        NETIF_FOREACH(interface) if (interface->loop_first != nullptr) return deliver_looped();
    }
    // Runs what is due. -> us until the next timer
    std::uint64_t run_timers(std::uint64_t now_ns);
    // Sends what was produced. Before each receive.
    void finish_batch();
    // Releases areas that nobody needs any more, once the answers to the calls that brought them have left.
    void collect_areas();

    void configure(const inet::Configure& addresses);
    // true: known, `ip` is set. false: ProtocolEvents::resolved will tell.
    Result<bool> resolve(const char* name, std::uint32_t ticket, std::uint32_t& ip);
    Result<> ping(const inet::Ping& ping, std::uint16_t sequence);
    void describe(inet::Interface& out) const;

    PacketMemory& packet_memory() { return packet_memory_; }
    ReceivePages& pages() { return pages_; }
    SentAreas& areas() { return areas_; }
    Transmitter& transmitter() { return transmitter_; }
    Connections& connections() { return connections_; }

    std::uint32_t random() { return static_cast<std::uint32_t>(keyed_hash(key_, ++random_count_, 0)); }
    [[nodiscard]] const HashKey& key() const { return key_; }

private:
    enum class Addressing : std::uint8_t { fixed, asking, fallback };
    static constexpr std::uint32_t dhcp_patience_ms = 10'000;
    static constexpr std::uint32_t network_interval_ms = 1000;

    void deliver_looped();
    void deliver(pbuf* frame, bool ip_good, bool transport_good);
    static err_t init_netif(netif* interface);
    static err_t link_output(netif* interface, pbuf* packet);
    static void dhcp_overdue(void* self);
    static std::uint8_t ping_answered(void* self, raw_pcb* pcb, pbuf* packet, const ip_addr_t*);
    static void name_found(const char* name, const ip_addr_t* address, void* ticket);
    void use_addresses(const inet::Configure& addresses, Addressing how);
    void ask_for_address();
    Result<> use_driver(Server& server, const inet::Attach& attach, Server::ResultHandler transmitted);
    void use_card(const inet::Attach& attach, std::uint32_t slot);
    void keep_network();
    [[nodiscard]] bool network_changed() const;
    static void look_at_network(void* self);
    void output_refused();

    const ProtocolEvents& events_;
    void (*commit_)();
    PacketMemory packet_memory_;
    ReceivePages pages_;
    SentAreas areas_;
    Transmitter transmitter_;
    Connections connections_;
    LargeReceive joined_;
    static constexpr unsigned max_joined = inet::max_frames;
    pbuf* joined_frames_[max_joined];
    unsigned joined_count_ = 0;
    HashKey key_{};
    std::uint64_t random_count_ = 0;
    netif netif_{};
    raw_pcb* ping_pcb_ = nullptr;
    std::uint16_t ping_id_ = 0;
    Addressing addressing_ = Addressing::fixed;
    inet::Attach card_{};
    std::uint32_t driver_slot_ = 0;
    char driver_name_[abi::name_bytes] = {};
    Client driver_{driver_name_};
    // What is on record of the network.
    Records<NetRecord> net_records_;
    Records<LeaseRecord> lease_records_;
    Records<NeighbourRecord> neighbour_records_;
    NetRecord net_record_{};
    LeaseRecord lease_record_{};
    NeighbourRecord neighbours_[ARP_TABLE_SIZE] = {};
    std::uint64_t received_packets_ = 0, received_bytes_ = 0, receive_errors_ = 0;
};

extern Protocol& protocol;

// An address in the environment or on the wire of our interface: host byte order. 0 if it is none.
std::uint32_t parse_address(const char* text);

}  // namespace ant::inet_server
