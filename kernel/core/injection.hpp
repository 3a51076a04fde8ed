// Faults on purpose: damaged memory, and an end after a given number of instructions (tools/ant chaos).
#pragma once

#include "objects.hpp"

#include <span>

namespace ant::core {

// Overwrites the process's text or data at this address, whatever its protection; all in one page. A page that other
// processes share, as they run the same program, becomes a private copy first: so the program's image stays clean,
// and the next process that runs it has none of this.
Result<> poke(Process& target, u64 address, std::span<const std::byte> bytes);

// Whether what was poked last is ever executed: the debug exception before it comes here. -> whether it is that one
enum class Reached { no, by_another, by_target };
[[nodiscard]] Reached reached_damage(Process& process);

// The process ends after so many of its own instructions, as if by a fault, counted from the next call delivered to it.
// A system call is one instruction (one that goes in steps: one for each). 0: never mind.
//
// Done with the CPU's trap flag: each instruction brings a debug exception. A process that is not counted costs nothing.
void stop_after(Process& target, u64 instructions);
// At the debug exception of a process that is counted. True: that was the last one.
[[nodiscard]] bool last_instruction(Process& process);

}  // namespace ant::core
