#include "audit.hpp"

#include "call_path.hpp"
#include "images.hpp"

namespace ant::core {

namespace {

u32 errors = 0;
u32 mapped[max_slots] = {};  // pages that the slot's window should map

void complain(const char* what, Pfn pfn) {
    if (errors++ < 8) machine::log_audit(what, pfn);
}

// `frame`: the page that is to be there.
void check_leaf(const Slot& slot, Pfn pfn, Pfn frame, bool wanted, bool writable) {
    const machine::Leaf leaf = machine::leaf_of(slot.window, pfn, frame);
    switch (leaf) {
        case machine::Leaf::none:
            if (wanted) complain("page not mapped at its owner", pfn);
            break;
        case machine::Leaf::read_only:
        case machine::Leaf::read_write: {
            if (!wanted) complain("page mapped where it should not be", pfn);
            if (wanted && (leaf == machine::Leaf::read_write) != writable) complain("page mapped with wrong rights", pfn);
            break;
        }
        case machine::Leaf::foreign:
            complain("leaf entry names another page", pfn);
            break;
    }
}

void check_area(Pfn head) {
    const PageInfo& info = pool[head];
    if (info.pages == 0 || head + info.pages > pool.size()) return complain("area of impossible length", head);
    if (pool.is_high(head + info.pages - 1)) complain("area out of reach of devices", head);
    for (const Slot& slot : slots) {
        if (slot.name[0] == 0 || slot.window.root() == 0) continue;
        const bool owner = info.owner == slot.index && info.call == 0;
        const bool borrower = info.loans != 0 && info.loan_mapped && info.borrower == slot.index;
        for (u32 i = 0; i < info.pages; ++i) check_leaf(slot, head + i, head + i, owner || borrower, owner || info.lent_writable);
        if (owner || borrower) mapped[slot.index] += info.pages;
    }
}

// The owner's list has each of its areas, and nothing else.
void check_lists() {
    for (const Slot& slot : slots) {
        u32 areas = 0, pages = 0;
        for (Pfn a = slot.first_area; a != no_page; a = pool[a].next) {
            if (pool[a].kind != PageKind::area || pool[a].owner != slot.index) {
                complain("list of areas holds a stranger", a);
                break;
            }
            ++areas;
            pages += pool[a].pages;
        }
        if (areas != slot.area_count || pages != slot.area_pages) complain("list of areas and its count differ", slot.index);
    }
}

// What the short ways of calls.cpp rely on.
void check_call(const Control& c) {
    const Pfn page = control_zone + c.index;
    if (c.state != Control::State::held) return;
    if (!c.deferred && c.holder->current != &c) complain("call held, and neither current nor deferred", page);
    if (c.way == Control::Way::straight) {
        const Process* t = c.waiting != nullptr ? c.waiting->process : nullptr;
        if (t == nullptr || t->state != Process::State::calling || t->call != &c)
            complain("plain call that nobody waits for", page);
        for (unsigned i = 0; i < c.depth; ++i)
            if ((c.frames[i].flags & not_plain) != (i == 0 ? 0 : abi::flag::direct_return))
                complain("call that does not go straight back", page);
    }
    if (c.way == Control::Way::to_relay && (c.depth < 2 || (c.frames[c.depth - 1].flags & not_plain) != 0))
        complain("call that does not go to its relay", page);
}
void check_queues() {
    for (const Slot& slot : slots) {
        const bool none = slot.queued == 0 && slot.result_count == 0;
        if (none != (slot.requests.empty() && slot.results.empty())) complain("queues and their counts differ", slot.index);
    }
}

void check_controls() {
    for (const Control& c : made_controls()) {
        check_call(c);
        const Pfn frame = static_cast<Pfn>(c.leaf >> page_shift);
        if (pool[frame].kind != PageKind::control) complain("control ICA whose page is something else", frame);
        const bool mapped_at_holder = c.state == Control::State::owned || c.state == Control::State::held;
        for (const Slot& slot : slots) {
            if (slot.name[0] == 0 || slot.window.root() == 0) continue;
            const bool wanted = (mapped_at_holder && c.holder == &slot) || c.waiting == &slot;
            check_leaf(slot, control_zone + c.index, frame, wanted, true);
            if (wanted) ++mapped[slot.index];
        }
    }
}

// All that a window should map has been found at its place; and there is nothing else.
void check_windows() {
    for (const Slot& slot : slots)
        if (slot.name[0] != 0 && slot.window.root() != 0 && slot.window.mapped() != mapped[slot.index])
            complain("window maps pages that are no area of its slot", slot.index);
}

// Processes map pages of their own, each of them once, and of their program.
void check_private(std::size_t own_pages) {
    for (const Process& p : processes) {
        if (p.state == Process::State::free || p.space.root() == 0) continue;
        p.space.each_page([&](Pfn pfn) {
            const bool own = pfn < pool.size() && pool[pfn].kind == PageKind::own;
            const bool of_program = p.image != nullptr && pfn - p.image->first < p.image->pages;
            if (own)
                --own_pages;
            else if (!of_program)
                complain("private page that is not the process's", pfn);
        });
    }
    if (own_pages != 0) complain("private pages that no process maps, or several", static_cast<Pfn>(own_pages));
}

}  // namespace

u32 audit() {
    errors = 0;
    for (u32& pages : mapped) pages = 0;
    std::size_t free_pages = 0, own_pages = 0;
    for (Pfn pfn = 0; pfn < pool.size(); ++pfn) {
        const PageKind kind = pool[pfn].kind;
        if (kind == PageKind::free_head || kind == PageKind::free_body) ++free_pages;
        if (kind == PageKind::own) ++own_pages;
        if (kind == PageKind::area) check_area(pfn);
    }
    if (free_pages != pool.free_pages()) complain("count of free pages is wrong", static_cast<Pfn>(free_pages));
    check_lists();
    check_controls();
    check_windows();
    check_private(own_pages);
    check_queues();
    return errors;
}

}  // namespace ant::core
