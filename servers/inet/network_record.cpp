// What the protocol keeps of the network for the next process, and how it goes on there.
#include "protocol_management.hpp"

#include <ant/process.hpp>

#include <lwip/dhcp.h>
#include <lwip/timeouts.h>

namespace ant::inet_server {

namespace {

template <class T>
void keep(Records<T>& records, unsigned index, T& known, const T& now) {
    if (__builtin_memcmp(&known, &now, sizeof now) == 0) return;
    known = now;
    records.commit(index, now);
}

}  // namespace

// Neighbours and the lease's age need not be on record at once: they can be asked for again.
void Protocol::look_at_network(void* self) {
    static_cast<Protocol*>(self)->keep_network();
    sys_timeout(network_interval_ms, look_at_network, self);
}

void Protocol::keep_network() {
    NetRecord net{};
    net.key = key_;
    net.card = card_;
    net.driver_slot = driver_slot_;
    net.ping_id = ping_id_;
    net.addressing = static_cast<std::uint8_t>(addressing_);
    save_addresses(netif_, net);
    keep(net_records_, 0, net_record_, net);
    keep(lease_records_, 0, lease_record_, save_lease(netif_, lease_record_, clock_ns()));
    for (unsigned i = 0; i < neighbour_capacity; ++i) keep(neighbour_records_, i, neighbours_[i], save_neighbour(i, netif_));
}

// Without an address or a driver no connection goes on.
bool Protocol::network_changed() const {
    return netif_ip4_addr(&netif_)->addr != net_record_.ip || driver_slot_ != net_record_.driver_slot ||
           static_cast<std::uint8_t>(addressing_) != net_record_.addressing ||
           (netif_is_link_up(&netif_) != 0) != (net_record_.link_up != 0);
}

void Protocol::restore(Server& server, Server::ResultHandler transmitted) {
    if (net_records_.load(0, net_record_) != record::Found::good) return;
    key_ = net_record_.key;
    ping_id_ = net_record_.ping_id;
    if (net_record_.driver_slot == 0 || !use_driver(server, net_record_.card, transmitted)) return;
    use_card(net_record_.card, net_record_.driver_slot);
    netif_set_up(&netif_);
    addressing_ = static_cast<Addressing>(net_record_.addressing);
    restore_addresses(netif_, net_record_);
    (void)lease_records_.load(0, lease_record_);
    const bool leased = addressing_ == Addressing::asking && restore_lease(netif_, lease_record_, clock_ns());
    if (net_record_.link_up != 0) netif_.flags |= NETIF_FLAG_LINK_UP;  // nobody has to hear of it
    if (addressing_ == Addressing::asking && !leased) ask_for_address();
    for (unsigned i = 0; i < neighbour_capacity; ++i)
        if (neighbour_records_.load(i, neighbours_[i]) == record::Found::good) restore_neighbour(netif_, neighbours_[i]);
}

}  // namespace ant::inet_server
