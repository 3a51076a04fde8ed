// Calls: requests, results, multi-stage, direct return (P-ipc 3).
//
// A control ICA is held by one slot at a time; its page is mapped there, and in the requester that waits in a
// synchronous request. The call stack lives in the Control, out of reach of processes.
#pragma once

#include "areas.hpp"
#include "scheduler.hpp"

namespace ant::core {

// System calls; each returns the process to leave into.
Process* request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);
Process* request_async(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);
Process* receive(u64 timeout_us);
Process* reply(u64 control, u64 value, u64 data_mode, u64 error_list);
Process* reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us);
Process* forward(u64 function_flags, u64 control, u64 parameters, u64 data);
Process* forward_and_receive(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);

// Control ICAs.
Result<Control*> reserve_control(Slot& slot);
Result<> release_control(Slot& slot, u64 address);
Control* control_at(const Slot& slot, u64 address);  // held or owned by the slot, else nullptr

// Answers a call that `holder` has queued or held with an error, as if the holder had replied.
void fail_call(Slot& holder, Control& control, Error error);
// Gives a control ICA back to the zone.
void free_control(Control& control);

// A receiving process has something new to take: wakes it.
void wake_receiver(Slot& slot);
void post_event(Slot& slot, u64 events);

// Time-outs. expire_calls returns the next deadline, ~0 if there is none.
void call_timed_out(Process& process);
u64 expire_calls(u64 time);

}  // namespace ant::core
