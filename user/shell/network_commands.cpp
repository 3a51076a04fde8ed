// net and ping.
#include "commands.hpp"
#include "http.hpp"
#include "interrupt_watch.hpp"
#include "json.hpp"
#include "network.hpp"
#include "records.hpp"

#include <ant/interface/nic.hpp>
#include <ant/process.hpp>

namespace ant::shell {
namespace {

using ull = unsigned long long;

constexpr std::uint64_t call_timeout_us = 2'000'000;
constexpr unsigned max_interfaces = 16;

const char* dhcp_name(std::uint32_t dhcp) { return dhcp == 0 ? "static" : dhcp == 1 ? "asking" : "bound"; }

struct IpText {
    char text[16];
    explicit IpText(std::uint32_t ip) {
        format(text, sizeof text, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
    }
};
struct MacText {
    char text[18];
    explicit MacText(const std::uint8_t (&m)[6]) {
        format(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    }
};

// Slots "inet", "inet.1", ...
struct InetSlots {
    unsigned count = 0;
    char name[max_interfaces][abi::name_bytes];
};
InetSlots inet_slots() {
    InetSlots slots;
    (void)for_each_record<abi::ServerRecord>(abi::ListKind::servers, [&](const abi::ServerRecord& record) {
        const std::string_view name = name_of(record.name);
        const bool matches = name == "inet" || name.starts_with("inet.");
        if (matches && slots.count < max_interfaces && name.size() < abi::name_bytes)
            __builtin_memcpy(slots.name[slots.count++], record.name, sizeof record.name);
    });
    return slots;
}

Result<nic::Statistics> driver_statistics(const inet::Interface& interface) {
    char slot[sizeof interface.name + 1] = {};
    __builtin_memcpy(slot, interface.name, sizeof interface.name);
    if (interface.attached == 0 || slot[0] == 0) return Failure(Error::no_server);
    Client driver{slot};
    const auto answer = driver.call(nic::statistics, {}, {}, call_timeout_us);
    if (!answer) return Failure(answer.error());
    return answer->result;
}

void print_interface(const char* slot, const inet::Interface& i) {
    out.print("%s: driver %.16s, %s, link %s, %s, mtu %u\n", slot, i.attached != 0 ? i.name : "none", MacText{i.mac}.text,
              i.link_up != 0 ? "up" : "down", dhcp_name(i.dhcp), i.mtu);
    out.print("  address %s netmask %s gateway %s dns %s\n", IpText{i.ip}.text, IpText{i.netmask}.text, IpText{i.gateway}.text,
              IpText{i.dns}.text);
    out.print("  received %llu packets, %llu bytes; sent %llu packets, %llu bytes\n", static_cast<ull>(i.received_packets),
              static_cast<ull>(i.received_bytes), static_cast<ull>(i.sent_packets), static_cast<ull>(i.sent_bytes));
    out.print("  dropped %llu, errors %llu, retransmissions %llu, bad checksums %llu\n", static_cast<ull>(i.dropped),
              static_cast<ull>(i.errors), static_cast<ull>(i.retransmissions), static_cast<ull>(i.bad_checksums));
    out.print("  sockets %u, connections %u, listeners %u, datagram sockets %u\n", i.sockets, i.connections, i.listeners,
              i.datagram_sockets);
}

void print_statistics(const char* driver, const nic::Statistics& s) {
    out.print("  %.16s: sent %llu packets, %llu bytes, %llu errors; received %llu packets, %llu bytes, %llu errors\n", driver,
              static_cast<ull>(s.transmitted_packets), static_cast<ull>(s.transmitted_bytes), static_cast<ull>(s.transmit_errors),
              static_cast<ull>(s.received_packets), static_cast<ull>(s.received_bytes), static_cast<ull>(s.receive_errors));
    out.print("  missed %llu, overflows %llu, dropped %llu, interrupts %llu, resets %llu\n", static_cast<ull>(s.missed),
              static_cast<ull>(s.receive_overflows), static_cast<ull>(s.dropped), static_cast<ull>(s.interrupts),
              static_cast<ull>(s.resets));
}

void describe(Json& json, const char* slot, const inet::Interface& i) {
    json.text("inet", slot);
    json.text("driver", name_of(i.name));
    json.boolean("attached", i.attached != 0);
    json.text("mac", MacText{i.mac}.text);
    json.number("mtu", i.mtu);
    json.boolean("up", i.up != 0);
    json.boolean("link_up", i.link_up != 0);
    json.text("dhcp", dhcp_name(i.dhcp));
    json.text("ip", IpText{i.ip}.text);
    json.text("netmask", IpText{i.netmask}.text);
    json.text("gateway", IpText{i.gateway}.text);
    json.text("dns", IpText{i.dns}.text);
    json.number("received_packets", i.received_packets);
    json.number("received_bytes", i.received_bytes);
    json.number("sent_packets", i.sent_packets);
    json.number("sent_bytes", i.sent_bytes);
    json.number("dropped", i.dropped);
    json.number("errors", i.errors);
    json.number("retransmissions", i.retransmissions);
    json.number("bad_checksums", i.bad_checksums);
    json.number("sockets", i.sockets);
    json.number("connections", i.connections);
    json.number("listeners", i.listeners);
    json.number("datagram_sockets", i.datagram_sockets);
}

void describe(Json& json, const nic::Statistics& s) {
    json.begin_object("statistics");
    json.number("transmitted_packets", s.transmitted_packets);
    json.number("transmitted_bytes", s.transmitted_bytes);
    json.number("transmit_errors", s.transmit_errors);
    json.number("received_packets", s.received_packets);
    json.number("received_bytes", s.received_bytes);
    json.number("receive_errors", s.receive_errors);
    json.number("missed", s.missed);
    json.number("receive_overflows", s.receive_overflows);
    json.number("dropped", s.dropped);
    json.number("interrupts", s.interrupts);
    json.number("resets", s.resets);
    json.end_object();
}

// One interface that does not answer hides none of the others.
int show_interface(const char* slot, bool as_json, Json& json) {
    Client inet{slot};
    const auto answer = inet.call(inet::interface_state, {}, {}, call_timeout_us);
    if (as_json) {
        json.begin_object();
        if (answer) {
            describe(json, slot, answer->result);
            if (const auto statistics = driver_statistics(answer->result)) describe(json, *statistics);
        } else {
            json.text("inet", slot);
            json.text("error", error_text(answer.error()));
        }
        json.end_object();
        return answer ? status::success : status::failure;
    }
    if (!answer) {
        out.print("%s: ", slot);
        return fail(answer.error());
    }
    print_interface(slot, answer->result);
    if (const auto statistics = driver_statistics(answer->result)) print_statistics(answer->result.name, *statistics);
    return status::success;
}

}  // namespace

int show_network(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    const InetSlots slots = inet_slots();
    if (slots.count == 0 && !as_json) return fail(Error::no_server);
    Json json;
    if (as_json) json.begin_array();
    int worst = status::success;
    for (unsigned i = 0; i < slots.count; ++i) worst = std::max(worst, show_interface(slots.name[i], as_json, json));
    if (as_json) json.end_array(), json.end_line();
    return worst;
}

namespace {

constexpr std::uint32_t ping_timeout_us = 1'000'000;
constexpr std::uint64_t ping_interval_us = 1'000'000;
constexpr std::uint64_t watch_interval_us = 100'000;
constexpr std::uint16_t ping_bytes = 56;

Result<> ping_once(std::uint32_t ip, std::uint16_t sequence) {
    const auto pong =
        inet_client.call(inet::ping, {.ip = ip, .sequence = sequence, .bytes = ping_bytes, .timeout_us = ping_timeout_us}, {},
                         2 * ping_timeout_us);
    if (!pong) return Failure(pong.error());
    const auto& r = pong->result;
    out.print("%u bytes from %s: seq=%u ttl=%u time=%llu.%03llu ms\n", r.bytes, IpText{ip}.text, sequence, r.time_to_live,
              static_cast<ull>(r.round_trip_ns / 1'000'000), static_cast<ull>(r.round_trip_ns / 1000 % 1000));
    return {};
}

// The rest of the second between two echoes. false: Ctrl-C.
bool pause(InterruptWatch& watch, std::uint64_t until_us) {
    while (!watch.fired()) {
        const std::uint64_t now = clock_us();
        if (now >= until_us) return true;
        wait_us(std::min(until_us - now, watch_interval_us));
    }
    return false;
}

}  // namespace

int ping_host(Arguments& arguments) {
    const auto count = parse_number(arguments.size() < 3 ? "4" : arguments[2]);
    if (arguments.size() < 2 || arguments.size() > 3 || !count || *count == 0) return status::show_usage;
    const auto ip = resolve(arguments[1]);
    if (!ip) return fail(ip.error());
    InterruptWatch watch;
    unsigned sent = 0, received = 0;
    while (sent < *count && !watch.fired()) {
        const std::uint64_t start = clock_us();
        const auto echo = ping_once(*ip, static_cast<std::uint16_t>(++sent));
        if (echo) {
            ++received;
        } else {
            out.print("seq=%u ", sent);
            (void)fail(echo.error());
        }
        out.flush();
        if (sent < *count && !pause(watch, start + ping_interval_us)) break;
    }
    out.print("sent=%u received=%u\n", sent, received);
    return received != 0 ? status::success : status::failure;
}

}  // namespace ant::shell
