#include "syscalls.hpp"

#include "../core/areas.hpp"
#include "../core/calls.hpp"
#include "../core/controls.hpp"
#include "../core/history.hpp"
#include "../core/images.hpp"
#include "../core/injection.hpp"
#include "../core/lifecycle.hpp"
#include "../core/listing.hpp"
#include "../core/probation.hpp"
#include "../core/replacement.hpp"
#include "../core/server_table.hpp"
#include "../core/trace.hpp"
#include "../core/user_memory.hpp"
#include "../core/watch.hpp"
#include "acpi.hpp"
#include "log.hpp"
#include "pci.hpp"

#include <array>

namespace ant::core {

namespace {

using abi::Syscall;

Process& caller() { return *arch::cpu().current; }

// The caller may have been ended by what it asked for.
Process* leave(Process& p) {
    if (p.state == Process::State::running) return resume(p);
    return schedule();
}

Process* answer(Process& p, const Result<>& result) {
    finish(p, result ? Error::none : result.error());
    return leave(p);
}
template <class T>
Process* answer(Process& p, const Result<T>& result) {
    if (result)
        finish(p, Error::none, static_cast<u64>(*result));
    else
        finish(p, result.error());
    return leave(p);
}
Process* refuse(Process& p, Error error) { return finish(p, error); }

// Calls that only make sense with a slot.
Slot* slot_of(Process& p) { return p.slot; }

bool may(const Process& p, u32 privilege) { return p.slot != nullptr && (p.slot->privileges & privilege) != 0; }

// Areas -----------------------------------------------------------------------------------------------

constexpr std::size_t pages_per_step = 64;

// One step is done. Process::progress says how far it is; the address in it comes first, to know the call again.
Process* again(Process& p, Syscall number, u64 rdi, u64 rsi, u64 rdx, u64 progress) {
    repeat(p, number, rdi, rsi, rdx);
    p.progress = progress;
    return leave(p);
}

Process* refuse_reservation(Process& p, abi::AreaKind kind, Error error) {
    refuse(p, error);
    if (error != Error::over_quota || !reservation_refused(*p.slot, kind)) return leave(p);
    end_process(p, {abi::fault_vector::runaway, 0, 0}, 0);
    return schedule();
}

Process* sys_ica_reserve(u64 pages, u64 kind, u64, u64, u64) {
    Process& p = caller();
    Slot* slot = slot_of(p);
    if (slot == nullptr) return refuse(p, Error::not_registered);
    if (kind == static_cast<u64>(abi::AreaKind::control)) {
        if (pages != 1) return refuse(p, Error::invalid_argument);
        const auto control = reserve_control(*slot);
        if (!control && control.error() == Error::no_memory && reap_step())
            return again(p, Syscall::ica_reserve, pages, kind, 0, 0);
        if (!control) return refuse_reservation(p, abi::AreaKind::control, control.error());
        reservation_granted(*slot, abi::AreaKind::control);
        return finish(p, Error::none, (*control)->address);
    }
    if (kind != static_cast<u64>(abi::AreaKind::data)) return refuse(p, Error::invalid_argument);
    // progress: page frame of the run << 32 | pages zeroed. A first page is always zeroed before the first pause.
    Pfn area = static_cast<Pfn>(p.progress >> 32);
    std::size_t done = static_cast<u32>(p.progress);
    p.progress = 0;
    if (done == 0 || !reserving(*slot, area, pages)) {
        const auto reserved = reserve_area(*slot, pages);
        if (!reserved && reserved.error() == Error::no_memory && reap_step())
            return again(p, Syscall::ica_reserve, pages, kind, 0, 0);
        if (!reserved) return refuse_reservation(p, abi::AreaKind::data, reserved.error());
        area = *reserved;
        done = 0;
    }
    done = pool.zero_run(area, pages, done, pages_per_step);
    if (done != pages) return again(p, Syscall::ica_reserve, pages, kind, 0, u64{area} << 32 | done);
    finish_reserve(*slot, area);
    reservation_granted(*slot, abi::AreaKind::data);
    finish(p, Error::none, address_of(area));
    return leave(p);
}

Process* sys_ica_release(u64 address, u64, u64, u64, u64) {
    Process& p = caller();
    Slot* slot = slot_of(p);
    if (slot == nullptr) return refuse(p, Error::not_registered);
    if (control_at(*slot, address) != nullptr) return answer(p, release_control(*slot, address));
    if (const auto area = owned_area(*slot, address); area && release_piece(*slot, *area))
        return again(p, Syscall::ica_release, address, 0, 0, 0);
    return answer(p, release_area(*slot, address));
}

Process* sys_ica_split(u64 address, u64 pages, u64, u64, u64) {
    Process& p = caller();
    Slot* slot = slot_of(p);
    if (slot == nullptr) return refuse(p, Error::not_registered);
    const auto tail = split_area(*slot, address, pages);
    if (!tail) return refuse(p, tail.error());
    finish(p, Error::none, address_of(*tail));
    return leave(p);
}

Process* sys_ica_info(u64 address, u64, u64, u64, u64) {
    Process& p = caller();
    Slot* slot = slot_of(p);
    if (slot == nullptr) return refuse(p, Error::not_registered);
    const auto area = owned_area(*slot, address);
    if (area) return finish(p, Error::none, pool[*area].pages, pool[*area].loans != 0 ? 1 : 0);
    // A borrower has to know how far it may go in what was lent to it.
    const auto pages = borrowed_pages(*slot, address);
    if (!pages) return refuse(p, area.error());
    return finish(p, Error::none, *pages, 1);
}

// progress: of the addresses so far, the error of the first that could not be kept; the others are.
Process* sys_area_keep(u64 addresses, u64 count, u64, u64, u64) {
    Process& p = caller();
    Slot* slot = slot_of(p);
    if (slot == nullptr) return refuse(p, Error::not_registered);
    auto error = static_cast<Error>(p.progress);
    p.progress = 0;
    u64 some[pages_per_step];
    const u64 n = count < pages_per_step ? count : pages_per_step;
    if (const auto read = copy_in(p, addresses, std::as_writable_bytes(std::span{some, n})); !read)
        return refuse(p, read.error());
    for (u64 i = 0; i < n; ++i)
        if (const auto kept = keep_area(*slot, some[i]); !kept && error == Error::none) error = kept.error();
    if (n != count) return again(p, Syscall::area_keep, addresses + n * sizeof(u64), count - n, 0, static_cast<u64>(error));
    return finish(p, error);
}

// progress: how far it has got, never 0; the areas released so far are in rdi then.
Process* sys_area_sweep(u64 released, u64, u64, u64, u64) {
    Process& p = caller();
    Slot* slot = slot_of(p);
    if (slot == nullptr) return refuse(p, Error::not_registered);
    u64 cursor = p.progress;
    p.progress = 0;
    if (cursor == 0) released = 0;
    if (!sweep_areas(*slot, cursor, released)) return again(p, Syscall::area_sweep, released, 0, 0, cursor);
    finish(p, Error::none, released);
    return leave(p);
}

// Servers ---------------------------------------------------------------------------------------------

Process* sys_server_register(u64 readable_formats, u64 flags, u64, u64, u64) {
    Process& p = caller();
    if (p.replacement == nullptr) {
        if (p.slot == nullptr) return refuse(p, Error::cancelled);
        if (!p.slot->watch.on) begin_watch(*p.slot);
        return finish(p, Error::none, static_cast<u64>(abi::Registered::fresh), own_format);
    }
    const auto registration = register_replacing(p, readable_formats, flags);
    if (!registration) return schedule();  // it has been ended
    switch (*registration) {
        case Registration::more:
            return again(p, Syscall::server_register, readable_formats, flags, 0, 0);
        case Registration::waits:
            return schedule();
        case Registration::committed:
            break;
    }
    if (p.special) machine::switch_special(&p, p);  // the slot's ports are its own now
    return resume(p);
}

Process* sys_function_register(u64 name_address, u64 op, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    char name[abi::name_bytes];
    if (const auto read = read_name(p, name_address, name); !read) return refuse(p, read.error());
    return answer(p, register_function(*p.slot, name, static_cast<u32>(op)));
}

Process* sys_function_withdraw(u64 function, u64, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    return answer(p, withdraw_function(*p.slot, static_cast<u32>(function)));
}

Process* sys_function_find(u64 name_address, u64, u64, u64, u64) {
    Process& p = caller();
    char name[abi::name_bytes];
    if (const auto read = read_name(p, name_address, name); !read) return refuse(p, read.error());
    const auto found = find_function(name);
    if (!found) return refuse(p, found.error());
    return finish(p, Error::none, found->id, found->provided ? 1 : 0);
}

Process* sys_state_register(u64 address, u64 format, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    if (format > 63) return refuse(p, Error::invalid_argument);
    const auto area = owned_area(*p.slot, address);
    if (!area) return refuse(p, area.error());
    p.slot->state_area = *area;
    p.slot->state_format = static_cast<u32>(format);
    p.slot->state_distrusted = false;
    return finish(p);
}

Process* sys_state_fetch(u64, u64, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    const Slot& slot = *p.slot;
    if (slot.state_area == no_page) return finish(p);
    finish(p, Error::none, address_of(slot.state_area), slot.state_format);
    p.context.rdi = slot.state_distrusted ? 1 : 0;
    return &p;
}

Process* sys_hand_over(u64, u64, u64, u64, u64) { return hand_over(caller()); }

Process* sys_server_replace(u64 address, u64, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::replace)) return refuse(p, Error::denied);
    abi::ReplaceRequest request;
    if (const auto read = read_object(p, address, request); !read) return refuse(p, read.error());
    const auto ticket = begin_replacement(p, request);
    if (ticket && *ticket == 0) return again(p, Syscall::server_replace, address, 0, 0, 0);
    return answer(p, ticket);
}

