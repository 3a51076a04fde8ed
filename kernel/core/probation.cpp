#include "probation.hpp"

#include "controls.hpp"

namespace ant::core {

namespace {

constexpr u64 never = ~u64{0};
constinit u64 next_end = never;

}  // namespace

u64 begin_probation(Slot& slot, u64 probation_us) {
    Probation& p = slot.probation;
    slot.events &= ~abi::event::settled;  // of the process before, which has not seen it
    if (probation_us == 0) {
        p = {};
        return own_format;
    }
    if (!p.on) p.format = slot.state_area == no_page ? own_format : slot.state_format;
    p.on = true;
    p.until = deadline_after(probation_us);
    if (p.until < next_end) next_end = p.until;
    arm(p.until);
    return p.format;
}

u64 expire_probations(u64 time) {
    if (time < next_end) return next_end;
    next_end = never;
    for (Slot& slot : slots) {
        Probation& p = slot.probation;
        if (p.until > time) {
            if (p.until < next_end) next_end = p.until;
        } else if (p.until != 0 && slot.process != nullptr) {
            p = {};
            post_event(slot, abi::event::settled);
        } else {
            p.until = 0;  // its process has failed meanwhile: it stays on probation
        }
    }
    return next_end;
}

}  // namespace ant::core
