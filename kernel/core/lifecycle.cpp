#include "lifecycle.hpp"

#include "controls.hpp"
#include "guardian.hpp"
#include "history.hpp"
#include "images.hpp"
#include "interrupt_lines.hpp"
#include "replacement.hpp"
#include "server_table.hpp"
#include "trace.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

namespace ant::core {

constinit Slot slots[max_slots] = {};
constinit Process processes[max_processes] = {};
constinit u32 processes_used = 0;
constinit Control controls[max_controls] = {};
constinit Function functions[max_functions] = {};
constinit Pfn control_zone = no_page;
constinit u64 control_base = 0;
constinit u32 controls_made = 0;
constinit abi::FaultRecord fault_records[max_fault_records] = {};
constinit u32 fault_count = 0;
constinit BootFacts boot_facts = {};

namespace {

constinit u32 last_pid = 0;

// The private half: stack with an unmapped page below it and above, start-up page, program.
constexpr u64 startup_page = program_first - page_size;
constexpr u64 stack_top = startup_page - page_size;
constexpr unsigned stack_pages = 12;
constexpr unsigned big_stack_pages = 64;  // programs with a C library

constexpr unsigned areas_per_step = 32;
constexpr unsigned pages_per_step = 64;
constexpr unsigned controls_per_step = 128;

u64 mix(u64 x) {  // SplitMix64's finaliser
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    return x ^ x >> 31;
}

Process* free_process() {
    for (Process& p : processes) {
        if (p.state != Process::State::free) continue;
        processes_used = std::max(processes_used, static_cast<u32>(&p - processes) + 1);
        return &p;
    }
    return nullptr;
}

Slot* free_slot() {
    for (Slot& s : slots)
        if (!s.alive && s.name[0] == 0) return &s;
    return nullptr;
}

Result<u64> callee_mask(const abi::ProcessRequest& request) {
    u64 mask = (request.privileges & abi::privilege::replace) != 0 ? privileged_right : 0;
    u64 named = 0;
    for (const auto& name : request.callees) {
        if (name[0] == 0) continue;
        if (!valid_name(name)) return Failure(Error::invalid_argument);
        if (same_name(name, "*"))
            mask |= privileged_right - 1;
        else
            named |= u64{1} << ANT_TRY(group_of(name, named));
    }
    return mask | named;
}

// Has the first serial port: from now on the log must not get between its lines.
bool drives_console(const Slot& slot) {
    constexpr u16 first_serial_port = 0x3f8;
    for (const abi::PortRange& range : slot.ports)
        if (range.count != 0 && range.first <= first_serial_port && first_serial_port < range.first + range.count) return true;
    return false;
}

void grant_ports(Slot& slot, const abi::ProcessRequest& request) {
    auto add = [&slot](const abi::PortRange& range) {
        if (range.count != 0) slot.ports[slot.port_ranges++] = range;
    };
    for (const abi::PortRange& range : request.ports) add(range);
    if (request.device == abi::no_device || (request.flags & abi::process_flag::device_ports) == 0) return;
    for (unsigned bar = 0; bar < Slot::max_bars; ++bar) add(machine::device_ports(request.device, bar));
}

void reset_slot(Slot& slot) {
    const u32 index = slot.index, generation = slot.generation;
    std::construct_at(&slot);  // in place; `slot = {}` would build another one and copy it
    slot.index = index;
    slot.generation = generation;
}

Result<Slot*> create_slot(const abi::ProcessRequest& request, const char* arguments) {
    if (!valid_name(request.name)) return Failure(Error::invalid_argument);
    if (slot_by_name(request.name) != nullptr) return Failure(Error::exists);
    Slot* slot = free_slot();
    if (slot == nullptr) return Failure(Error::too_many);
    slot->callees = ANT_TRY(callee_mask(request));
    if (!slot->window.create()) return Failure(Error::no_memory);
    copy_name(slot->name, request.name);
    slot->priority = static_cast<u8>(request.priority);
    slot->user_id = request.user_id;
    slot->privileges = request.privileges;
    slot->quota_pages = request.quota_pages;
    slot->quota_calls = request.quota_calls;
    slot->flags = request.flags;
    slot->watch.deadline_us = request.deadline_us;
    slot->device = request.device;
    unsigned lines = 0;
    if (request.device != abi::no_device)
        if (const u8 irq = machine::device_interrupt(request.device); irq != abi::no_irq) slot->irq[lines++] = irq;
    for (const u8 irq : request.irq)
        if (irq != abi::no_irq) slot->irq[lines++] = irq;
    grant_ports(*slot, request);
    slot->argument_bytes = request.argument_bytes;
    slot->argc = request.argc;
    slot->envc = request.envc;
    std::memcpy(slot->arguments, arguments, request.argument_bytes);
    slot->alive = true;
    if (!attach_interrupts(*slot)) {
        while (!slot->window.destroy(pages_per_step)) {
        }
        reset_slot(*slot);
        return Failure(Error::busy);
    }
    if (drives_console(*slot)) machine::echo_log(false);
    return slot;
}

bool map_private(Process& p, u64 address, Pfn& pfn, abi::Protection protection) {
    pfn = pool.allocate_zeroed(PageKind::own);
    if (pfn == no_page) return false;
    ++p.private_pages;
    if (p.space.map(address, pfn, protection)) return true;
    pool.release(pfn, 1);
    return false;
}

Result<> build_startup(Process& p, const ProcessPlan& plan, const Slot& slot) {
    Pfn pfn;
    const unsigned pages = (p.flags & abi::process_flag::tls) != 0 ? big_stack_pages : stack_pages;
    for (unsigned i = 1; i <= pages; ++i)
        if (!map_private(p, stack_top - i * page_size, pfn, abi::Protection::read_write)) return Failure(Error::no_memory);
    if (!map_private(p, startup_page, pfn, abi::Protection::read_write)) return Failure(Error::no_memory);
    auto* info = static_cast<abi::StartupInfo*>(machine::page(pfn));
    const abi::ProcessRequest& request = *plan.request;
    const ImageLayout& layout = p.image->layout;
    info->magic = abi::startup_magic;
    info->pid = p.pid;
    info->slot = slot.id();
    info->argc = request.argc;
    info->envc = request.envc;
    info->arguments = startup_page + sizeof(abi::StartupInfo);
    std::memcpy(info + 1, plan.arguments, request.argument_bytes);
    info->program_headers = layout.program_headers;
    info->program_header_count = layout.program_header_count;
    info->replacing = plan.replaces != nullptr ? 1 : 0;
    info->entry = layout.entry;
    info->stack_top = stack_top;
    info->stack_bytes = u64{pages} * page_size;
    info->heap_start = layout.end;
    info->tsc_khz = boot_facts.tsc_khz;
    info->boot_tsc = boot_facts.boot_tsc;
    info->boot_time_ns = boot_facts.boot_time_ns;
    info->random[0] = random_number();
    info->random[1] = random_number();
    info->framebuffer = boot_facts.framebuffer;
    info->framebuffer_width = boot_facts.framebuffer_width;
    info->framebuffer_height = boot_facts.framebuffer_height;
    info->framebuffer_pitch = boot_facts.framebuffer_pitch;
    info->framebuffer_bits = boot_facts.framebuffer_bits;
    describe_boot_archive(slot, *info);
    info->device = slot.device;
    info->irq = slot.irq[0];
    info->user_id = slot.user_id;
    std::memcpy(info->name, slot.name, sizeof info->name);
    std::memcpy(info->command_line, boot_facts.command_line, sizeof info->command_line);
    return {};
}
static_assert(sizeof(abi::StartupInfo) + abi::max_argument_bytes <= page_size);

// What becomes of the calls that the slot has.
void count_calls(abi::FaultRecord& r, const Slot& slot) {
    const u32 current = slot.current != nullptr ? 1 : 0;
    r.vacant = slot.outlives_process() ? 1 : 0;
    if (r.vacant == 0) {
        r.calls_failed = slot.queued + slot.deferred_count + current;
        return;
    }
    r.calls_failed = current != 0 && !may_be_redelivered(*slot.current) ? 1 : 0;
    r.calls_redelivered = slot.deferred_count + current - r.calls_failed;
}

abi::FaultRecord& record_fault(const Process& p, const Fault& fault, u32 status) {
    abi::FaultRecord& r = fault_records[fault_count++ % max_fault_records];
    r = {};
    r.number = fault_count;
    r.pid = p.pid;
    r.version = p.version;
    for (unsigned i = 0; i + 1 < sizeof r.text && fault.text[i] != 0; ++i) r.text[i] = fault.text[i];
    r.slot = p.slot != nullptr ? p.slot->id() : 0;
    r.vector = fault.vector;
    r.error_code = fault.error_code;
    r.address = fault.address;
    r.exit_status = status;
    r.time_ns = machine::ticks_to_ns(machine::now() - boot_facts.boot_tsc);
    const auto& c = p.context;
    r.instruction = c.rip;
    const u64 registers[16] = {c.rax, c.rbx, c.rcx, c.rdx, c.rsi, c.rdi, c.rbp, c.rsp,
                               c.r8,  c.r9,  c.r10, c.r11, c.r12, c.r13, c.r14, c.r15};
    std::memcpy(r.registers, registers, sizeof registers);
    std::memcpy(r.program, p.program, sizeof r.program);
    if (const Slot* slot = p.slot != nullptr ? p.slot : replaced_slot(p); slot != nullptr)
        std::memcpy(r.name, slot->name, sizeof r.name);
    if (p.slot != nullptr) count_calls(r, *p.slot);
    trace_event(abi::TraceKind::failure, p.pid, fault.vector, r.slot);
    return r;
}

// An area that it was reserving in steps: a successor would not know of it.
void drop_reservation(Process& p) {
    const Pfn area = static_cast<Pfn>(p.progress >> 32);
    if (p.slot == nullptr || area >= pool.size() || !reserving(*p.slot, area, pool[area].pages)) return;
    unlink_area(*p.slot, area);
    free_area(area);
}

// Takes a process out of whatever it waits for or was about to do.
void stop_running(Process& p) {
    drop_reservation(p);
    abandon_load(p);
    if (p.completes != nullptr) drop_image(*p.completes);
    p.completes = nullptr;
    if (p.state == Process::State::ready) remove_ready(p);
    if (p.state == Process::State::calling) {  // the late answer frees the control ICA
        p.slot->window.unmap_control(p.call->index);
        p.call->waiting = nullptr;
        p.call->abandoned = true;
        p.call->way = Control::Way::other;
        p.call = nullptr;
    }
    p.deadline = 0;
    machine::forget_special(p);
}

void begin_teardown(Process& p) {
    p.state = Process::State::ending;
    p.teardown_stage = 0;
    p.teardown_cursor = 0;
    make_ready(p);
}

// At the death of a process, when its name is free, and once more when all that it had is free: calls of its that were
// still queued may have been served in between.
void tell_ended() {
    for (Slot& slot : slots)
        if (slot.alive && (slot.privileges & (abi::privilege::processes | abi::privilege::list)) != 0)
            post_event(slot, abi::event::process_ended);
}

// Stages of the end of a slot. Each returns true when it is done.
bool end_controls(Slot& slot, u64& cursor) {
    const u64 first = cursor;
    cursor = std::min<u64>(first + controls_per_step, controls_made);
    for (Control& c : made_controls().subspan(first, cursor - first)) {
        if (c.state == Control::State::free) continue;
        // What it has on loan may have come with a call that it passed on.
        for (unsigned i = 0; i < c.depth; ++i) unmap_loans(slot, c.frames[i].flags, {c.frames[i].data, c.frames[i].list});
        if (c.holder != &slot) continue;
        switch (c.state) {
            case Control::State::queued:
            case Control::State::held:
                // Its own request, abandoned by itself, is held by somebody else; these are requests of others.
                fail_call(slot, c, Error::server_died);
                break;
            case Control::State::returned:
                if (c.result_list != nullptr) free_list(c.result_list);
                c.result_list = nullptr;
                c.result_data = no_page;  // areas end with the slot's
                slot.results.remove(c);
                --slot.result_count;
                if (c.depth != 0) {
                    c.state = Control::State::held;
                    fail_call(slot, c, Error::server_died);
                } else {
                    free_control(c);
                }
                break;
            case Control::State::owned:
                slot.window.unmap_control(c.index);
                free_control(c);
                break;
            case Control::State::free:
                break;
        }
    }
    return cursor == controls_made;
}

bool end_areas(Slot& slot) {
    for (unsigned n = 0; n < areas_per_step; ++n) {
        const Pfn area = slot.first_area;
        if (area == no_page) return true;
        if (release_piece(slot, area)) return false;
        unlink_area(slot, area);
        slot.window.unmap(area, pool[area].pages);
        free_area(area);
    }
    return false;
}

void quiesce(Slot& slot) {
    if (slot.device != abi::no_device) machine::quiesce_device(slot.device);
    if (drives_console(slot)) machine::echo_log(true);
}

// The moment of death: no new calls, no more DMA, no interrupts. Then the steps.
void close_slot(Slot& slot) {
    quiesce(slot);
    detach_interrupts(slot);
    withdraw_all(slot);
    slot.alive = false;
    ++slot.generation;
    slot.generation &= 0xff'ffff;
}

// The call that the failed process worked on is the first to be delivered again, if that is safe.
void leave_calls(Slot& slot) {
    if (Control* c = slot.current; c != nullptr) {
        if (may_be_redelivered(*c)) {
            slot.current = nullptr;
            c->deferred = true;
            slot.deferred.push_front(*c);
            ++slot.deferred_count;
        } else {
            fail_call(slot, *c, Error::restarted);
        }
    }
    deliver_deferred_again(slot);
}

// The slot loses its process, and nothing else. Constant time.
void vacate(Slot& slot, Process& p, const abi::FaultRecord& r) {
    quiesce(slot);
    silence_interrupts(slot);
    slot.duties = 0;
    slot.events &= ~Slot::tell_replacement;
    retire_process(p);
    slot.process = nullptr;
    slot.controls_freed = 0;
    ++slot.failures;
    slot.failure = {r.vector, r.number, p.pid, p.version, r.calls_failed, r.calls_redelivered, machine::now(), {}};
    copy_name(slot.failure.program, p.program);
    leave_calls(slot);
    server_failed(slot);
    guardian_vacant(slot, Error::none);
}

// Without a process, the end of a slot needs another entry to go its steps.
void end_vacant_slot(Slot& slot) {
    Process* p = free_process();
    while (p == nullptr && reap_step()) p = free_process();
    if (p == nullptr) contradiction("more processes than slots and replacements");
    std::construct_at(p);
    p->slot = &slot;
    p->set_priority(abi::priority::application);
    close_slot(slot);
    begin_teardown(*p);
}

}  // namespace

bool reap_step() {
    for (Process& p : processes) {
        if (p.state != Process::State::ending) continue;
        remove_ready(p);
        if (!end_step(p)) make_ready(p);
        return true;
    }
    return false;
}

u64 random_number() {
    boot_facts.random[0] += 0x9e37'79b9'7f4a'7c15;
    return mix(boot_facts.random[0] ^ mix(boot_facts.random[1] + machine::now()));
}

Slot* slot_by_name(const char* name) {
    for (Slot& slot : slots)
        if (slot.alive && same_name(slot.name, name)) return &slot;
    return nullptr;
}

Process* process_by_pid(u32 pid) {
    for (Process& p : processes)
        if (p.state != Process::State::free && p.state != Process::State::loading && p.pid == pid) return &p;
    return nullptr;
}

bool same_name(const char* a, const char* b) { return std::strncmp(a, b, abi::name_bytes) == 0; }

void copy_name(char (&to)[abi::name_bytes], const char* from) {
    unsigned i = 0;
    for (; i + 1 < abi::name_bytes && from[i] != 0; ++i) to[i] = from[i];
    while (i < abi::name_bytes) to[i++] = 0;
}

// Printable, no spaces, ends inside the array.
bool valid_name(const char (&name)[abi::name_bytes]) {
    unsigned i = 0;
    for (; i < abi::name_bytes && name[i] != 0; ++i)
        if (name[i] <= ' ' || name[i] > '~') return false;
    return i != 0 && i < abi::name_bytes;
}

namespace {

Result<Process*> begin_load(Image& image, const char* program) {
    if (const auto possible = can_load(image); !possible) {
        if (possible.error() == Error::bad_image) machine::log_damage(program);
        return Failure(possible.error());
    }
    const auto loading = std::ranges::count(processes, Process::State::loading, &Process::state);
    Process* p = loading < max_loads ? free_process() : nullptr;
    if (p == nullptr) return Failure(Error::too_many);
    std::construct_at(p);
    if (!p->space.create()) return Failure(Error::no_memory);
    p->state = Process::State::loading;
    p->pid = ++last_pid;
    p->started = machine::now();
    copy_name(p->program, program);
    p->image = &image;
    use_image(image);
    return p;
}

Result<bool> go_on_loading(Process& p) {
    const auto loaded = load_step(p);
    if (loaded) {
        p.load_ticks = machine::now() - p.started;
        return loaded;
    }
    if (loaded.error() == Error::bad_image) machine::log_damage(p.program);
    abandon_process(p);
    return loaded;
}

Result<Slot*> slot_for(const ProcessPlan& plan) {
    if (plan.replaces != nullptr) return plan.replaces;
    return create_slot(*plan.request, plan.arguments);
}

void forget_slot(Slot& slot) {
    close_slot(slot);
    while (!slot.window.destroy(pages_per_step)) {
    }
    reset_slot(slot);
}

}  // namespace

Result<Process*> load_process(Image& image, const char* program) {
    while (free_process() == nullptr && reap_step()) {
    }
    Process* p = ANT_TRY(begin_load(image, program));
    while (!ANT_TRY(go_on_loading(*p))) {
    }
    return p;
}

Result<Process*> load_process_for(Process& asker, u32 number, const char* program) {
    Image* image = image_by_number(number);
    if (asker.loads != nullptr && asker.loads->image != image) abandon_load(asker);
    if (image == nullptr) return Failure(Error::not_found);
    Process* p = asker.loads;
    if (p == nullptr && free_process() == nullptr && reap_step()) return nullptr;  // first there has to be room
    asker.loads = nullptr;
    if (p == nullptr) p = ANT_TRY(begin_load(*image, program));
    if (ANT_TRY(go_on_loading(*p))) return p;
    asker.loads = p;
    return nullptr;
}

void abandon_process(Process& loaded) {
    loaded.set_priority(abi::priority::application);
    begin_teardown(loaded);
}

void abandon_load(Process& asker) {
    if (asker.loads != nullptr) abandon_process(*asker.loads);
    asker.loads = nullptr;
}

Result<Process*> complete_process(Process& p, const ProcessPlan& plan) {
    const abi::ProcessRequest& request = *plan.request;
    p.set_priority(plan.priority);
    p.flags = request.flags;
    p.uses_fpu = (request.flags & abi::process_flag::fpu) != 0;
    p.version = request.version;
    p.quota_pages = plan.replaces != nullptr ? plan.replaces->quota_pages : request.quota_pages;
    const auto found = slot_for(plan);
    if (!found) {
        abandon_process(p);
        return Failure(found.error());
    }
    Slot& slot = **found;
    if (const auto built = build_startup(p, plan, slot); !built) {
        if (plan.replaces == nullptr) forget_slot(slot);
        abandon_process(p);
        return Failure(built.error());
    }
    p.quota_pages += p.private_pages + p.space.tables();  // the program itself is free
    p.set_special((p.flags & (abi::process_flag::fpu | abi::process_flag::tls)) != 0 || slot.port_ranges != 0);
    p.cr3 = p.space.root();
    p.context.rip = p.image->layout.entry;
    p.context.rflags = 0x202;
    p.context.rsp = stack_top - 8;  // as after a call
    p.context.rdi = startup_page;
    p.state = Process::State::waiting;  // until start_process
    if (plan.replaces == nullptr) occupy(slot, p);
    return &p;
}

void start_process(Process& process) { make_ready(process); }

void end_process(Process& p, const Fault& fault, u32 status) {
    if (p.state == Process::State::ending) return;
    const abi::FaultRecord& record = record_fault(p, fault, status);
    stop_running(p);
    p.exit_status = status;
    Slot* slot = p.slot;
    if (slot != nullptr && slot->outlives_process()) {
        vacate(*slot, p, record);
    } else {
        if (slot != nullptr) {
            slot->process = nullptr;
            blackout_ended(*slot, false);
            close_slot(*slot);
        }
        begin_teardown(p);
        if (p.replacement != nullptr) new_server_ended(p, status);
    }
    tell_ended();
}

void end_slot(Slot& slot) {
    slot.flags &= ~abi::process_flag::restart;
    if (slot.replacement != nullptr) cancel_replacement(slot, Error::server_died);
    if (!slot.alive) return;  // it was vacant, and nobody is to follow now
    if (slot.process != nullptr)
        end_process(*slot.process, {abi::fault_vector::kill}, 0);
    else
        end_vacant_slot(slot);
}

void new_life(Slot& slot) {
    static constinit u32 last = 0;
    slot.life = ++last;
}

void occupy(Slot& slot, Process& process) {
    const bool replaced = slot.process != nullptr, first = slot.life == 0;
    process.slot = &slot;
    process.identity = process.pid | u64{slot.id()} << 32;
    process.space.set_window(&slot.window);
    slot.process = &process;
    new_life(slot);
    slot.alive_since = machine::now();
    if (replaced) return;
    if (slot.device != abi::no_device) machine::allow_device_interrupt(slot.device);
    if (first) return;
    resume_interrupts(slot);
    if (drives_console(slot)) machine::echo_log(false);
}

void retire_process(Process& p) {
    p.slot = nullptr;
    p.space.set_window(nullptr);
    if (arch::cpu().loaded == &p) arch::cpu().loaded = nullptr;
    machine::forget_special(p);
    // Its memory is freed when nothing more important runs: that adds nothing to the blackout.
    if (p.priority > abi::priority::application) p.set_priority(abi::priority::application);
    begin_teardown(p);
}

bool end_step(Process& p) {
    machine::leave_space(p.cr3);
    Slot* slot = p.slot;
    switch (p.teardown_stage) {
        case 0:
            if (slot != nullptr && !end_controls(*slot, p.teardown_cursor)) return false;
            ++p.teardown_stage;
            return false;
        case 1:
            if (slot != nullptr && !end_areas(*slot)) return false;
            ++p.teardown_stage;
            return false;
        case 2:
            if (slot != nullptr && !slot->window.destroy(pages_per_step)) return false;
            if (slot != nullptr) reset_slot(*slot);
            p.slot = nullptr;
            ++p.teardown_stage;
            return false;
        default:
            break;
    }
    if (!p.space.destroy(pages_per_step)) return false;
    if (p.fpu_page != no_page) pool.release(p.fpu_page, 1);
    if (p.image != nullptr) drop_image(*p.image);
    if (arch::cpu().current == &p) run_nobody();
    p.state = Process::State::free;
    tell_ended();
    return true;
}

}  // namespace ant::core