Process* sys_replace_result(u64 address, u64, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    abi::ReplaceResult result{};
    // Written before it is taken, so that a bad address loses nothing.
    if (const auto written = write_object(p, address, result); !written) return refuse(p, written.error());
    if (const auto taken = take_result(*p.slot, result); !taken) return refuse(p, taken.error());
    return answer(p, write_object(p, address, result));
}

// Only of interest while the blackout of its slot goes on.
Process* sys_phase(u64 phase, u64, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    const auto reached = static_cast<abi::Phase>(phase);
    if (reached != abi::Phase::state && reached != abi::Phase::device) return refuse(p, Error::invalid_argument);
    phase_reached(*p.slot, reached);
    return finish(p);
}

// Processes -------------------------------------------------------------------------------------------

Process* sys_image_create(u64 area, u64 bytes, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::processes)) return refuse(p, Error::denied);
    if (p.completes == nullptr) {
        const auto begun = begin_image(*p.slot, area, bytes);
        if (!begun) return refuse(p, begun.error());
        p.completes = *begun;
    }
    if (!complete_image(*p.completes)) return again(p, Syscall::image_create, area, bytes, 0, 0);
    finish(p, Error::none, number_of(*p.completes));
    p.completes = nullptr;
    return leave(p);
}

Process* sys_image_release(u64 image, u64, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::processes)) return refuse(p, Error::denied);
    if (image != abi::all_images) return answer(p, release_image(static_cast<u32>(image)));
    release_images(*p.slot);
    return finish(p);
}

