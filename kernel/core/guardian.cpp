#include "guardian.hpp"

#include "areas.hpp"
#include "replacement.hpp"
#include "scheduler.hpp"

namespace ant::core {

namespace {

constexpr u64 never = ~u64{0};
constexpr u64 first_pause_us = 10'000, longest_pause_us = 1'000'000;
constexpr u64 healthy_us = 10'000'000;  // one that lived so long did not fail for the same reason as the one before
// So many that lived so short, one after the other: the state is blamed, however sound it looks.
constexpr u32 distrustful_failures = 12;
constexpr u64 short_life_us = 50'000;

struct Guardian {
    Slot* slot = nullptr;
    u32 id = 0;  // of the slot
    Image* image = nullptr;
    Pfn archive = no_page;
    u64 archive_bytes = 0;
    u64 pause_us = 0;  // before the next one starts
    u64 due = never;   // then it starts
    u32 short_lives = 0;
};
constinit Guardian guardian = {};

bool is_guardian(const Slot& slot) { return &slot == guardian.slot && slot.id() == guardian.id; }

void start_after(u64 pause_us, u64 time) {
    guardian.due = deadline_after(pause_us, time);
    const u64 twice = pause_us * 2;
    guardian.pause_us = twice < first_pause_us ? first_pause_us : twice > longest_pause_us ? longest_pause_us : twice;
    arm(guardian.due);
}

}  // namespace

void set_boot_archive(Pfn area, u64 bytes) {
    guardian = {};
    guardian.archive = area;
    guardian.archive_bytes = bytes;
}

bool adopt_guardian(Process& process, Image& image) {
    Slot& slot = *process.slot;
    const Pfn archive = guardian.archive;
    const u32 pages = pool[archive].pages;
    if (!slot.window.prepare(archive, pages)) return false;
    link_area(slot, archive);
    slot.window.map(archive, pages, true);
    guardian.slot = &slot;
    guardian.id = slot.id();
    guardian.image = &image;
    return true;
}

void describe_boot_archive(const Slot& slot, abi::StartupInfo& info) {
    const bool first = guardian.slot == nullptr;
    if (guardian.archive == no_page || (!first && !is_guardian(slot))) return;
    info.boot_archive = address_of(guardian.archive);
    info.boot_archive_bytes = guardian.archive_bytes;
}

bool is_boot_archive(Pfn area) { return area == guardian.archive; }

void guardian_vacant(Slot& slot, Error error) {
    if (!is_guardian(slot)) return;
    // The program of the boot cannot read what a newer one wrote: it starts clean.
    if (error == Error::state_refused) slot.state_area = no_page;
    const u64 time = machine::now();
    guardian.short_lives = time < deadline_after(short_life_us, slot.alive_since) ? guardian.short_lives + 1 : 0;
    if (guardian.short_lives >= distrustful_failures) slot.state_distrusted = true;
    if (error == Error::none && time >= deadline_after(healthy_us, slot.alive_since)) guardian.pause_us = 0;
    start_after(guardian.pause_us, time);
}

u64 expire_guardian(u64 time) {
    if (guardian.due > time) return guardian.due;
    guardian.due = never;
    Slot& slot = *guardian.slot;
    // Somebody else may have taken care of it, or has ended it for good.
    if (!is_guardian(slot) || slot.process != nullptr || slot.replacement != nullptr) return never;
    const Error error = restart_slot(slot, *guardian.image, abi::guardian_program::version);
    if (error == Error::bad_image) contradiction("the guardian has failed, and its program in memory is damaged");
    if (error != Error::none) start_after(guardian.pause_us, time);  // no memory just now
    return guardian.due;
}

}  // namespace ant::core
