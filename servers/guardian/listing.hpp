// Records of the core, one after the other.
#pragma once

#include <ant/ica.hpp>

namespace ant::guardian_server {

// Where the core writes its listings to. Reserved once: a guardian that needs memory to look around would be
// blind when there is none.
class Listings {
public:
    Result<> reserve() {
        area_ = ANT_TRY(Ica::reserve(64 * 1024));
        return {};
    }
    // Calls `take(record)` for each record until it returns true. -> whether it did
    template <class Record, class Take>
    bool search(abi::ListKind kind, Take take) const {
        for (std::uint64_t start = 0;;) {
            const auto listing = sys::list(kind, area_.address(), start);
            // Records may grow at their end; shorter ones are those of an older core.
            if (!listing || listing->records == 0 || listing->record_bytes < sizeof(Record)) return false;
            const std::size_t fit = area_.size() / listing->record_bytes;
            const std::size_t count = listing->records < fit ? listing->records : fit;
            for (std::size_t i = 0; i < count; ++i)
                if (take(*reinterpret_cast<const Record*>(area_.data() + i * listing->record_bytes))) return true;
            if (count < fit) return false;
            start += count;
        }
    }

private:
    Ica area_;
};

}  // namespace ant::guardian_server