Process* sys_process_create(u64 address, u64, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::processes)) return refuse(p, Error::denied);
    abi::ProcessRequest request;
    char arguments[abi::max_argument_bytes];
    if (const auto read = read_object(p, address, request); !read) return refuse(p, read.error());
    if (request.argument_bytes > sizeof arguments || request.priority >= abi::priorities || !valid_name(request.program))
        return refuse(p, Error::invalid_argument);
    const std::span bytes{reinterpret_cast<std::byte*>(arguments), request.argument_bytes};
    if (const auto read = copy_in(p, request.arguments, bytes); !read) return refuse(p, read.error());
    const auto loaded = load_process_for(p, request.image, request.program);
    if (loaded && *loaded == nullptr) return again(p, Syscall::process_create, address, 0, 0, 0);
    const auto created = loaded ? complete_process(**loaded, {&request, arguments, nullptr, request.priority}) : loaded;
    if (!created) {
        refuse(p, created.error());
        return leave(p);
    }
    start_process(**created);
    finish(p, Error::none, (*created)->pid, (*created)->slot->id());
    return leave(p);
}

Process* sys_process_kill(u64 pid, u64 status, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::processes)) return refuse(p, Error::denied);
    Process* victim = process_by_pid(static_cast<u32>(pid));
    if (victim == nullptr || victim->state == Process::State::ending) return refuse(p, Error::not_found);
    finish(p);
    end_process(*victim, {abi::fault_vector::kill}, static_cast<u32>(status));
    return leave(p);
}

