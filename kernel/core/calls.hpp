// Calls: requests, results, multi-stage, direct return (P-ipc 3).
//
// A control ICA is held by one slot at a time; its page is mapped there, and in the requester that waits in a
// synchronous request. The call stack lives in the Control, out of reach of processes.
#pragma once

#include "call_path.hpp"

namespace ant::core {

// As those without `plain`, by a shorter way where nothing is unusual. They may leave the core themselves.
Process* plain_request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);
Process* plain_reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us);
Process* plain_forward_and_receive(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);

// System calls; each returns the process to leave into.
Process* request(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);
Process* request_async(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);
Process* receive(u64 timeout_us);
Process* reply(u64 control, u64 value, u64 data_mode, u64 error_list);
Process* reply_and_receive(u64 control, u64 value, u64 data_mode, u64 error_list, u64 timeout_us);
Process* forward(u64 function_flags, u64 control, u64 parameters, u64 data);
Process* forward_and_receive(u64 function_flags, u64 control, u64 parameters, u64 data, u64 timeout_us);

}  // namespace ant::core
