// Who is alive: the core's list of processes.
#pragma once

#include <ant/abi/listing.hpp>
#include <ant/ica.hpp>

namespace ant::inet_server {

// Calls f(record) for each process. Without memory or right to list: the error.
template <class F>
Result<> each_process(F f) {
    constexpr std::size_t list_bytes = 4 * abi::page_size;
    const Ica area = ANT_TRY(Ica::reserve(list_bytes));
    for (std::size_t start = 0;;) {
        const sys::Listing got = ANT_TRY(sys::list(abi::ListKind::processes, area.address(), start));
        if (got.records == 0 || got.record_bytes < sizeof(abi::ProcessRecord)) return {};
        for (std::size_t i = 0; i < got.records; ++i)
            f(*reinterpret_cast<const abi::ProcessRecord*>(area.address() + i * got.record_bytes));
        if (got.records < list_bytes / got.record_bytes) return {};
        start += got.records;
    }
}

}  // namespace ant::inet_server
