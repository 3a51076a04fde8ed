#include "network_time.hpp"

#include <algorithm>

namespace ant::bench {

Result<ProcessTime> ProcessTime::of(std::initializer_list<std::string_view> slots) {
    constexpr std::size_t list_bytes = 4 * abi::page_size;
    ProcessTime time;
    time.area_ = ANT_TRY(Ica::reserve(list_bytes));
    std::copy_n(slots.begin(), std::min<std::size_t>(slots.size(), most_slots), time.slots_);
    return time;
}

bool ProcessTime::wanted(const abi::ProcessRecord& process) const {
    const std::string_view name{process.name};
    return !name.empty() && std::find(std::begin(slots_), std::end(slots_), name) != std::end(slots_);
}

Result<std::uint64_t> ProcessTime::ns() const {
    std::uint64_t sum = 0;
    for (std::size_t start = 0;;) {
        const sys::Listing got = ANT_TRY(sys::list(abi::ListKind::processes, area_.address(), start));
        if (got.records == 0) return sum;
        for (std::size_t i = 0; i < got.records; ++i) {
            const auto& process = *reinterpret_cast<const abi::ProcessRecord*>(area_.address() + i * got.record_bytes);
            if (wanted(process)) sum += process.cpu_ns;
        }
        start += got.records;
    }
}

}  // namespace ant::bench
