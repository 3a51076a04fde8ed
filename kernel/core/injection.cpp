#include "injection.hpp"

#include "images.hpp"

#include <cstring>

namespace ant::core {

namespace {

constexpr u64 page_mask = page_size - 1;

// What was poked last, until it is executed.
struct Damage {
    u32 pid = 0;
    u64 address = 0;
};
constinit Damage damage = {};

void watch_for(const Damage& next) {
    damage = next;
    machine::break_at(damage.address);
}

// -> the page that the process has there instead of the shared one
Result<Pfn> make_private(Process& p, u64 page_address, Pfn shared) {
    const Segment* segment = segment_at(p.image->layout, page_address);
    if (segment == nullptr) return Failure(Error::bad_address);
    const Pfn copy = pool.allocate(1, PageKind::own);
    if (copy == no_page) return Failure(Error::no_memory);
    std::memcpy(machine::page(copy), machine::page(shared), page_size);
    p.space.unmap(page_address);
    if (!p.space.map(page_address, copy, segment->protection)) contradiction("the tables of a mapped page are gone");
    ++p.private_pages;
    ++p.quota_pages;  // what it may take for itself stays the same
    return copy;
}

// Just back from receive with a request. Results of system calls leave traces that nothing else does: SYSRET takes rip
// from rcx, and only a receipt has the address of a control ICA in rdi.
bool call_delivered(const Process& p) {
    const auto& c = p.context;
    return c.rcx == c.rip && c.rax == static_cast<u64>(Error::none) && p.slot != nullptr && p.slot->current != nullptr &&
           static_cast<abi::Receipt>(c.rsi & 0xff) == abi::Receipt::request && c.rdi == p.slot->current->address;
}

}  // namespace

Result<> poke(Process& target, u64 address, std::span<const std::byte> bytes) {
    if (bytes.empty() || bytes.size() > abi::max_poke || (address & page_mask) + bytes.size() > page_size)
        return Failure(Error::invalid_argument);
    if (address < machine::Space::user_first || address >= machine::Space::user_end) return Failure(Error::bad_address);
    const u64 physical = target.space.translate(address, false);
    if (physical == 0) return Failure(Error::bad_address);  // nothing is there, or a device
    Pfn pfn = static_cast<Pfn>(physical >> page_shift);
    if (pool[pfn].kind != PageKind::own) pfn = ANT_TRY(make_private(target, address & ~page_mask, pfn));
    std::memcpy(static_cast<std::byte*>(machine::page(pfn)) + (address & page_mask), bytes.data(), bytes.size());
    if (arch::cpu().loaded == &target) machine::invalidate(address);  // others load their address space before they run
    watch_for({target.pid, address});
    return {};
}

Reached reached_damage(Process& process) {
    if (damage.address == 0 || process.context.rip != damage.address) return Reached::no;
    const bool by_target = process.pid == damage.pid;
    if (by_target || process_by_pid(damage.pid) == nullptr)
        watch_for({});
    else
        process.context.rflags |= arch::resume_flag;
    return by_target ? Reached::by_target : Reached::by_another;
}

void stop_after(Process& target, u64 instructions) {
    target.stop_after = instructions;
    target.counts = false;
    if (instructions != 0)
        target.context.rflags |= arch::trap_flag;
    else
        target.context.rflags &= ~arch::trap_flag;
}

bool last_instruction(Process& p) {
    if (p.counts) return --p.stop_after == 0;
    p.counts = call_delivered(p);
    return false;
}

}  // namespace ant::core
