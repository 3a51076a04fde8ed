// What the handlers of calls have in common.
#pragma once

#include "socket_management.hpp"

#include <ant/process.hpp>
#include <ant/server.hpp>

#include <span>

namespace ant::inet_server {

inline constexpr std::uint64_t for_ever = ~std::uint64_t{0};
inline constexpr std::uint64_t ns_per_us = 1000;

inline std::uint64_t deadline_ns(std::uint64_t timeout_us) {
    const std::uint64_t now = clock_ns();
    return timeout_us >= (for_ever - now) / ns_per_us ? for_ever : now + timeout_us * ns_per_us;
}
// An option of 0 means no limit.
inline std::uint64_t option_timeout(std::uint64_t option_us) { return option_us == 0 ? for_ever : option_us; }

inline Result<Socket*> socket_of(Call call, std::uint32_t id) { return sockets.find(id, call.requester()); }

inline Cause cause_of(Call call) { return {call.id(), false}; }

inline abi::DataMode data_mode(Call call) { return static_cast<abi::DataMode>(call.frame().flags & abi::flag::data_mask); }

// Bytes of the area that came with the call, by move or on loan. 0: it is not here (any more).
inline std::uint64_t area_bytes(std::uint64_t address) {
    const auto info = sys::ica_info(address);
    return info ? info->pages * abi::page_size : 0;
}

// Written anew when the call comes for the first time; of one that comes again the parameters are put right.
inline CallNote& note_of(Call call) { return *reinterpret_cast<CallNote*>(call.control() + offsetof(abi::ControlIca, reserved)); }
void begin_note(Call call);

// An area that a call should not have brought along must not stay.
void drop_moved(Call call);

// Where a result is to be written: an area on loan, or the parameter area behind inet::Receive.
Result<std::span<std::byte>> room_of(Call call, const inet::Receive& params);

}  // namespace ant::inet_server
