// A machine around a disk driver: memory at the addresses of the ICA window, callers, a core that delivers calls again.
#pragma once

#include <drivers/disk/disk.hpp>
#include <drivers/disk/store.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/host/ica_memory.hpp"

namespace disk::test {

using ant::Outcome;
using ant::abi::ControlIca;
namespace flag = ant::abi::flag;

class Arena : public IcaMemory<(64 << 20)> {
public:
    std::uint64_t take(std::size_t pages) {
        const std::uint64_t address = next_;
        next_ += pages * ant::abi::page_size;
        areas[address] = pages;
        if (next_ > first + bytes) throw std::runtime_error("the arena is used up");
        return address;
    }
    std::map<std::uint64_t, std::size_t> areas;  // -> pages

private:
    std::uint64_t next_ = first;
};

struct Answer {
    Error error;
    std::int64_t value;
    ant::Data data;
    bool list;
};

struct TestHost {
    Arena& arena;
    explicit TestHost(Arena& of) : arena{of} {}
    std::uint64_t clock = 1'000'000;
    std::map<std::uint64_t, Answer> answers;  // by control
    std::vector<std::uint64_t> order;         // controls as they were answered

    std::uint64_t pages_of(std::uint64_t area) const {
        const auto found = arena.areas.find(area);
        return found == arena.areas.end() ? 0 : found->second;
    }
    void answer(std::uint64_t control, const Outcome& outcome) {
        if (!answers.emplace(control, Answer{outcome.error, outcome.value, outcome.data, outcome.list}).second)
            throw std::runtime_error("a call is answered twice");
        order.push_back(control);
    }
    std::uint64_t take_area(std::size_t pages) { return arena.take(pages); }
    std::uint64_t now_us() const { return clock; }
    void pause_us(std::uint64_t us) { clock += us; }
};

// Unit records in ordinary memory.
struct UnitRecords {
    std::vector<std::uint64_t> places = std::vector<std::uint64_t>(4096 / 8 * 2);
    std::uint64_t writing = 0;
    ant::Records<UnitRecord> records() {
        return {reinterpret_cast<std::uint64_t>(places.data()), ant::block::max_units, &writing};
    }
};

// A driver's process, and the slot that outlives it.
template <class Controller>
struct Machine {
    Arena arena;
    TestHost host{arena};
    std::unique_ptr<Live<typename Controller::State>> live = std::make_unique<Live<typename Controller::State>>();
    UnitRecords records;
    UnitTable units;
    std::optional<Controller> controller;
    std::optional<Disk<Controller, TestHost>> disk;
    std::deque<std::uint64_t> calls;  // deferred at the slot, as the core lists them
    std::uint64_t last_call = 0;

    template <class... Hardware>
    void begin(bool resume, Hardware&&... hardware) {
        if (!resume) live->state = {};
        units = UnitTable{records.records()};
        controller.emplace(std::forward<Hardware>(hardware)..., live->state, live->statistics);
        live->arrivals.begin();
        disk.emplace(*controller, host, units, live->arrivals, live->statistics);
    }

    std::uint64_t make_call(std::uint32_t flags, std::uint64_t data, std::uint32_t parameter_bytes) {
        const std::uint64_t control = arena.take(1);
        auto& page = *reinterpret_cast<ControlIca*>(control);
        page.currentp = reinterpret_cast<std::uint64_t>(&page.frames[0]);
        page.call_id = ++last_call;
        page.frames[0].flags = flags;
        page.frames[0].data = data;
        page.frames[0].parameters = control + ant::abi::parameter_base;
        page.frames[0].parameter_bytes = parameter_bytes;
        return control;
    }
    template <class P>
    std::uint64_t call_with(const P& parameters, std::uint32_t flags = 0, std::uint64_t data = 0) {
        const std::uint64_t control = make_call(flags, data, sizeof(P));
        std::memcpy(reinterpret_cast<void*>(control + ant::abi::parameter_base), &parameters, sizeof parameters);
        return control;
    }
    std::uint64_t list_call(const ant::block::Transfer& transfer, const std::vector<ant::abi::DataListEntry>& areas) {
        const std::size_t head = sizeof(ant::abi::DataList) + areas.size() * sizeof(ant::abi::DataListEntry);
        const std::uint64_t control = make_call(flag::data_list, 0, static_cast<std::uint32_t>(head + sizeof transfer));
        auto* list = reinterpret_cast<ant::abi::DataList*>(control + ant::abi::parameter_base);
        list->count = static_cast<std::uint32_t>(areas.size());
        std::copy(areas.begin(), areas.end(), list->entries);
        std::memcpy(reinterpret_cast<std::byte*>(list) + head, &transfer, sizeof transfer);
        return control;
    }

    // As Server does: what is answered at once is answered, the rest is deferred.
    void deliver(std::uint64_t control, Kind kind) {
        const ant::Call call{control};
        kinds[control] = kind;
        const Outcome outcome = kind == Kind::read    ? disk->read(call)
                                : kind == Kind::write ? disk->write(call)
                                                      : disk->flush(call);
        if (outcome.kind == Outcome::Kind::replied)
            host.answer(control, outcome);
        else
            calls.push_back(control);
    }
    std::map<std::uint64_t, Kind> kinds;
    // A new process got the calls again: `current` first, then the deferred ones.
    void deliver_again(std::optional<std::uint64_t> current = {}) {
        std::deque<std::uint64_t> again;
        if (current) again.push_back(*current);
        for (const std::uint64_t control : calls)
            if (!answered(control)) again.push_back(control);
        calls.clear();
        for (const std::uint64_t control : again) {
            reinterpret_cast<ControlIca*>(control)->frames[0].flags |= flag::redelivered;
            deliver(control, kinds[control]);
        }
    }
    [[nodiscard]] bool answered(std::uint64_t control) const { return host.answers.count(control) != 0; }

    std::uint64_t read(std::uint32_t unit, std::uint64_t sector, std::uint32_t bytes, std::uint64_t area,
                       std::uint32_t offset = 0, std::uint32_t mode = 1) {
        const std::uint64_t control = call_with(ant::block::Transfer{unit, 0, sector, offset, bytes}, mode, area);
        deliver(control, Kind::read);
        return control;
    }
    std::uint64_t write(std::uint32_t unit, std::uint64_t sector, std::uint32_t bytes, std::uint64_t area,
                        std::uint32_t flags = 0, std::uint32_t mode = 2) {
        const std::uint64_t control = call_with(ant::block::Transfer{unit, flags, sector, 0, bytes}, mode, area);
        deliver(control, Kind::write);
        return control;
    }
    std::uint64_t flush(std::uint32_t unit) {
        const std::uint64_t control = call_with(ant::block::UnitId{unit, 0});
        deliver(control, Kind::flush);
        return control;
    }
    std::uint64_t filled(std::size_t pages, std::uint8_t value) {
        const std::uint64_t area = arena.take(pages);
        std::memset(reinterpret_cast<void*>(area), value, pages * ant::abi::page_size);
        return area;
    }
};

}  // namespace disk::test
