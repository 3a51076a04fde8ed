#include "policy.hpp"

#include <algorithm>

namespace ant::guardian_server::policy {
namespace {

std::uint64_t pause_ns(std::uint32_t streak) {
    if (streak <= free_failures) return 0;
    const std::uint32_t doublings = std::min<std::uint32_t>(streak - free_failures - 1, 10);
    return std::min(first_pause_ns << doublings, longest_pause_ns);
}

void count(SlotRecord& slot, std::uint64_t time_ns) {
    ++slot.streak;
    slot.retry_ns = time_ns + pause_ns(slot.streak);
}

}  // namespace

void failed(SlotRecord& slot, const Failure& failure) {
    slot.retry_ns = 0;
    const std::uint64_t begin = slot.revived_ns + failure.unnoticed_ns;
    const std::uint64_t life = failure.time_ns > begin ? failure.time_ns - begin : 0;
    const bool worked = life >= good_life_ns || failure.served - slot.served >= good_calls;
    if (worked) {
        // Each piece of good time makes up for one failure.
        const std::uint64_t pieces = std::max<std::uint64_t>(life / good_life_ns, 1);
        slot.streak = pieces < slot.streak ? slot.streak - static_cast<std::uint32_t>(pieces) : 0;
    } else if (!failure.on_purpose) {
        count(slot, failure.time_ns);
    }
}

void not_started(SlotRecord& slot, std::uint64_t time_ns) { count(slot, time_ns); }

}  // namespace ant::guardian_server::policy