Process* sys_process_exit(u64 status, u64 text, u64 bytes, u64, u64) {
    Process& p = caller();
    char said[sizeof abi::FaultRecord{}.text] = {};
    if (bytes > sizeof said - 1) bytes = sizeof said - 1;
    if (!copy_in(p, text, {reinterpret_cast<std::byte*>(said), bytes})) said[0] = 0;
    const bool panic = status == abi::panic_status;
    end_process(p, {panic ? abi::fault_vector::panic : abi::fault_vector::exit, 0, 0, said}, static_cast<u32>(status));
    return schedule();
}

// The slot of that number, as processes see it.
Process* sys_slot_end(u64 number, u64, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::processes)) return refuse(p, Error::denied);
    const u64 index = number & 0xff;
    if (index >= max_slots || !slots[index].alive || slots[index].id() != number) return refuse(p, Error::not_found);
    finish(p);
    end_slot(slots[index]);
    return leave(p);
}

Process* sys_wait(u64 microseconds, u64, u64, u64, u64) {
    Process& p = caller();
    finish(p);
    if (microseconds == 0) {
        make_ready(p);
        return schedule();
    }
    p.state = Process::State::waiting;
    p.deadline = deadline_after(microseconds);
    arm(p.deadline);
    return schedule();
}

Process* sys_list(u64 kind, u64 area, u64 start, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::list)) return refuse(p, Error::denied);
    const auto listed = list_records(*p.slot, static_cast<abi::ListKind>(kind), area, start);
    if (!listed) return refuse(p, listed.error());
    finish(p, Error::none, listed->records, listed->record_bytes);
    return leave(p);
}

// Faults on purpose; see injection.hpp.
Process* sys_process_poke(u64 pid, u64 address, u64 bytes, u64 count, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::replace)) return refuse(p, Error::denied);
    Process* target = process_by_pid(static_cast<u32>(pid));
    if (target == nullptr || target->state == Process::State::ending) return refuse(p, Error::not_found);
    std::byte damage[abi::max_poke];
    if (count > sizeof damage) return refuse(p, Error::invalid_argument);
    const std::span poked{damage, count};
    if (const auto read = copy_in(p, bytes, poked); !read) return refuse(p, read.error());
    return answer(p, poke(*target, address, poked));
}

Process* sys_process_stop_after(u64 pid, u64 instructions, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::replace)) return refuse(p, Error::denied);
    Process* target = process_by_pid(static_cast<u32>(pid));
    if (target == nullptr || target->state == Process::State::ending) return refuse(p, Error::not_found);
    stop_after(*target, instructions);
    return finish(p);
}

// Private memory --------------------------------------------------------------------------------------

// What a process may take for itself: pages and the tables that map them. The same number limits its areas.
bool within_quota(const Process& p, u64 more_pages) { return p.private_pages + p.space.tables() + more_pages <= p.quota_pages; }

bool good_range(u64 address, u64 bytes) {
    constexpr u64 first = machine::Space::user_first, end = machine::Space::user_end;
    return (address & (page_size - 1)) == 0 && bytes != 0 && address >= first && address < end && bytes <= end - address;
}

void unmap_private(Process& p, u64 address, u64 end) {
    for (u64 at = address; at < end; at += page_size) {
        const Pfn pfn = p.space.unmap(at);
        machine::invalidate(at);
        if (pfn == no_page || pool[pfn].kind != PageKind::own) continue;
        pool.release(pfn, 1);
        --p.private_pages;
    }
}

constexpr u64 round_up(u64 bytes) { return (bytes + page_size - 1) & ~u64{page_size - 1}; }
constexpr u64 step_bytes = pages_per_step * page_size;

