// Which unit is which drive. A unit keeps its number as long as the slot lives, so the numbers are on record; another drive
// at the same port is another unit.
#pragma once

#include "controller.hpp"

#include <ant/process.hpp>
#include <ant/records.hpp>

#include <array>
#include <cstring>

namespace disk {

struct UnitRecord {
    char model[sizeof ant::block::Unit::model];
    char serial[sizeof ant::block::Unit::serial];
    std::uint32_t port;

    [[nodiscard]] bool is(const ant::block::Unit& unit, std::uint32_t at) const {
        return port == at && std::memcmp(model, unit.model, sizeof model) == 0 &&
               std::memcmp(serial, unit.serial, sizeof serial) == 0;
    }
};

class UnitTable {
public:
    static constexpr unsigned no_port = ~0u;

    UnitTable() = default;
    explicit UnitTable(const ant::Records<UnitRecord>& records) : records_{records} {
        records_.each([this](unsigned unit, const UnitRecord&) { count_ = unit + 1; });
    }

    // When the drives are known: `drive_at(port)` -> const Drive&.
    template <class DriveAt>
    void match(unsigned ports, DriveAt drive_at) {
        for (Entry& entry : entries_) entry = {};
        for (unsigned port = 0; port < ports; ++port) {
            const Drive& drive = drive_at(port);
            if (drive.present) add(port, drive);
        }
    }
    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] bool known(std::uint32_t unit) const { return unit < count_; }
    // no_port: there is no such unit, or its drive has not been found again.
    [[nodiscard]] unsigned port(std::uint32_t unit) const {
        return unit < count_ && entries_[unit].drive != nullptr ? entries_[unit].port : no_port;
    }
    [[nodiscard]] ant::block::Units list() const {
        ant::block::Units list{};
        list.count = count_;
        for (unsigned unit = 0; unit < count_; ++unit)
            list.unit[unit] = entries_[unit].drive != nullptr ? entries_[unit].drive->unit : missing(unit);
        return list;
    }

private:
    struct Entry {
        unsigned port = no_port;
        const Drive* drive = nullptr;
    };

    void add(unsigned port, const Drive& drive) {
        for (unsigned unit = 0; unit < count_; ++unit) {
            UnitRecord record;
            if (records_.load(unit, record) != ant::record::Found::good || !record.is(drive.unit, port)) continue;
            entries_[unit] = {port, &drive};
            return;
        }
        if (count_ == entries_.size()) return ant::log("port %u: too many drives have been here", port);
        UnitRecord record{};
        std::memcpy(record.model, drive.unit.model, sizeof record.model);
        std::memcpy(record.serial, drive.unit.serial, sizeof record.serial);
        record.port = port;
        records_.commit(count_, record);
        ant::log("unit %u: %s, %lu MiB, at port %u", count_, drive.unit.model, drive.unit.sectors >> 11, port);
        entries_[count_++] = {port, &drive};
    }
    [[nodiscard]] ant::block::Unit missing(unsigned unit) const {
        ant::block::Unit out{};
        UnitRecord record;
        if (records_.load(unit, record) != ant::record::Found::good) return out;
        std::memcpy(out.model, record.model, sizeof out.model);
        std::memcpy(out.serial, record.serial, sizeof out.serial);
        out.port = record.port;
        return out;
    }

    ant::Records<UnitRecord> records_;
    std::array<Entry, ant::block::max_units> entries_{};
    unsigned count_ = 0;
};

}  // namespace disk
