// Control ICAs beside the path of a call: reserved and released, failed, timed out; events.
#pragma once

#include "call_path.hpp"

namespace ant::core {

// The zone's addresses begin with this page, where no RAM is. Some pages are there at once, so that a program can say that memory
// is used up; further ones come one by one, when more control ICAs are in use than ever before. All stay.
void init_controls(Pfn zone);
Result<Control*> reserve_control(Slot& slot);
Result<> release_control(Slot& slot, u64 address);
// Of a vacant slot: those that its failed process owned, in steps. True when all are free.
[[nodiscard]] bool free_lost_controls(Slot& slot);
// Gives a control ICA back to the zone.
void free_control(Control& control);

// Answers a call that `holder` has queued or held with an error, as if the holder had replied.
void fail_call(Slot& holder, Control& control, Error error);

// A receiving process has something new to take: wakes it.
void wake_receiver(Slot& slot);
void post_event(Slot& slot, u64 events);

// Time-outs. start_deadline is for asynchronous calls; expire_calls returns the next deadline, ~0 if there is none.
void start_deadline(Control& control, u64 timeout_us);
void stop_deadline(Control& control);
void call_timed_out(Process& process);
u64 expire_calls(u64 time);

}  // namespace ant::core
