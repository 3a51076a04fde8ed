// Reads the core's listings record by record.
#pragma once

#include <ant/abi/listing.hpp>
#include <ant/ica.hpp>

#include <algorithm>

namespace ant::shell {

// Calls visit(const Record&) for each record of that kind.
template <class Record, class Visit>
Result<> for_each_record(abi::ListKind kind, Visit&& visit) {
    constexpr std::size_t bytes = 8 * abi::page_size;
    const Ica area = ANT_TRY(Ica::reserve(bytes));
    for (std::uint64_t start = 0;;) {
        const auto listing = ANT_TRY(sys::list(kind, area.address(), start));
        if (listing.records == 0) return {};
        if (listing.record_bytes != sizeof(Record)) return Failure(Error::not_supported);
        const std::span records{area.as<const Record>(), std::min(listing.records, bytes / sizeof(Record))};
        for (const Record& record : records) visit(record);
        start += listing.records;
    }
}

}  // namespace ant::shell
