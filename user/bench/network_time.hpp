// CPU time of some of the processes. In the emulator's exact mode a nanosecond is an instruction.
#pragma once

#include <ant/abi/listing.hpp>
#include <ant/ica.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace ant::bench {

// The core's work for a process counts as its own: time is charged at each switch.
class ProcessTime {
public:
    static Result<ProcessTime> of(std::initializer_list<std::string_view> slots);
    [[nodiscard]] Result<std::uint64_t> ns() const;

private:
    static constexpr unsigned most_slots = 4;
    [[nodiscard]] bool wanted(const abi::ProcessRecord& process) const;
    Ica area_;
    std::string_view slots_[most_slots];
};

}  // namespace ant::bench