// progress: address up to which this call has mapped.
Process* sys_memory_map(u64 address, u64 bytes, u64 protection, u64, u64) {
    Process& p = caller();
    const u64 progress = p.progress;
    p.progress = 0;
    if (!good_range(address, bytes) || protection > 2) return refuse(p, Error::invalid_argument);
    const u64 end = address + round_up(bytes);
    u64 at = address;
    if (progress > address && progress < end) {
        at = progress;
    } else {
        if (!within_quota(p, (end - address) / page_size)) return refuse(p, Error::over_quota);
        for (u64 page = address; page < end; page += page_size)
            if (p.space.mapped(page)) return refuse(p, Error::exists);
    }
    for (const u64 stop = at + step_bytes < end ? at + step_bytes : end; at < stop; at += page_size) {
        const bool allowed = within_quota(p, 1);
        const Pfn pfn = allowed ? pool.allocate_zeroed(PageKind::own) : no_page;
        if (pfn == no_page || !p.space.map(at, pfn, static_cast<abi::Protection>(protection))) {
            if (pfn != no_page) pool.release(pfn, 1);
            unmap_private(p, address, at);
            return refuse(p, allowed ? Error::no_memory : Error::over_quota);
        }
        ++p.private_pages;
    }
    if (at < end) return again(p, Syscall::memory_map, address, bytes, protection, at);
    return finish(p);
}

Process* sys_memory_unmap(u64 address, u64 bytes, u64, u64, u64) {
    Process& p = caller();
    if (!good_range(address, bytes)) return refuse(p, Error::invalid_argument);
    const u64 end = address + round_up(bytes);
    const u64 stop = address + step_bytes < end ? address + step_bytes : end;
    unmap_private(p, address, stop);
    if (stop < end) return again(p, Syscall::memory_unmap, stop, end - stop, 0, 0);
    return finish(p);
}

Process* sys_memory_protect(u64 address, u64 bytes, u64 protection, u64, u64) {
    Process& p = caller();
    if (!good_range(address, bytes) || protection > 2) return refuse(p, Error::invalid_argument);
    const u64 end = address + round_up(bytes);
    const u64 stop = address + step_bytes < end ? address + step_bytes : end;
    for (u64 at = address; at < stop; at += page_size) {
        p.space.protect(at, static_cast<abi::Protection>(protection));
        machine::invalidate(at);
    }
    if (stop < end) return again(p, Syscall::memory_protect, stop, end - stop, protection, 0);
    return finish(p);
}

Process* sys_set_foreign_handler(u64 entry, u64 stack, u64, u64, u64) {
    Process& p = caller();
    if (entry >= machine::Space::user_end || stack > machine::Space::user_end) return refuse(p, Error::bad_address);
    p.foreign_entry = entry;
    p.foreign_stack = stack;
    return finish(p);
}

Process* sys_set_thread_pointer(u64 address, u64, u64, u64, u64) {
    Process& p = caller();
    if ((p.flags & abi::process_flag::tls) == 0) return refuse(p, Error::denied);
    if (address >= machine::Space::user_end) return refuse(p, Error::bad_address);
    p.thread_pointer = address;
    machine::load_thread_pointer(address);
    return finish(p);
}

Process* sys_log(u64 text, u64 bytes, u64, u64, u64) {
    Process& p = caller();
    char line[200];
    if (bytes > sizeof line - 1) bytes = sizeof line - 1;
    if (const auto read = copy_in(p, text, {reinterpret_cast<std::byte*>(line), bytes}); !read) return refuse(p, read.error());
    const char* name = p.slot != nullptr ? p.slot->name : p.program;
    for (u64 i = 0; i < bytes; ++i)
        if (line[i] < ' ' || line[i] > '~') line[i] = ' ';
    line[bytes] = 0;
    arch::log("%s: %s\n", name, line);
    return finish(p);
}

// Devices ---------------------------------------------------------------------------------------------

bool owns_device(const Process& p, u64 device) {
    return may(p, abi::privilege::devices) || (p.slot != nullptr && p.slot->device == device && device != abi::no_device);
}

Process* sys_pci_read(u64 device, u64 reg, u64, u64, u64) {
    Process& p = caller();
    if (!owns_device(p, device)) return refuse(p, Error::denied);
    if (device > arch::pci::max_address || reg > 255) return refuse(p, Error::invalid_argument);
    return finish(p, Error::none, arch::pci::read(static_cast<u32>(device), static_cast<unsigned>(reg)));
}

