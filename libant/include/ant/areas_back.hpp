// The answer of a call whose data areas go back.
#pragma once

#include <ant/server.hpp>

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
    // A list of which all goes back, or nothing, stays as it is: the call may be delivered again.
    auto& list = call.params<abi::DataList>();
    std::uint32_t back = 0;
    for (const abi::DataListEntry& entry : call.data_list())
        if (entry.mode == static_cast<std::uint32_t>(abi::DataMode::move) && entry.address != 0) list.entries[back++] = entry;
    if (back != 0) list.count = back;
    outcome.list = back != 0;
    return outcome;
}

}  // namespace ant
