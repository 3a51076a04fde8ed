#include "interrupt_lines.hpp"

#include "controls.hpp"

#include <span>

namespace ant::core {

namespace {

constexpr unsigned max_sharers = 4;

struct Sharer {
    Slot* slot;
    u8 event;     // bit of the event that tells it
    bool told;    // has not finished yet
    bool vacant;  // nobody there to be told
};
struct Line {
    Sharer sharers[max_sharers];
    u32 count;
    [[nodiscard]] std::span<Sharer> all() { return std::span{sharers}.first(count); }
};
constinit Line lines[interrupt_line_count] = {};

void unmask_when_done(u8 irq) {
    bool anybody = false;
    for (const Sharer& sharer : lines[irq].all()) {
        if (sharer.vacant) continue;
        if (sharer.told) return;
        anybody = true;
    }
    if (anybody) machine::unmask_interrupt(irq);
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
    const u8 delivered = slot.duties & abi::event::interrupts;
    slot.duties &= static_cast<u8>(~abi::event::interrupts);
    if (delivered == 0) return;
    for (unsigned n = 0; n < 3; ++n) {
        if ((delivered >> n & 1) == 0) continue;
        const u8 irq = slot.irq[n];
        for (Sharer& sharer : lines[irq].all())
            if (sharer.slot == &slot) sharer.told = false;
        unmask_when_done(irq);
    }
}

}  // namespace ant::core
