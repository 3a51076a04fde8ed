#include "areas.hpp"

#include "guardian.hpp"
#include "lifecycle.hpp"

#include <algorithm>
#include <bit>

namespace ant::core {

namespace {

constinit DataListRecord list_pool[max_data_lists] = {};
constinit DataListRecord* free_lists = nullptr;

DataListRecord* take_list() {
    DataListRecord* list = free_lists;
    if (list != nullptr) free_lists = list->next_free;
    return list;
}

constexpr abi::DataMode mode_of(u32 flags) { return static_cast<abi::DataMode>(flags & abi::flag::data_mask); }
constexpr bool is_loan(abi::DataMode mode) { return mode == abi::DataMode::lend_read || mode == abi::DataMode::lend_write; }

// Step 1 for one area: may it go, and can the receiver map it?
Result<Pfn> check_area(Slot& from, Slot& to, u64 address, abi::DataMode mode, u32 flags) {
    const Pfn area = ANT_TRY(owned_area(from, address));
    PageInfo& info = pool[area];
    if (&from == &to && is_loan(mode)) return Failure(Error::invalid_argument);  // the owner has it mapped already
    if (mode == abi::DataMode::move) {
        if (info.loans != 0) return Failure(Error::on_loan);
        if (area == from.state_area) return Failure(Error::busy);
        if ((flags & within_quota_flag) != 0 && to.area_pages + info.pages > to.quota_pages) return Failure(Error::over_quota);
    } else if (info.loans != 0) {
        const bool same = info.borrower == to.index && info.lent_writable == (mode == abi::DataMode::lend_write);
        if (!same || info.loans == 0xffff) return Failure(Error::on_loan);
    }
    if (!to.window.prepare(area, info.pages)) return Failure(Error::no_memory);
    return area;
}

// Step 2: cannot fail.
void move_area(Slot& from, Slot& to, Pfn area, u32 call) {
    PageInfo& info = pool[area];
    from.window.unmap(area, info.pages);
    lost_pages(from, area, info.pages);
    relink_area(from, to, area);
    info.call = call;
}
void begin_loan(Slot& from, const Slot& to, PageInfo& info, abi::DataMode mode) {
    if (info.loans++ != 0) return;
    info.borrower = static_cast<u8>(to.index);
    info.lent_writable = mode == abi::DataMode::lend_write;
    ++from.lent_count;
}

void arrive_area(Slot& to, Pfn area, abi::DataMode mode) {
    PageInfo& info = pool[area];
    if (mode == abi::DataMode::move) {
        info.call = 0;
        to.window.map(area, info.pages, true);
    } else if (!info.loan_mapped) {
        info.loan_mapped = true;
        to.window.map(area, info.pages, info.lent_writable);
    }
}

void end_loan(Pfn area) {
    PageInfo& info = pool[area];
    if (--info.loans != 0) return;
    if (info.loan_mapped) {
        Slot& borrower = slots[info.borrower];
        info.loan_mapped = false;
        borrower.window.unmap(area, info.pages);
        lost_pages(borrower, area, info.pages);
    }
    info.borrower = 0;
    info.lent_writable = false;
    if (info.owner == PageInfo::no_owner)
        pool.release(area, info.pages);
    else
        --slots[info.owner].lent_count;
}

// A process's DataList, checked into a record. Areas to be moved are marked, so that none comes twice.
Result<DataListRecord*> check_list(Slot& from, Slot& to, Control& control, u64 parameters, u32 bytes, u32 flags) {
    if ((parameters & 7) != 0 || bytes < sizeof(abi::DataList)) return Failure(Error::invalid_argument);
    auto* in_page = reinterpret_cast<abi::DataList*>(reinterpret_cast<std::byte*>(control.page) + (parameters & (page_size - 1)));
    const u32 count = *const_cast<volatile u32*>(&in_page->count);
    if (count > abi::max_data_list || bytes < sizeof(abi::DataList) + count * sizeof(abi::DataListEntry))
        return Failure(Error::invalid_argument);
    DataListRecord* list = take_list();
    if (list == nullptr) return Failure(Error::too_many);
    Error error = Error::none;
    list->count = 0;
    for (u32 i = 0; i < count && error == Error::none; ++i) {
        auto& entry = in_page->entries[i];
        const auto mode = static_cast<abi::DataMode>(entry.mode);
        if (entry.mode == 0 || entry.mode > 3 || ((flags & moves_only_flag) != 0 && mode != abi::DataMode::move)) {
            error = Error::invalid_argument;
            break;
        }
        const auto area = check_area(from, to, entry.address, mode, flags);
        if (!area) {
            error = area.error();
            break;
        }
        // Marked at once, so that no area is moved twice, or moved and lent, by one list.
        PageInfo& info = pool[*area];
        if (mode == abi::DataMode::move)
            info.call = control.index + 1;
        else
            begin_loan(from, to, info, mode);
        entry.pages = info.pages;
        list->entry[list->count++] = {*area, mode};
    }
    if (error == Error::none) return list;
    for (u32 i = 0; i < list->count; ++i)
        if (list->entry[i].mode == abi::DataMode::move) pool[list->entry[i].pfn].call = 0;
    end_loans(0, {no_page, list});
    return Failure(error);
}

}  // namespace

void init_lists() {
    for (DataListRecord& list : list_pool) free_list(&list);
}

void free_list(DataListRecord* list) {
    list->next_free = free_lists;
    free_lists = list;
}

void lost_pages(const Slot& slot, Pfn first, std::size_t pages) {
    auto& cpu = arch::cpu();
    if (slot.process == nullptr || cpu.loaded != slot.process) return;
    constexpr std::size_t few = 16;
    if (pages <= few && cpu.current == slot.process && slot.process->state == Process::State::running) {
        for (std::size_t i = 0; i < pages; ++i) machine::invalidate(address_of(first + static_cast<Pfn>(i)));
        return;
    }
    cpu.loaded = nullptr;  // stale: flushed by the next switch
}

namespace {

// The page at this address; too large if none begins there.
u64 page_at(u64 address) { return std::rotr(address - abi::ica_base, page_shift); }

}  // namespace

Result<Pfn> owned_area(const Slot& slot, u64 address) {
    const u64 pfn = page_at(address);
    if (pfn >= pool.size()) return Failure(Error::bad_address);
    const PageInfo& info = pool[static_cast<Pfn>(pfn)];
    if (info.is_area_of(slot.index) && info.call == 0) return static_cast<Pfn>(pfn);
    if (info.kind != PageKind::area) return Failure(Error::bad_address);
    return Failure(info.owner != slot.index ? Error::not_owner : Error::busy);
}

Result<u32> borrowed_pages(const Slot& slot, u64 address) {
    const u64 pfn = page_at(address);
    if (pfn >= pool.size()) return Failure(Error::bad_address);
    const PageInfo& info = pool[static_cast<Pfn>(pfn)];
    const bool lent_here = info.kind == PageKind::area && info.loans != 0 && info.loan_mapped && info.borrower == slot.index;
    if (!lent_here) return Failure(Error::not_owner);
    return info.pages;
}

void free_area(Pfn area) {
    PageInfo& info = pool[area];
    if (info.loans != 0)
        info.owner = PageInfo::no_owner;
    else
        pool.release(area, info.pages);
}

Result<Pfn> reserve_area(Slot& slot, std::size_t pages) {
    if (pages == 0 || pages > pool.total_pages()) return Failure(Error::invalid_argument);
    if (slot.area_pages + pages > slot.quota_pages) return Failure(Error::over_quota);
    const Pfn area = pool.allocate(pages, PageKind::area);
    if (area == no_page) return Failure(Error::no_memory);
    if (!slot.window.prepare(area, pages)) {
        pool.release(area, pages);
        return Failure(Error::no_memory);
    }
    link_area(slot, area);
    pool[area].call = max_controls + 1;  // not to be touched before finish_reserve
    return area;
}

bool reserving(const Slot& slot, Pfn area, std::size_t pages) {
    if (area >= pool.size()) return false;
    const PageInfo& info = pool[area];
    return info.kind == PageKind::area && info.owner == slot.index && info.call == max_controls + 1 && info.pages == pages;
}

void finish_reserve(Slot& slot, Pfn area) {
    pool[area].call = 0;
    slot.window.map(area, pool[area].pages, true);
}

bool release_piece(Slot& slot, Pfn area) {
    constexpr Pfn piece = 1024;  // a multiple of what one directory entry maps: no large page is cut
    PageInfo& info = pool[area];
    const Pfn end = area + info.pages, cut = (end - 1) & ~(piece - 1);
    if (cut <= area || info.loans != 0) return false;
    if (area == slot.state_area) slot.state_area = no_page;
    slot.window.unmap(cut, end - cut);
    lost_pages(slot, cut, end - cut);
    info.pages = cut - area;
    slot.area_pages -= end - cut;
    pool.release(cut, end - cut);
    return true;
}

Result<> release_area(Slot& slot, u64 address) {
    const Pfn area = ANT_TRY(owned_area(slot, address));
    PageInfo& info = pool[area];
    if (info.loans != 0) return Failure(Error::on_loan);
    if (area == slot.state_area) slot.state_area = no_page;
    unlink_area(slot, area);
    slot.window.unmap(area, info.pages);
    lost_pages(slot, area, info.pages);
    pool.release(area, info.pages);
    return {};
}

namespace {

// Moved to the slot with a call that it has now, or that will come back to it.
void keep_with_call(const Slot& slot, const Control& c) {
    const auto keep = [&slot](Pfn area, u32 flags) {
        if (mode_of(flags) == abi::DataMode::move && pool[area].is_area_of(slot.index)) pool[area].kept_by = slot.life;
    };
    for (unsigned i = 0; i < c.depth; ++i) {
        const CallFrame& k = c.frames[i];
        const CallFrame* next = i + 1 < c.depth ? &c.frames[i + 1] : nullptr;
        const bool here =
            next == nullptr ? c.holder == &slot : next->requester == &slot && next->requester_generation == slot.generation;
        if (!here) continue;
        if ((k.flags & abi::flag::data_list) != 0 && k.list != nullptr)
            for (u32 n = 0; n < k.list->count; ++n) keep(k.list->entry[n].pfn, static_cast<u32>(k.list->entry[n].mode));
        else if ((k.flags & abi::flag::data_mask) != 0)
            keep(k.data, k.flags);
    }
}

bool is_kept(const Slot& slot, Pfn area) {
    const PageInfo& info = pool[area];
    return info.call != 0 || info.kept_by == slot.life || area == slot.state_area || is_boot_archive(area);
}

// An area on loan becomes an orphan, freed when the loan ends.
void drop_area(Slot& slot, Pfn area) {
    const u32 pages = pool[area].pages;
    unlink_area(slot, area);
    slot.window.unmap(area, pages);
    lost_pages(slot, area, pages);
    if (pool[area].loans != 0) --slot.lent_count;
    free_area(area);
}

}  // namespace

Result<> keep_area(const Slot& slot, u64 address) {
    pool[ANT_TRY(owned_area(slot, address))].kept_by = slot.life;
    return {};
}

[[gnu::cold]] bool sweep_areas(Slot& slot, u64& cursor, u64& released) {
    constexpr u64 controls_per_step = 128, areas_per_step = 32, in_list = max_controls + 1;
    if (cursor < max_controls) {
        const u64 end = std::min<u64>(cursor + controls_per_step, controls_made);
        for (; cursor < end; ++cursor)
            if (const Control& c = controls[cursor]; c.state != Control::State::free) keep_with_call(slot, c);
        if (end == controls_made) cursor = max_controls;
        return false;
    }
    // The next area. It may be gone: one that was under way, in a call that has ended. Then from the start again.
    Pfn area = cursor < in_list ? no_page : static_cast<Pfn>(cursor - in_list);
    if (area == no_page || !pool[area].is_area_of(slot.index)) area = slot.first_area;
    for (u64 n = 0; n < areas_per_step && area != no_page; ++n) {
        const Pfn next = pool[area].next;
        if (!is_kept(slot, area) && release_piece(slot, area)) break;
        if (!is_kept(slot, area)) {
            drop_area(slot, area);
            ++released;
        }
        area = next;
    }
    cursor = in_list + area;
    if (area != no_page) return false;
    new_life(slot);  // what was kept is kept from this sweep only
    return true;
}

[[gnu::cold]] Result<Pfn> split_area(Slot& slot, u64 address, std::size_t pages) {
    const Pfn area = ANT_TRY(owned_area(slot, address));
    PageInfo& info = pool[area];
    const u32 whole = info.pages;
    if (pages == 0 || pages >= whole) return Failure(Error::invalid_argument);
    if (info.loans != 0) return Failure(Error::on_loan);
    // Large pages may have to become leaf tables: unmap, then reserve tables for the pieces. Only that can fail.
    slot.window.unmap(area, whole);
    lost_pages(slot, area, whole);
    const Pfn tail = area + static_cast<Pfn>(pages);
    if (!slot.window.prepare(area, pages) || !slot.window.prepare(tail, whole - pages)) {
        slot.window.map(area, whole, true);
        return Failure(Error::no_memory);
    }
    unlink_area(slot, area);
    info.pages = static_cast<u32>(pages);
    PageInfo& second = pool[tail];
    second.kind = PageKind::area;
    second.pages = static_cast<u32>(whole - pages);
    link_area(slot, area);
    link_area(slot, tail);
    slot.window.map(area, info.pages, true);
    slot.window.map(tail, second.pages, true);
    return tail;
}

Result<Cargo> load_cargo(Slot& from, Slot& to, Control& control, u32 flags, u64 data, u64 parameters, u32 bytes) {
    Cargo cargo;
    const u32 call = control.index + 1;
    if ((flags & abi::flag::data_list) != 0) {
        if (mode_of(flags) != abi::DataMode::none) return Failure(Error::invalid_argument);
        cargo.list = ANT_TRY(check_list(from, to, control, parameters, bytes, flags));
        for (u32 i = 0; i < cargo.list->count; ++i)
            if (const auto& e = cargo.list->entry[i]; e.mode == abi::DataMode::move) move_area(from, to, e.pfn, call);
    } else if (mode_of(flags) != abi::DataMode::none) {
        cargo.data = ANT_TRY(check_area(from, to, data, mode_of(flags), flags));
        if (mode_of(flags) == abi::DataMode::move)
            move_area(from, to, cargo.data, call);
        else
            begin_loan(from, to, pool[cargo.data], mode_of(flags));
    }
    return cargo;
}

Pfn load_again(Slot& slot, const Control& control, u64 data) {
    const auto area = owned_area(slot, data);
    if (!area) return no_page;
    move_area(slot, slot, *area, control.index + 1);
    return *area;
}

void arrive_cargo(Slot& to, u32 flags, const Cargo& cargo) {
    if (cargo.data != no_page) arrive_area(to, cargo.data, mode_of(flags));
    if (cargo.list != nullptr)
        for (u32 i = 0; i < cargo.list->count; ++i) arrive_area(to, cargo.list->entry[i].pfn, cargo.list->entry[i].mode);
}

void end_loans(u32 flags, const Cargo& cargo) {
    if (cargo.data != no_page && is_loan(mode_of(flags))) end_loan(cargo.data);
    if (cargo.list != nullptr) {
        for (u32 i = 0; i < cargo.list->count; ++i)
            if (is_loan(cargo.list->entry[i].mode)) end_loan(cargo.list->entry[i].pfn);
        free_list(cargo.list);
    }
}

void unmap_loans(Slot& borrower, u32 flags, const Cargo& cargo) {
    const auto unmap = [&borrower](Pfn area) {
        PageInfo& info = pool[area];
        if (!info.loan_mapped || info.borrower != borrower.index) return;
        info.loan_mapped = false;
        borrower.window.unmap(area, info.pages);
    };
    if (is_loan(mode_of(flags)) && cargo.data != no_page) unmap(cargo.data);
    if ((flags & abi::flag::data_list) != 0 && cargo.list != nullptr)
        for (u32 i = 0; i < cargo.list->count; ++i)
            if (is_loan(cargo.list->entry[i].mode)) unmap(cargo.list->entry[i].pfn);
}

void discard_cargo(Slot& owner, u32 flags, const Cargo& cargo) {
    const auto discard = [&owner](Pfn area) {
        PageInfo& info = pool[area];
        if (info.kind != PageKind::area || info.owner != owner.index || info.call == 0) return;  // received meanwhile
        unlink_area(owner, area);
        free_area(area);
    };
    if (cargo.data != no_page && mode_of(flags) == abi::DataMode::move) discard(cargo.data);
    if (cargo.list != nullptr)
        for (u32 i = 0; i < cargo.list->count; ++i)
            if (cargo.list->entry[i].mode == abi::DataMode::move) discard(cargo.list->entry[i].pfn);
}

}  // namespace ant::core
