#include "interrupt_lines.hpp"

#include "controls.hpp"

namespace ant::core {

namespace {

constexpr unsigned max_sharers = 4;

struct Line {
    Slot* sharers[max_sharers];
    bool told[max_sharers];    // has not finished yet
    bool vacant[max_sharers];  // nobody there to be told
};
constinit Line lines[interrupt_line_count] = {};

void unmask_when_done(u8 irq) {
    Line& line = lines[irq];
    bool anybody = false;
    for (unsigned i = 0; i < max_sharers; ++i) {
        if (line.sharers[i] == nullptr || line.vacant[i]) continue;
        if (line.told[i]) return;
        anybody = true;
    }
    if (anybody) machine::unmask_interrupt(irq);
}

void finished(Slot& slot, u8 irq) {
    Line& line = lines[irq];
    for (unsigned i = 0; i < max_sharers; ++i)
        if (line.sharers[i] == &slot) line.told[i] = false;
    unmask_when_done(irq);
}

}  // namespace

bool attach_interrupts(Slot& slot) {
    for (const u8 irq : slot.irq) {
        if (irq >= interrupt_line_count) continue;
        Line& line = lines[irq];
        unsigned place = 0;
        while (place < max_sharers && line.sharers[place] != nullptr) ++place;
        if (place == max_sharers) {
            detach_interrupts(slot);
            return false;
        }
        line.sharers[place] = &slot;
        line.told[place] = false;
        line.vacant[place] = false;
        unmask_when_done(irq);
    }
    return true;
}

namespace {

// Masks the slot's lines, changes its places on them, and unmasks those that have nobody left to wait for.
template <class Change>
void change_places(Slot& slot, Change change) {
    for (const u8 irq : slot.irq) {
        if (irq >= interrupt_line_count) continue;
        machine::mask_interrupt(irq);
        Line& line = lines[irq];
        for (unsigned i = 0; i < max_sharers; ++i) {
            if (line.sharers[i] != &slot) continue;
            line.told[i] = false;
            change(line, i);
        }
        unmask_when_done(irq);
    }
}

void set_vacant(Slot& slot, bool vacant) {
    change_places(slot, [vacant](Line& line, unsigned i) { line.vacant[i] = vacant; });
}

}  // namespace

void silence_interrupts(Slot& slot) { set_vacant(slot, true); }

void resume_interrupts(Slot& slot) {
    set_vacant(slot, false);
    for (unsigned n = 0; n < 3; ++n)
        if (slot.irq[n] < interrupt_line_count) slot.events |= u64{1} << n;
}

void detach_interrupts(Slot& slot) {
    change_places(slot, [](Line& line, unsigned i) { line.sharers[i] = nullptr; });
}

void interrupt_arrived(u8 irq) {
    machine::mask_interrupt(irq);
    Line& line = lines[irq];
    for (unsigned i = 0; i < max_sharers; ++i) {
        Slot* slot = line.sharers[i];
        if (slot == nullptr || line.vacant[i]) continue;
        line.told[i] = true;
        for (unsigned n = 0; n < 3; ++n)
            if (slot->irq[n] == irq) post_event(*slot, u64{1} << n);
    }
}

void interrupts_done(Slot& slot) {
    const u8 delivered = slot.duties & abi::event::interrupts;
    slot.duties &= static_cast<u8>(~abi::event::interrupts);
    for (unsigned n = 0; n < 3; ++n)
        if ((delivered >> n & 1) != 0) finished(slot, slot.irq[n]);
}

}  // namespace ant::core
