// OS server for one RTL8139 card ("rtl8139", "rtl8139.1", ...). Its inet is named by the environment
// variable INET; MODE=classic keeps a C+ chip in classic mode.
#include "card_store.hpp"
#include "driver.hpp"
#include "mmio_bus.hpp"
#include "pci_card.hpp"
#include "state_conversion.hpp"
#include "system_host.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/areas_back.hpp>
#include <ant/interface/nic.hpp>
#include <ant/server.hpp>

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

ANT_MANIFEST(.version = rtl8139::NativeState::format, .name = "rtl8139", .priority = ant::abi::priority::driver,
             .state_writes = rtl8139::NativeState::format, .state_reads = rtl8139::readable_formats,
             .pci_id = rtl8139::pci_identity, .deadline_us = 100'000, .quota_pages = 2048, .restart = 1,
             .callees = "inet inet.1 inet.2 inet.3 guardian console");

namespace rtl8139 {
namespace {

using ant::Call;
using ant::Error;
using ant::Outcome;
using CardDriver = Driver<MmioBus, SystemHost>;

constinit ant::Server* server = nullptr;
constinit MmioBus bus;
constinit std::optional<ant::Client> inet;
constinit std::optional<SystemHost> host;
constinit std::optional<CardStore> store;
constinit std::optional<CardDriver> driver;
constinit NativeState scratch{};
using OtherState = std::conditional_t<std::is_same_v<NativeState, StateFormat1>, StateFormat2, StateFormat1>;
constinit OtherState other_scratch{};

[[noreturn]] void give_up(const char* why) {
    ant::log("%s", why);
    ant::exit(1);
}

// Life ------------------------------------------------------------------------------------------------

void log_card(const PciCard& card) {
    const ant::nic::Info info = driver->info();
    const bool descriptors = (info.features & ant::nic::feature::descriptor_rings) != 0;
    ant::log("RTL8139 rev %x at %02x:%02x.%u, %s mode, %02x:%02x:%02x:%02x:%02x:%02x, link %s", card.revision(), card.bus(),
             card.slot(), card.function(), descriptors ? "C+" : "classic", info.mac[0], info.mac[1], info.mac[2], info.mac[3],
             info.mac[4], info.mac[5], info.link_up ? "up" : "down");
}

void map_registers() {
    if (!ant::sys::device_map(MmioBus::bar, MmioBus::address)) ant::panic("the registers cannot be mapped");
}

NativeState& live() { return *reinterpret_cast<NativeState*>(store->card().live); }

// A store with a live area that is ours, or nothing.
std::optional<CardStore> believable(const ant::sys::State& registered) {
    auto adopted = CardStore::adopt(registered);
    if (!adopted) return std::nullopt;
    const auto area = ant::sys::ica_info(adopted->card().live);
    if (!area || area->pages != state_pages) return std::nullopt;
    return *adopted;
}

void create_store() {
    const std::uint64_t area = SystemHost::take_area(state_pages);
    if (area == 0) ant::panic("no memory for the state");
    const auto created = CardStore::create(server->write_format(), {.live = area, .settings = {}});
    if (!created) ant::panic("no state: %s", ant::error_text(created.error()));
    store = *created;
}

// What else the failed process had goes back: rings, buffers and empty pages are taken anew.
void sweep() {
    ant::AreaKeeper keeper;
    keeper.keep(store->card().live);
    store->for_each_area([&keeper](std::uint64_t area) { keeper.keep(area); });
    const auto swept = keeper.sweep();
    if (!swept) ant::log("the failed process's areas stay: %s", ant::error_text(swept.error()));
}

// The card, from whatever state it is in. It may not reach memory before it has been reset, nor may anybody else get
// memory that it could still write to.
void bring_up() {
    const PciCard card{ant::startup().device};
    card.enable_registers();
    map_registers();
    driver.emplace(bus, *host, live());
    if (!driver->reset_chip()) ant::panic("the card cannot be reset");
    if (server->registered() == ant::abi::Registered::restarted) sweep();
    card.enable_bus_master();
    const char* mode = ant::environment("MODE");
    const Error error = driver->start(mode != nullptr && std::strcmp(mode, "classic") == 0, store->card().settings);
    if (error != Error::none) ant::panic("the card cannot be used: %s", ant::error_text(error));
    ant::sys::phase(ant::abi::Phase::device);
    log_card(card);
}

void start() {
    create_store();
    bring_up();
}

// After a failure: the record is believed, and the counters; the chip and its memory begin anew.
void recover(const ant::sys::State& registered) {
    store = believable(registered);
    if (!store) {
        if (registered.address != 0) ant::log("the state is damaged: starting afresh");
        create_store();
    }
    ant::sys::phase(ant::abi::Phase::state);
    bring_up();
}

// The live area in the native layout, the record in the format that is to be written now.
void settle() {
    const auto changed = store->change_format(server->write_format());
    if (!changed) ant::log("the state stays in format %u: %s", store->format(), ant::error_text(changed.error()));
}

// Part of the blackout: no register is written.
void take_over(const ant::sys::State& registered) {
    store = believable(registered);
    NativeState* state = store ? adopt_state(store->card().live, scratch) : nullptr;
    if (state == nullptr) ant::panic("the state that is to be taken over makes no sense");
    if (registered.format != server->write_format()) settle();
    ant::sys::phase(ant::abi::Phase::state);
    map_registers();
    driver.emplace(bus, *host, *state);
    driver->resume();
    ant::sys::phase(ant::abi::Phase::device);
}

void restore(ant::sys::State registered) {
    if (server->registered() == ant::abi::Registered::restarted) return recover(registered);
    if (registered.address == 0) return start();
    take_over(registered);
}

// On probation the program before this one is the likely successor: it finds its own layout.
void save() {
    if (store->format() != NativeState::format) (void)adopt_state(store->card().live, other_scratch);
}

std::uint64_t before_receive() {
    // A hand-over that was called off.
    if (live().header.format != NativeState::format) [[unlikely]]
        (void)adopt_state(store->card().live, scratch);
    return driver->before_receive();
}

// Requests -----------------------------------------------------------------------------------------------

bool carries_data(Call call) { return (call.frame().flags & (ant::abi::flag::data_mask | ant::abi::flag::data_list)) != 0; }

Outcome on_transmit(Call call) {
    const auto result = driver->transmit(call);
    if (result.deferred) return Call::defer();
    if (result.error != Error::none) return with_areas_back(call, result.error);
    return Call::reply(result.value);
}

Outcome on_info(Call call) {
    if (carries_data(call)) return with_areas_back(call, Error::invalid_argument);
    return call.reply_with(driver->info());
}

Outcome on_statistics(Call call) {
    if (carries_data(call)) return with_areas_back(call, Error::invalid_argument);
    return call.reply_with(driver->statistics());
}

Outcome on_set_multicast(Call call) {
    if (carries_data(call)) return with_areas_back(call, Error::invalid_argument);
    const auto& filter = call.params<ant::nic::Multicast>();
    const Settings settings{filter.hash, filter.promiscuous != 0};
    store->commit({.live = store->card().live, .settings = settings});
    driver->set_filter(settings);
    return Call::reply();
}

// Results and events ------------------------------------------------------------------------------------------

// Pages that inet gave back. The chip must never get a page that is not ours: the core has checked them.
Outcome on_delivered(const ant::CallResult& result) {
    std::array<std::uint64_t, ant::abi::max_data_list> pages;
    std::size_t count = 0;
    for (const auto& entry : result.data_list()) {
        if (entry.pages == 1)
            pages[count++] = entry.address;
        else
            (void)ant::sys::ica_release(entry.address);
    }
    if (result.data != 0) (void)ant::sys::ica_release(result.data);
    driver->delivered(result.error, std::span{pages}.first(count));
    return {};
}

Outcome on_attached(const ant::CallResult& result) {
    driver->attached(result.error);
    return {};
}

void on_event(std::uint64_t events) {
    if (events & ant::abi::event::interrupt) driver->interrupt();
}

void prepare() {
    const char* inet_slot = ant::environment("INET");
    host.emplace(inet.emplace(inet_slot != nullptr ? inet_slot : "inet"));
    server->on(ant::nic::info, on_info);
    server->on(ant::nic::transmit, on_transmit);
    server->on(ant::nic::statistics, on_statistics);
    server->on(ant::nic::set_multicast, on_set_multicast);
    server->on_result(*inet, ant::inet::ethinput, on_delivered);
    server->on_result(*inet, ant::inet::ifattach, on_attached);
    server->on_event(on_event);
    server->before_receive(before_receive);
    server->on_start(start);
    server->on_restore(restore);
    server->on_save(save);
    server->on_settled(settle);
}

}  // namespace
}  // namespace rtl8139

int main() {
    using namespace rtl8139;
    // A process that replaces another has no device yet; what it takes over has been checked.
    if (ant::startup().replacing == 0) {
        if (const char* problem = PciCard{ant::startup().device}.problem()) give_up(problem);
    }
    ant::Server own{ant::startup().name};
    server = &own;
    prepare();
    give_up(ant::error_text(own.run()));
}