// A driver may switch its device on, and clear status bits. Where the device's registers appear is the core's business.
Process* sys_pci_write(u64 device, u64 reg, u64 value, u64, u64) {
    Process& p = caller();
    if (!owns_device(p, device)) return refuse(p, Error::denied);
    if (device > arch::pci::max_address || reg > 255) return refuse(p, Error::invalid_argument);
    constexpr u64 first_bar = 0x10, behind_header = 0x40;
    if ((reg & ~u64{3}) >= first_bar && reg < behind_header) return refuse(p, Error::denied);
    arch::pci::write(static_cast<u32>(device), static_cast<unsigned>(reg), static_cast<u32>(value));
    return finish(p);
}

Result<> map_device_pages(Process& p, u64 physical, u64 bytes, u64 address) {
    constexpr u64 mask = page_size - 1;
    const u64 pages = ((physical & mask) + bytes + mask) / page_size;
    if (!good_range(address, pages * page_size)) return Failure(Error::invalid_argument);
    constexpr u64 most_tables = 4;
    if (!within_quota(p, most_tables)) return Failure(Error::over_quota);
    for (u64 i = 0; i < pages; ++i)
        if (p.space.mapped(address + i * page_size)) return Failure(Error::exists);
    for (u64 i = 0; i < pages; ++i)
        if (!p.space.map_device(address + i * page_size, (physical & ~mask) + i * page_size)) return Failure(Error::no_memory);
    return {};
}

Process* sys_device_map(u64 bar, u64 address, u64, u64, u64) {
    Process& p = caller();
    if (slot_of(p) == nullptr) return refuse(p, Error::not_registered);
    if (p.slot->device == abi::no_device || bar > 5) return refuse(p, Error::not_found);
    const auto info = arch::pci::bar(p.slot->device, static_cast<unsigned>(bar));
    if (info.bytes == 0 || info.ports) return refuse(p, Error::not_found);
    const auto mapped = map_device_pages(p, info.physical, info.bytes, address);
    if (!mapped) return refuse(p, mapped.error());
    // Registers may begin inside the page; the process knows by the BAR's low bits.
    return finish(p, Error::none, info.bytes, info.physical & (page_size - 1));
}

Process* sys_physical_map(u64 physical, u64 bytes, u64 address, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::physical)) return refuse(p, Error::denied);
    if (bytes == 0 || bytes > abi::large_page_size * 16 || physical + bytes < physical || physical + bytes > u64{1} << 46)
        return refuse(p, Error::invalid_argument);
    for (u64 at = physical & ~u64{page_size - 1}; at < physical + bytes; at += page_size)
        if (machine::is_ram(at)) return refuse(p, Error::denied);
    return answer(p, map_device_pages(p, physical, bytes, address));
}

Process* sys_power(u64 action, u64 status, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::power)) return refuse(p, Error::denied);
    if (action == static_cast<u64>(abi::PowerAction::off))
        arch::power_off(arch::debug_exit_powered_off + (static_cast<unsigned>(status) & 0x3f));
    if (action == static_cast<u64>(abi::PowerAction::reboot)) arch::reboot();
    return refuse(p, Error::invalid_argument);
}

Process* sys_trace(u64 action, u64, u64, u64, u64) {
    Process& p = caller();
    if (!may(p, abi::privilege::list)) return refuse(p, Error::denied);
    const bool was_on = trace.on;
    switch (static_cast<abi::TraceAction>(action)) {
        case abi::TraceAction::ask:
            break;
        case abi::TraceAction::on:
            if (const auto begun = trace_begin(); !begun) return refuse(p, begun.error());
            break;
        case abi::TraceAction::off:
            trace_end();
            break;
        case abi::TraceAction::forget:
            trace_forget();
            break;
        default:
            return refuse(p, Error::invalid_argument);
    }
    return finish(p, Error::none, was_on ? 1 : 0, trace_kept());
}

