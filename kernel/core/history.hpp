// What became of replacements: records for `history` and for whoever asked, and the blackouts that go on still.
#pragma once

#include "replacement.hpp"

namespace ant::core {

inline constexpr unsigned max_history = 64;
extern abi::ReplaceResult history[max_history];
extern u32 history_count;  // ever

// A replacement has failed, or has been committed with nobody to be told yet. -> the number of its record
u32 record_replacement(const Replacement& r, Error error);
// The asker may have it now.
void tell_asker(u32 number);
Result<> take_result(Slot& asker, abi::ReplaceResult& result);

// A member of this transaction has failed, and its asker has not yet heard of it.
[[nodiscard]] bool failed_before(const Slot& asker, u32 transaction);

// After the commit: the asker is told when the new server has served, so that a more important asker does not prolong the
// blackout, or when the time allowed has passed. As the paper has it, it is woken at once.
void begin_blackout(const Replacement& r, u32 number);
// The new server has its state, or its device.
void phase_reached(const Slot& slot, abi::Phase phase);
// The new server has come back from its first handler, or (`served` false) will not.
void blackout_ended(const Slot& slot, bool served);

u64 expire_blackouts(u64 time);

}  // namespace ant::core
