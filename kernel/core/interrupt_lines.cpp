#include "interrupt_lines.hpp"

#include "controls.hpp"

#include <bit>
#include <span>

namespace ant::core {

namespace {

constexpr unsigned max_sharers = 4;

struct Sharer {
    Slot* slot;
    u8 event;     // bit of the event that tells it
    bool told;    // has not finished yet; nobody vacant
    bool vacant;  // nobody there to be told
};
struct Line {
    Sharer sharers[max_sharers];
    u32 count;
    [[nodiscard]] std::span<Sharer> all() { return std::span{sharers}.first(count); }
};
constinit Line lines[interrupt_line_count] = {};

// Somebody is there, and nobody has still to finish.
void unmask_when_done(u8 irq) {
    bool anybody = false;
    for (const Sharer& sharer : lines[irq].all()) {
        if (sharer.told) return;
        anybody |= !sharer.vacant;
    }
    if (anybody) machine::unmask_interrupt(irq);
}

void finished(const Slot& slot, u8 irq) {
    bool told = false;
    for (Sharer& sharer : lines[irq].all()) {
        if (sharer.slot == &slot) sharer.told = false;
        told |= sharer.told;
    }
    if (!told) machine::unmask_interrupt(irq);
}

}  // namespace

bool attach_interrupts(Slot& slot) {
    u8 event = 1;
    for (const u8 irq : slot.irq) {
        if (irq < interrupt_line_count) {
            Line& line = lines[irq];
            if (line.count == max_sharers) {
                detach_interrupts(slot);
                return false;
            }
            line.sharers[line.count++] = {.slot = &slot, .event = event, .told = false, .vacant = false};
            unmask_when_done(irq);
        }
        event = static_cast<u8>(event << 1);
    }
    return true;
}

namespace {

// Masks the slot's lines, changes its places on them, and unmasks those that have nobody left to wait for. `change` returns
// whether the place stays.
template <class Change>
void change_places(Slot& slot, Change change) {
    for (const u8 irq : slot.irq) {
        if (irq >= interrupt_line_count) continue;
        machine::mask_interrupt(irq);
        Line& line = lines[irq];
        for (u32 i = 0; i < line.count;) {
            Sharer& sharer = line.sharers[i];
            if (sharer.slot == &slot) {
                sharer.told = false;
                if (!change(sharer)) {
                    sharer = line.sharers[--line.count];
                    continue;
                }
            }
            ++i;
        }
        unmask_when_done(irq);
    }
}

void set_vacant(Slot& slot, bool vacant) {
    change_places(slot, [vacant](Sharer& sharer) {
        sharer.vacant = vacant;
        return true;
    });
}

}  // namespace

void silence_interrupts(Slot& slot) { set_vacant(slot, true); }

void resume_interrupts(Slot& slot) {
    set_vacant(slot, false);
    for (unsigned n = 0; n < 3; ++n)
        if (slot.irq[n] < interrupt_line_count) slot.events |= u64{1} << n;
}

void detach_interrupts(Slot& slot) {
    change_places(slot, [](Sharer&) { return false; });
}

void interrupt_arrived(u8 irq) {
    machine::mask_interrupt(irq);
    for (Sharer& sharer : lines[irq].all()) {
        if (sharer.vacant) continue;
        sharer.told = true;
        post_event(*sharer.slot, sharer.event);
    }
}

void interrupts_done(Slot& slot) {
    u32 delivered = slot.duties & abi::event::interrupts;
    slot.duties &= static_cast<u8>(~abi::event::interrupts);
    for (; delivered != 0; delivered &= delivered - 1) finished(slot, slot.irq[std::countr_zero(delivered)]);
}

}  // namespace ant::core
