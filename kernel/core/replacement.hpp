// Replacing a running OS server on extension (P-time figure 5, P-swap).
//
// States:   preparing -> registered -> prepared -> stopped -> (committed)
//           stopping (as paper) -> starting -> registered -> stopped -> (committed)
// preparing:  the new server runs up to its registration while the old one serves.
// registered: it waits for the other members of its transaction. One that stands alone goes on at once.
// prepared:   the old one is told at its next receive.
// stopped:    it has handed over, and waits for the other members, too. One of them may be waiting for an answer that only it
//             can give: so it does not wait for long, but goes on serving, as `registered`, and is told again when those that
//             had been told have stopped.
// stopping:   as the paper has it: the old one has been told first, and the new one is not yet started.
// starting:   as the paper has it: the old one has stopped; the new one runs up to its registration.
// An old server that fails on the way, or has failed before, leaves its slot vacant: the replacement goes on, or begins,
// in `starting`, and commits at the registration.
// Any failure before the commit leaves the old servers of all members serving, or their slots vacant. The commit swaps one
// top-level page-table entry and a few pointers, whatever the number of areas, calls and connections.
#pragma once

#include "objects.hpp"

namespace ant::core {

inline constexpr unsigned max_replacements = 8;
inline constexpr unsigned commit_event = 8;  // of P-time figure 5

struct Replacement {
    enum class State : u8 { free, preparing, registered, prepared, stopped, stopping, starting };
    State state = State::free;
    bool as_paper = false;
    bool redeliver = false;  // the new server wants the deferred calls again
    u64 formats = 0;         // of states that it reads
    Slot* slot = nullptr;
    Process* fresh = nullptr;
    Slot* asker = nullptr;  // null: the core
    u32 asker_generation = 0;
    u32 transaction = 0, members = 1;
    u32 probation_us = 0;
    u32 number = 0;             // of its record
    Error error = Error::none;  // why it failed
    u64 deadline = 0;           // of the present state
    u64 stop_by = 0;            // the old server, however often it is told
    u64 patience_us = 200;      // it waits so long for the other members; twice as long the next time
    u64 timeout_us = 0;
    u64 started = 0;  // ticks
    u64 stopped = 0;  // end of the old server's last handler
    u64 event[abi::replacement_events] = {};
    abi::ReplaceResult result{};
};

// System call of the asker, in steps: 0 while the new server's program is not all there.
Result<u32> begin_replacement(Process& asker, const abi::ReplaceRequest& request);
// The core itself asks, for a vacant slot.
Error restart_slot(Slot& slot, Image& image, u32 version);

// Of the new server: registration. It has the slot, or waits for the old server to hand over, or there is more to do:
// then it is to be called again.
enum class Registration : u8 { committed, waits, more };
Result<Registration> register_replacing(Process& process, u64 readable_formats, u64 flags);
// The old server learns of it: its last handler has ended, the blackout begins.
void old_server_told(Slot& slot);
// Of the old server, after it was told. -> the process to leave into
Process* hand_over(Process& process);

// A process that was to become a server ended before; a server has failed and left its slot vacant.
void new_server_ended(Process& process, u32 status);
void server_failed(Slot& slot);
// Ends the replacement under way.
void cancel_replacement(Slot& slot, Error error);
// For records: the slot that this process was to take over.
const Slot* replaced_slot(const Process& process);

// An old server has been told to stop, or is gone, and its successor has not got the slot yet.
bool changing_hands();

u64 expire_replacements(u64 time);

}  // namespace ant::core
