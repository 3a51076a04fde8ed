// The answer of a call whose data areas go back.
#pragma once

#include <ant/server.hpp>

#include <algorithm>

namespace ant {

// Those that were moved here with the call; loans end by themselves.
inline Outcome with_areas_back(Call call, Error error, std::int64_t value = 0) {
    Outcome outcome = error;
    outcome.value = value;
    const std::uint32_t flags = call.frame().flags;
    if ((flags & abi::flag::data_list) == 0) {
        const bool moved = (flags & abi::flag::data_mask) == static_cast<std::uint32_t>(abi::DataMode::move);
        if (moved && call.data() != 0) outcome.data = {call.data(), abi::DataMode::move};
        return outcome;
    }
    const auto goes_back = [](const abi::DataListEntry& entry) {
        return entry.mode == static_cast<std::uint32_t>(abi::DataMode::move) && entry.address != 0;
    };
    const auto areas = call.data_list();
    const auto back = static_cast<std::size_t>(std::count_if(areas.begin(), areas.end(), goes_back));
    outcome.list = back != 0;
    // A call that may be delivered again keeps its list as it is.
    if (back == 0 || back == areas.size()) return outcome;
    auto& list = call.params<abi::DataList>();
    list.count = static_cast<std::uint32_t>(std::copy_if(areas.begin(), areas.end(), list.entries, goes_back) - list.entries);
    return outcome;
}

}  // namespace ant
