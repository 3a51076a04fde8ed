// Records of the core, one after the other.
#pragma once

#include "name.hpp"

#include <ant/abi/fault_listing.hpp>
#include <ant/ica.hpp>

#include <algorithm>
#include <optional>

namespace ant::guardian_server {

// Where the core writes its listings to. Reserved once: a guardian that needs memory to look around would be
// blind when there is none.
class Listings {
public:
    static constexpr std::size_t area_bytes = 64 * 1024;

    // For the rest of the slot's life: it goes from guardian to guardian.
    void use(std::uint64_t address) { address_ = address; }
    // Calls `take(record)` for each record from `start` on until it returns true. -> whether it did
    template <class Record, class Take>
    bool search(abi::ListKind kind, Take take, std::uint64_t start = 0) const {
        for (;;) {
            const auto listing = sys::list(kind, address_, start);
            // Records may grow at their end; shorter ones are those of an older core.
            if (!listing || listing->records == 0 || listing->record_bytes < sizeof(Record)) return false;
            const std::size_t fit = area_bytes / listing->record_bytes;
            const std::size_t count = listing->records < fit ? listing->records : fit;
            for (std::size_t i = 0; i < count; ++i)
                if (take(*reinterpret_cast<const Record*>(address_ + i * listing->record_bytes))) return true;
            if (count < fit) return false;
            start += count;
        }
    }

    [[nodiscard]] std::optional<abi::ServerRecord> server(std::string_view slot) const {
        std::optional<abi::ServerRecord> found;
        search<abi::ServerRecord>(abi::ListKind::servers, [&](const abi::ServerRecord& record) {
            if (bounded(record.name) == slot) found = record;
            return found.has_value();
        });
        return found;
    }
    // As search, for the faults after the one with that number.
    template <class Take>
    bool search_faults(std::uint32_t after, Take take) const {
        const auto see = [&](const abi::FaultRecord& fault) {
            newest_fault_ = std::max(newest_fault_, fault.number);
            return take(fault);
        };
        return search<abi::FaultRecord>(abi::ListKind::faults, see, abi::faults_after(after));
    }
    // Its number, 0 if there was none.
    [[nodiscard]] std::uint32_t newest_fault() const {
        search_faults(newest_fault_, [](const abi::FaultRecord&) { return false; });
        return newest_fault_;
    }

private:
    mutable std::uint32_t newest_fault_ = 0;  // that has been seen
    std::uint64_t address_ = 0;
};

}  // namespace ant::guardian_server
