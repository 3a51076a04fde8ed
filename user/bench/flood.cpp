// bench-flood RATE PORT: so many datagrams a second from rtl8139.1 to that port of inet, whatever becomes of them. It calls the
// driver itself, and goes before everything that works for the receiver: like a machine at the other end of the wire.
#include <ant/abi/manifest.hpp>
#include <ant/client.hpp>
#include <ant/interface/inet.hpp>
#include <ant/interface/nic.hpp>
#include <ant/process.hpp>

#include <bit>
#include <charconv>
#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-flood", .priority = 28, .callees = "*");

namespace {

using namespace ant;

constexpr unsigned burst = 32, datagram_bytes = 64;
constexpr std::uint64_t ns_per_s = 1'000'000'000, ns_per_us = 1'000;

struct [[gnu::packed]] Frame {
    std::uint8_t to[6], from[6];
    std::uint16_t type = std::byteswap<std::uint16_t>(0x0800);
    std::uint8_t version = 0x45, service = 0;
    std::uint16_t bytes = std::byteswap<std::uint16_t>(20 + 8 + datagram_bytes), id = 0, fragment = 0;
    std::uint8_t time_to_live = 64, protocol = 17;
    std::uint16_t ip_checksum = 0;  // the card's work
    std::uint32_t source, destination;
    std::uint16_t source_port, destination_port;
    std::uint16_t udp_bytes = std::byteswap<std::uint16_t>(8 + datagram_bytes), udp_checksum = 0;
    std::uint8_t data[datagram_bytes] = {};
};

struct Burst {
    nic::TransmitHead head{burst, 0};
    nic::Fragment fragment[burst];
};
constexpr Function<Burst> transmit{nic::transmit.name, nic::transmit.op, nic::transmit.attributes};

std::uint64_t number(unsigned which) {
    std::uint64_t value = 0;
    std::from_chars(argument(which), argument(which) + std::strlen(argument(which)), value);
    return value;
}

Result<> run() {
    Client to_inet{"inet"}, from_inet{"inet.1"}, driver{"rtl8139.1"};
    const auto to = ANT_TRY(to_inet.call(inet::interface_state)).result,
               from = ANT_TRY(from_inet.call(inet::interface_state)).result;
    const Ica area = ANT_TRY(Ica::reserve(abi::page_size));
    Frame& frame = *new (area.as<void>()) Frame;
    std::memcpy(frame.to, to.mac, sizeof frame.to);
    std::memcpy(frame.from, from.mac, sizeof frame.from);
    frame.source = std::byteswap(from.ip);
    frame.destination = std::byteswap(to.ip);
    frame.source_port = frame.destination_port = std::byteswap(static_cast<std::uint16_t>(number(2)));
    Burst request;
    constexpr auto flags = nic::fragment_flag::last | nic::fragment_flag::ip_checksum | nic::fragment_flag::udp_checksum;
    for (auto& fragment : request.fragment) fragment = {area.address(), sizeof frame, flags, 0};
    const abi::DataListEntry lent{area.address(), 1, static_cast<std::uint32_t>(abi::DataMode::lend_read)};
    const std::uint64_t interval_ns = burst * ns_per_s / number(1);
    for (std::uint64_t due = clock_ns();; due += interval_ns) {
        const std::uint64_t now = clock_ns();
        if (now < due) wait_us((due - now) / ns_per_us);
        ANT_TRY(driver.call_list(transmit, std::span{&lent, 1}, request));
    }
}

}  // namespace

int main() {
    const auto ended = run();
    log("%s", error_text(ended.error()));
    return 1;
}
