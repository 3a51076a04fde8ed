// Data ICAs: owned by one slot, or under way in one queue; moved or lent with calls.
//
// Invariants (audit.cpp checks them): every page has exactly one owner, and a leaf entry of the ICA window exists
// just where the owner may reach the page: its slot's window, and the borrower's while a call that lent it is held.
#pragma once

#include "objects.hpp"

namespace ant::core {

// For processes.
Result<Pfn> reserve_area(Slot& slot, std::size_t pages);        // contents not yet zeroed, not yet mapped
bool reserving(const Slot& slot, Pfn area, std::size_t pages);  // between the two
void finish_reserve(Slot& slot, Pfn area);                      // zeroed: map it
Result<> release_area(Slot& slot, u64 address);
// A large area that is to be released goes in pieces, from its end, one for each step: true while there is more than one.
[[nodiscard]] bool release_piece(Slot& slot, Pfn area);
Result<Pfn> split_area(Slot& slot, u64 address, std::size_t pages);

// After a failure: the new process keeps the areas that it knows of, and the rest is released, in steps. `cursor` begins
// at 0; true when done. Always kept are the state area, those that are under way, and those that came with a call which
// the slot still has.
Result<> keep_area(const Slot& slot, u64 address);
[[nodiscard]] bool sweep_areas(Slot& slot, u64& cursor, u64& released);

// The area that begins at this address, if the slot owns it and it is not under way in a call.
Result<Pfn> owned_area(const Slot& slot, u64 address);
// Pages of the area that begins at this address, if it is lent to the slot and mapped there.
Result<u32> borrowed_pages(const Slot& slot, u64 address);

// Ownership, without mapping.
inline void link_area(Slot& slot, Pfn area) {
    PageInfo& info = pool[area];
    info.owner = static_cast<u8>(slot.index);
    info.previous = no_page;
    info.next = slot.first_area;
    if (info.next != no_page) pool[info.next].previous = area;
    slot.first_area = area;
    ++slot.area_count;
    slot.area_pages += info.pages;
}
inline void unlink_area(Slot& slot, Pfn area) {
    PageInfo& info = pool[area];
    (info.previous != no_page ? pool[info.previous].next : slot.first_area) = info.next;
    if (info.next != no_page) pool[info.next].previous = info.previous;
    info.next = info.previous = no_page;
    --slot.area_count;
    slot.area_pages -= info.pages;
}

// Both, one after the other.
inline void relink_area(Slot& from, Slot& to, Pfn area) {
    PageInfo& info = pool[area];
    const Pfn next = info.next, previous = info.previous;
    const u32 pages = info.pages;
    if (previous == no_page) [[likely]]  // the one that came last
        from.first_area = next;
    else
        pool[previous].next = next;
    if (next != no_page) pool[next].previous = previous;
    --from.area_count;
    from.area_pages -= pages;
    const Pfn head = to.first_area;
    info.owner = static_cast<u8>(to.index);
    info.next = head;
    info.previous = no_page;
    if (head != no_page) pool[head].previous = area;
    to.first_area = area;
    ++to.area_count;
    to.area_pages += pages;
}

void free_area(Pfn area);  // owned by nobody any more; an area on loan becomes an orphan

// What travels with a call. Everything that can fail comes first.
struct Cargo {
    Pfn data = no_page;
    DataListRecord* list = nullptr;
};
inline constexpr u32 within_quota_flag = u32{1} << 30;  // of a request: what is moved must fit into the receiver's quota
inline constexpr u32 moves_only_flag = u32{1} << 31;    // of an answer: no loans in its list
// Of a request or forward from `from` to `to`: checks, then moves ownership or begins loans.
Result<Cargo> load_cargo(Slot& from, Slot& to, Control& control, u32 flags, u64 data, u64 parameters, u32 bytes);
// What a result has brought, before anybody has seen it, is under way again. -> no_page if it is not the slot's
Pfn load_again(Slot& slot, const Control& control, u64 data);
// The callee receives the call.
void arrive_cargo(Slot& to, u32 flags, const Cargo& cargo);
// The call is answered or dead: loans end.
void end_loans(u32 flags, const Cargo& cargo);
// The borrower ends, though a call that lent it something is with somebody else by now: not mapped there any more.
void unmap_loans(Slot& borrower, u32 flags, const Cargo& cargo);
// A list record is no longer needed.
void free_list(DataListRecord* list);
// Data moved with a call that was never received, or whose result nobody wants.
void discard_cargo(Slot& owner, u32 flags, const Cargo& cargo);

// The address spaces of this slot's process lost pages: it must not use old translations.
void lost_pages(const Slot& slot, Pfn first, std::size_t pages);

void init_lists();

}  // namespace ant::core
