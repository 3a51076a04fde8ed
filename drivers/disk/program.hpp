// A disk driver as an OS server. `Hardware` is how its program reaches the controller:
//   Controller                                     controller.hpp
//   static constexpr u32 layout                    changes with the layout of Controller::State
//   static const char* problem(PciDevice)          nullptr: this is a device for the program
//   Hardware(PciDevice)                            maps registers, or finds ports; writes none of them
//   void connect(Controller::State&, Statistics&)  makes the controller
//   Controller& controller()
#pragma once

#include "disk.hpp"
#include "store.hpp"
#include "system_host.hpp"

#include <optional>

namespace disk {

template <class Hardware>
class Program {
public:
    // Never returns.
    static void run() {
        // A process that replaces another has no device yet; what it takes over has been checked.
        if (ant::startup().replacing == 0) {
            if (const char* problem = Hardware::problem(device())) give_up(problem);
        }
        static ant::Server own{ant::startup().name};
        server_ = &own;
        own.redeliver_deferred();
        own.on(ant::block::units, [](Call call) { return disk_->units(call); });
        own.on(ant::block::read, [](Call call) { return disk_->read(call); });
        own.on(ant::block::write, [](Call call) { return disk_->write(call); });
        own.on(ant::block::flush, [](Call call) { return disk_->flush(call); });
        own.on(ant::block::statistics, [](Call call) { return disk_->statistics(call); });
        own.on_event([](std::uint64_t events) {
            if ((events & ant::abi::event::interrupts) != 0) disk_->interrupt();
        });
        own.before_receive([] { return disk_->before_receive(); });
        own.on_start([] { begin({}); });
        own.on_restore(restore);
        own.on_save(save);
        give_up(ant::error_text(own.run()));
    }

private:
    using Controller = typename Hardware::Controller;
    using LiveState = Live<typename Controller::State>;

    [[noreturn]] static void give_up(const char* why) {
        ant::log("%s", why);
        ant::exit(1);
    }
    static PciDevice device() { return PciDevice{ant::startup().device}; }
    static LiveState& live() { return *reinterpret_cast<LiveState*>(store_->live()); }

    static void make_disk() {
        units_.emplace(store_->units());
        hardware_->connect(live().state, live().statistics);
        live().arrivals.begin();
        disk_.emplace(hardware_->controller(), host_, *units_, live().arrivals, live().statistics);
    }
    // The controller, from whatever state it is in. It may not reach memory before it has been stopped, nor may anybody
    // else get memory that it could still write to.
    static void begin(const std::optional<Store>& before) {
        store_ = before;
        if (!store_) {
            auto created = Store::create(sizeof(LiveState));
            if (!created) ant::panic("no state: %s", ant::error_text(created.error()));
            store_ = *created;
        }
        if (live().magic != LiveState::expected_magic) {
            live().statistics = {};
            live().arrivals = {};
        }
        live().magic = LiveState::expected_magic;
        live().layout = Hardware::layout;
        live().check = 0;
        live().state = {};
        live().arrivals.keep();
        ant::sys::phase(ant::abi::Phase::state);
        hardware_.emplace(device());
        make_disk();
        const Error error = hardware_->controller().begin([] {
            if (server_->registered() != ant::abi::Registered::fresh) store_->sweep();
        });
        if (error != Error::none) ant::panic("the controller cannot be used: %s", ant::error_text(error));
        device().change_command(PciDevice::bus_master, PciDevice::no_interrupt);
        ant::sys::phase(ant::abi::Phase::device);
    }
    static void restore(ant::sys::State registered) {
        auto adopted = Store::adopt(registered, sizeof(LiveState));
        if (!adopted) {
            if (registered.address != 0) ant::log("the state is damaged: starting afresh");
            return begin({});
        }
        store_ = *adopted;
        const bool usable = server_->registered() == ant::abi::Registered::replaced &&
                            live().magic == LiveState::expected_magic && live().layout == Hardware::layout &&
                            live().check == live().sum();
        if (!usable) return begin(store_);
        live().check = 0;
        ant::sys::phase(ant::abi::Phase::state);
        hardware_.emplace(device());
        make_disk();
        disk_->resume();
        ant::sys::phase(ant::abi::Phase::device);
    }
    static void save() { live().check = disk_->stop() ? live().sum() : 0; }

    static inline constinit ant::Server* server_ = nullptr;
    static inline constinit SystemHost host_{};
    static inline constinit std::optional<Store> store_{};
    static inline constinit std::optional<UnitTable> units_{};
    static inline constinit std::optional<Hardware> hardware_{};
    static inline constinit std::optional<Disk<Controller, SystemHost>> disk_{};
};

}  // namespace disk
