// Interrupts as events. A line is masked when it interrupts, and unmasked when every slot on it has received
// the event and come back to receive: so a level-triggered line shared by several drivers cannot storm.
#pragma once

#include "objects.hpp"

namespace ant::core {

inline constexpr unsigned interrupt_line_count = 16;

// Line n of the slot's `irq` array becomes event bit n.
[[nodiscard]] bool attach_interrupts(Slot& slot);
void detach_interrupts(Slot& slot);
// The slot keeps its lines while it is vacant, but they do not wait for it. Its next process looks at its devices once,
// whatever has happened to them meanwhile.
void silence_interrupts(Slot& slot);
void resume_interrupts(Slot& slot);

void interrupt_arrived(u8 irq);
// The slot has handled what it was told of (Slot::duties).
void interrupts_done(Slot& slot);

}  // namespace ant::core
