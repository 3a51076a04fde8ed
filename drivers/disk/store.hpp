// The state ICA of a disk driver: a record store with the units, and one record that says where the live area is. In the
// live area are the counters, the order of the requests, and what a planned replacement must know of the hardware. A program
// that finds the hardware's part of another program, or that of a failed process, resets the controller instead.
#pragma once

#include "arrivals.hpp"
#include "units.hpp"

#include <ant/ica.hpp>
#include <ant/state.hpp>

#include <type_traits>

namespace disk {

inline constexpr std::uint32_t state_format = 1;

template <class State>
struct Live {
    static_assert(std::is_trivially_copyable_v<State>);
    static constexpr std::uint32_t expected_magic = 0x4b53'4944;  // "DISK"
    std::uint32_t magic;
    std::uint32_t layout;  // of State: another program's makes no sense here
    std::uint32_t check;   // of `state`; 0: something is under way
    std::uint32_t reserved;
    ant::block::Statistics statistics;
    Arrivals arrivals;
    State state;

    [[nodiscard]] std::uint32_t sum() const {
        if constexpr (requires { state.used_bytes(); }) return ant::state_checksum(&state, state.used_bytes()) | 1;
        return ant::state_checksum(&state, sizeof state) | 1;
    }
};

struct RootRecord {
    std::uint64_t live;
};

class Store {
public:
    static ant::Result<Store> create(std::size_t live_bytes) {
        const std::array tables{ant::table_of<UnitRecord>(units_kind, 1, ant::block::max_units),
                                ant::table_of<RootRecord>(root_kind, 1, 1)};
        Store store{ANT_TRY(ant::RecordStore::create(state_format, tables))};
        ANT_TRY(store.take_live(live_bytes));
        return store;
    }
    // state_refused if it is damaged.
    static ant::Result<Store> adopt(const ant::sys::State& registered, std::size_t live_bytes) {
        Store store{ANT_TRY(ant::RecordStore::adopt(registered))};
        if (!store.units() || !store.roots() || store.store_.any_damaged()) return ant::Failure(Error::state_refused);
        const auto area = ant::sys::ica_info(store.live());
        if (!area || area->pages != ant::pages_for(live_bytes)) ANT_TRY(store.take_live(live_bytes));
        return store;
    }

    [[nodiscard]] ant::Records<UnitRecord> units() const { return store_.table<UnitRecord>(units_kind); }
    [[nodiscard]] std::uint64_t live() const {
        RootRecord root{};
        return roots().load(0, root) == ant::record::Found::good ? root.live : 0;
    }
    // What else the process before had goes back.
    void sweep() const {
        ant::AreaKeeper keeper;
        keeper.keep(live());
        store_.for_each_area([&keeper](std::uint64_t area) { keeper.keep(area); });
        const auto swept = keeper.sweep();
        if (!swept) ant::log("areas of the process before stay: %s", ant::error_text(swept.error()));
    }

private:
    using Error = ant::Error;
    static constexpr std::uint16_t units_kind = 1, root_kind = 2;
    explicit Store(const ant::RecordStore& store) : store_{store} {}

    [[nodiscard]] ant::Records<RootRecord> roots() const { return store_.table<RootRecord>(root_kind); }
    ant::Result<> take_live(std::size_t bytes) {
        const std::uint64_t before = live();
        roots().commit(0, {ANT_TRY(ant::sys::ica_reserve(ant::pages_for(bytes)))});
        if (before != 0) (void)ant::sys::ica_release(before);
        return {};
    }

    ant::RecordStore store_;
};

}  // namespace disk