// One row per Syscall, in numeric order.
struct Row {
    Syscall number;
    Handler handler;
};
constexpr std::array rows{
    Row{Syscall::request, request},
    Row{Syscall::request_async, request_async},
    Row{Syscall::receive, [](u64 timeout, u64, u64, u64, u64) { return receive(timeout); }},
    Row{Syscall::reply, [](u64 c, u64 value, u64 data, u64 error, u64) { return reply(c, value, data, error); }},
    Row{Syscall::reply_and_receive, reply_and_receive},
    Row{Syscall::forward, [](u64 f, u64 c, u64 params, u64 data, u64) { return forward(f, c, params, data); }},
    Row{Syscall::forward_and_receive, forward_and_receive},
    Row{Syscall::ica_reserve, sys_ica_reserve},
    Row{Syscall::ica_release, sys_ica_release},
    Row{Syscall::ica_split, sys_ica_split},
    Row{Syscall::ica_info, sys_ica_info},
    Row{Syscall::server_register, sys_server_register},
    Row{Syscall::function_register, sys_function_register},
    Row{Syscall::function_withdraw, sys_function_withdraw},
    Row{Syscall::function_find, sys_function_find},
    Row{Syscall::state_register, sys_state_register},
    Row{Syscall::state_fetch, sys_state_fetch},
    Row{Syscall::hand_over, sys_hand_over},
    Row{Syscall::server_replace, sys_server_replace},
    Row{Syscall::replace_result, sys_replace_result},
    Row{Syscall::image_create, sys_image_create},
    Row{Syscall::image_release, sys_image_release},
    Row{Syscall::process_create, sys_process_create},
    Row{Syscall::process_kill, sys_process_kill},
    Row{Syscall::process_exit, sys_process_exit},
    Row{Syscall::wait, sys_wait},
    Row{Syscall::list, sys_list},
    Row{Syscall::memory_map, sys_memory_map},
    Row{Syscall::memory_unmap, sys_memory_unmap},
    Row{Syscall::memory_protect, sys_memory_protect},
    Row{Syscall::set_foreign_handler, sys_set_foreign_handler},
    Row{Syscall::set_thread_pointer, sys_set_thread_pointer},
    Row{Syscall::log, sys_log},
    Row{Syscall::pci_read, sys_pci_read},
    Row{Syscall::pci_write, sys_pci_write},
    Row{Syscall::device_map, sys_device_map},
    Row{Syscall::physical_map, sys_physical_map},
    Row{Syscall::power, sys_power},
    Row{Syscall::trace, sys_trace},
    Row{Syscall::area_keep, sys_area_keep},
    Row{Syscall::area_sweep, sys_area_sweep},
    Row{Syscall::phase, sys_phase},
    Row{Syscall::slot_end, sys_slot_end},
    Row{Syscall::process_poke, sys_process_poke},
    Row{Syscall::process_stop_after, sys_process_stop_after},
};
constexpr bool in_numeric_order() {
    for (unsigned i = 0; i < rows.size(); ++i)
        if (static_cast<unsigned>(rows[i].number) != static_cast<unsigned>(Syscall::first) + i) return false;
    return rows.size() == syscall_count;
}
static_assert(in_numeric_order());

// entry.S compares with the count.
static_assert(syscall_count == 45);

constexpr auto handlers_of(const auto& table) {
    std::array<Handler, syscall_count> handlers{};
    for (unsigned i = 0; i < handlers.size(); ++i) handlers[i] = table[i].handler;
    return handlers;
}

constexpr auto with_short_ways(std::array<Handler, syscall_count> handlers) {
    const auto place = [&](Syscall number) -> Handler& {
        return handlers[static_cast<unsigned>(number) - static_cast<unsigned>(Syscall::first)];
    };
    place(Syscall::request) = plain_request;
    place(Syscall::reply_and_receive) = plain_reply_and_receive;
    place(Syscall::forward_and_receive) = plain_forward_and_receive;
    return handlers;
}

}  // namespace

// entry.S calls through these; through the second when it has something to do after the call.
extern "C" {
extern const std::array<Handler, syscall_count> syscall_handlers, returning_handlers;
constinit const std::array<Handler, syscall_count> syscall_handlers = with_short_ways(handlers_of(rows));
constinit const std::array<Handler, syscall_count> returning_handlers = handlers_of(rows);
}

}  // namespace ant::core
