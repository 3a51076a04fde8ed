// Looks after servers that declared how long they may stay away from `receive` (docs/recovery.md).
//
// Four times per deadline the core looks whether such a server waits in receive, or has taken, answered, passed on
// or put aside something since the look before. A server that did nothing of that in four looks running has hung. Looks are
// counted, not time: a machine that stands still makes no hang of it.
#pragma once

#include "objects.hpp"

namespace ant::core {

// The process of the slot is ready to serve: from here on it is looked at.
void begin_watch(Slot& slot);

// From the timer. Looks at those that are due. -> the time of the next look, ~0 if there is nothing to look for
u64 look_at_servers(u64 time);

// While the CPU idles and every watched server waits in receive, nobody looks; a process runs again.
extern bool watch_asleep;
void wake_watch();
inline void watch_running_cpu() {
    if (watch_asleep) [[unlikely]]
        wake_watch();
}

// A reservation that the slot's own limit refused. One of the same kind that is granted ends the row. True when it has
// been refused again and again for a whole deadline, without a single success: it does not give back what it takes.
[[nodiscard]] bool reservation_refused(Slot& slot, abi::AreaKind kind);
inline void reservation_granted(Slot& slot, abi::AreaKind kind) { slot.watch.refused[static_cast<u32>(kind)].count = 0; }

}  // namespace ant::core
