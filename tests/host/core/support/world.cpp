#include "world.hpp"

#include <kernel/core/user_memory.hpp>

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ant::test {

using model::hardware;

namespace {

constexpr u64 syscall_bytes = 2;
const bool tracing = std::getenv("ANT_TRACE") != nullptr;  // each system call
using Handlers = std::array<Handler, syscall_count>;

bool over(const Process& p) { return p.state == Process::State::free || p.state == Process::State::ending; }

abi::ProcessRequest request_of(const char* name, const Plan& plan) {
    abi::ProcessRequest request{};
    request.priority = plan.priority;
    request.user_id = plan.user_id;
    request.privileges = plan.privileges;
    request.version = plan.version;
    request.flags = plan.flags;
    request.device = plan.device;
    request.irq[0] = plan.irq;
    request.irq[1] = abi::no_irq;
    request.quota_pages = plan.quota_pages;
    request.quota_calls = plan.quota_calls;
    request.deadline_us = plan.deadline_us;
    copy_name(request.name, name);
    copy_name(request.program, name);
    unsigned i = 0;
    for (const char* callee : plan.callees) copy_name(request.callees[i++], callee);
    return request;
}

}  // namespace

extern "C" const Handlers syscall_handlers;

Outcome outcome_of(const Process& p) {
    const auto& c = p.context;
    const bool back = p.state == Process::State::running || p.state == Process::State::ready;
    return {!back, static_cast<Error>(c.rax), c.rdx, c.rsi, c.rdi, c.r8, c.r9};
}

World::World(std::size_t pages, Pfn border) : descriptors_(pages) {
    hardware().reset(pages);
    arch::boot_cpu = {};
    scheduler = {};
    pool = {};
    pool.init(descriptors_, border);
    pool.add(1, pages - 1);  // page 0 is not used
    for (Control& c : controls) c = {};
    init_controls(static_cast<Pfn>((pages + max_controls - 1) / max_controls * max_controls));
    for (u32 i = 0; i < max_slots; ++i) {
        const u32 generation = slots[i].generation;
        slots[i] = {};
        slots[i].index = i;
        slots[i].generation = generation;
    }
    for (Process& p : processes) p = {};
    for (Function& f : functions) f = {};
    for (Image& i : images) i = {};
    damaged_images = 0;
    static const bool lists = (init_lists(), true);
    (void)lists;
    boot_facts.boot_tsc = hardware().clock;
    boot_facts.tsc_khz = machine::tick_rate * 1000;
    free_at_start_ = pool.free_pages();
    image();
    image_ = &images[0];
}

void World::end_everything() {
    after_entry = {};
    hardware().at_open_interrupts = {};
    for (Slot& slot : slots)
        if (slot.alive) end(slot);
    for (Process& p : processes)
        if (!over(p)) kill(p);
    finish_endings();
    for (Image& i : images)
        if (i.known) (void)release_image(image_number(static_cast<u32>(&i - images)));
}

World::~World() noexcept(false) {
    if (std::uncaught_exceptions() != 0) {  // the test has failed already
        try {
            end_everything();
        } catch (...) {  // NOLINT(bugprone-empty-catch): the first failure is the one to report
        }
        return;
    }
    end_everything();
    CHECK(pages_lost().empty());
    CHECK(pool.free_pages() + controls_made - controls_at_boot == free_at_start_);  // their pages stay
    CHECK(hardware().complaints().empty());
    CHECK(audit() == 0);
}

u32 World::image_number(u32 index) const { return index | images[index].generation << 8; }

u64 World::image_users() const { return image_->users; }

template <class F>
void World::enter(F f) {
    if (Process* p = running(); p != nullptr) p->context.full = 1;  // interrupted
    try {
        f();
    } catch (const model::Idle&) {  // NOLINT(bugprone-empty-catch): how the core waits for an interrupt
    }
    if (after_entry) after_entry();
    check_cheap();
}

u32 World::image(const ElfFile& file) {
    const auto bytes = file.build();
    const std::size_t pages = (bytes.size() + page_size - 1) / page_size;
    for (u32 i = 0; i < max_images; ++i) {
        Image& image = images[i];
        if (image.first != no_page) continue;
        const auto layout = parse_image(bytes);
        REQUIRE(layout);
        image.first = pool.allocate(pages, PageKind::image);
        REQUIRE(image.first != no_page);
        pool.zero_run(image.first, pages, 0, pages);
        std::memcpy(machine::page(image.first), bytes.data(), bytes.size());
        set_up_image(image, image.first, static_cast<u32>(pages), *layout, true);
        return image_number(i);
    }
    FAIL("no room for an image");
    return 0;
}

Result<Process*> World::try_start(const char* name, const Plan& plan) {
    const abi::ProcessRequest request = request_of(name, plan);
    const auto created =
        complete_process(*ANT_TRY(load_process(*image_, request.program)), {&request, "", nullptr, plan.priority});
    if (!created) return created;
    start_process(**created);
    if (idle()) enter([] { schedule(); });
    return created;
}

Process& World::start(const char* name, const Plan& plan) {
    const auto created = try_start(name, plan);
    REQUIRE(created);
    return **created;
}

void World::kill(Process& process) {
    enter([&process] {
        Process* current = arch::cpu().current;
        if (tracing) std::fprintf(stderr, "kill %s (pid %u)\n", process.program, process.pid);
        end_process(process, {abi::fault_vector::kill}, 0);
        if (current == nullptr || current->state != Process::State::running)
            schedule();
        else
            resume(*current);
    });
}

void World::end(Slot& slot) {
    enter([&slot] {
        Process* current = arch::cpu().current;
        end_slot(slot);
        if (current == nullptr || current->state != Process::State::running)
            schedule();
        else
            resume(*current);
    });
}

// The running process lets others run, even less important ones.
void World::give_way(Lowered& lowered, u8 priority) {
    Process& p = *running();
    if (p.priority > priority) {
        lowered.push_back({&p, p.own_priority});
        p.set_priority(priority);
    }
    quantum_ends();
}

void World::restore(const Lowered& lowered) {
    for (const auto& [process, priority] : lowered) {
        const bool queued = process->state == Process::State::ready;
        if (queued) remove_ready(*process);
        process->set_priority(priority);
        if (queued) make_ready(*process);
    }
}

void World::finish_endings() {
    Lowered lowered;
    const auto ending = [] {
        for (const Process& p : processes)
            if (p.state == Process::State::ending) return true;
        return false;
    };
    for (unsigned turns = 0; ending(); ++turns) {
        if (turns == 10'000) FAIL("a process does not end");
        if (idle())
            enter([] { schedule(); });
        else
            give_way(lowered, 0);
    }
    restore(lowered);
}

void World::run(Process& process) {
    Lowered lowered;
    for (unsigned turns = 0; running() != &process; ++turns) {
        INFO("process " << process.program << " state " << static_cast<int>(process.state));
        REQUIRE(turns < 1000);
        REQUIRE((process.state == Process::State::ready || process.state == Process::State::running));
        REQUIRE(running() != nullptr);
        give_way(lowered, process.priority);
    }
    restore(lowered);
}

void World::raw_call(Syscall number, u64 a, u64 b, u64 c, u64 d, u64 e) {
    Process& p = *running();
    p.context.rip += syscall_bytes;
    const Handler handler = syscall_handlers[static_cast<u32>(number) - static_cast<u32>(Syscall::first)];
    enter([=, &p] {
        p.context.full = 0;
        handler(a, b, c, d, e);
    });
    if (tracing)
        std::fprintf(stderr, "%s (pid %u, state %d): call %x %lx %lx %lx %lx %lx -> %lx %lx %lx %lx\n", p.program, p.pid,
                     static_cast<int>(p.state), static_cast<u32>(number), a, b, c, d, e, p.context.rax, p.context.rdx,
                     p.context.rsi, p.context.rdi);
}

Outcome World::call(Process& p, Syscall number, u64 a, u64 b, u64 c, u64 d, u64 e) {
    run(p);
    raw_call(number, a, b, c, d, e);
    return go_on(p);
}

bool World::repeats(const Process& p) {
    const bool runs = p.state == Process::State::ready || p.state == Process::State::running;
    return runs && p.context.rax >= static_cast<u64>(Syscall::first);
}

Outcome World::go_on(Process& p) {
    while (repeats(p)) {
        run(p);
        raw_call(static_cast<Syscall>(p.context.rax), p.context.rdi, p.context.rsi, p.context.rdx, p.context.r10, p.context.r8);
    }
    return outcome_of(p);
}

u64 World::control(Process& p) {
    const Outcome o = call(p, Syscall::ica_reserve, 1, static_cast<u64>(abi::AreaKind::control));
    REQUIRE(o.ok());
    return o.rdx;
}

u64 World::area(Process& p, u64 pages) {
    const Outcome o = call(p, Syscall::ica_reserve, pages, static_cast<u64>(abi::AreaKind::data));
    REQUIRE(o.ok());
    return o.rdx;
}

u32 World::function(Process& p, const char* name, u32 op) {
    const Outcome o = call(p, Syscall::function_register, put_name(p, name), op | abi::function_attribute::takes_data);
    REQUIRE(o.ok());
    return static_cast<u32>(o.rdx);
}

Outcome World::request(Process& p, u32 function, u64 control, u64 mode, u64 data, u64 timeout) {
    return call(p, Syscall::request, function | mode, control, parameters_at(page_size - abi::parameter_base), data, timeout);
}
Outcome World::request_async(Process& p, u32 function, u64 control, u64 mode, u64 data, u64 timeout) {
    return call(p, Syscall::request_async, function | mode, control, parameters_at(page_size - abi::parameter_base), data,
                timeout);
}
Outcome World::reply(Process& p, u64 control, u64 value, u64 data_mode, Error error, bool list) {
    return call(p, Syscall::reply, control, value, data_mode, static_cast<u64>(error) | u64{list} << 32);
}
Outcome World::forward(Process& p, u32 function, u64 control, u64 flags, u64 data) {
    return call(p, Syscall::forward, function | flags, control, parameters_at(page_size - abi::parameter_base), data);
}

abi::ReplaceRequest World::replace_request(const char* name, bool as_paper, u32 timeout_us, u32 version) const {
    abi::ReplaceRequest request{};
    copy_name(request.name, name);
    copy_name(request.program, name);
    request.image = image_number(0);
    request.version = version;
    request.as_paper = as_paper ? 1 : 0;
    request.timeout_us = timeout_us;
    return request;
}

Result<u32> World::replace_from_outside(Process& asker, const char* name, bool as_paper, u32 timeout_us) {
    Result<u32> ticket = Failure(Error::busy);
    enter([&] {
        Process* current = running();
        ticket = begin_replacement(asker, replace_request(name, as_paper, timeout_us, 2));
        current == nullptr ? schedule() : resume(*current);
    });
    return ticket;
}

Result<u32> World::try_replace(Process& asker, const char* name, bool as_paper, u32 timeout_us, u32 version) {
    return ask(asker, replace_request(name, as_paper, timeout_us, version));
}

Result<u32> World::ask(Process& asker, const abi::ReplaceRequest& request) {
    const Outcome o = call(asker, Syscall::server_replace, put(asker, &request, sizeof request));
    if (o.error != Error::none) return Failure(o.error);
    return static_cast<u32>(o.rdx);
}

u32 World::replace(Process& asker, const char* name, bool as_paper, u32 timeout_us) {
    const auto ticket = try_replace(asker, name, as_paper, timeout_us);
    REQUIRE(ticket);
    return *ticket;
}

Process& World::revive(Process& asker, const char* name, u64 flags) {
    replace(asker, name);
    Process& process = fresh(name);
    const Outcome o = call(process, Syscall::server_register, ~u64{0}, flags);
    REQUIRE(o.ok());
    CHECK(o.rdx == static_cast<u64>(abi::Registered::restarted));
    return process;
}

Process& World::fresh(const char* name) {
    Slot* slot = slot_by_name(name);
    REQUIRE(slot != nullptr);
    REQUIRE(slot->replacement != nullptr);
    return *slot->replacement->fresh;
}

Result<abi::ReplaceResult> World::result(Process& asker) {
    abi::ReplaceResult result{};
    const u64 at = put(asker, &result, sizeof result);
    const Outcome o = call(asker, Syscall::replace_result, at);
    if (o.error != Error::none) return Failure(o.error);
    REQUIRE(read_object(asker, at, result));
    return result;
}

u64 World::put(Process& p, const void* bytes, std::size_t n, std::size_t offset) {
    constexpr u64 room = 4 * page_size;
    const u64 address = ((p.context.rsp - room) & ~u64{page_size - 1}) + offset;
    REQUIRE(copy_out(p, address, {static_cast<const std::byte*>(bytes), n}));
    return address;
}

u64 World::put_name(Process& p, const char* name) {
    char text[abi::name_bytes];
    copy_name(text, name);
    return put(p, text, sizeof text);
}

u64& World::word(Process& p, u64 address) {
    const u64 physical = p.space.translate(address, true);
    REQUIRE(physical != 0);
    return *reinterpret_cast<u64*>(static_cast<std::byte*>(machine::page(static_cast<Pfn>(physical >> page_shift))) +
                                   (physical & (page_size - 1)));
}

bool World::advance(u64 microseconds) {
    hardware().clock += microseconds * machine::ticks_per_us();
    if (hardware().armed > hardware().clock) return false;
    hardware().armed = ~u64{0};
    enter([] {
        Process* p = arch::cpu().current;
        const bool rotate = timer_expired();
        if (p == nullptr || p->state != Process::State::running) {
            schedule();
        } else if (rotate) {
            make_ready(*p);
            schedule();
        } else {
            resume(*p);
        }
    });
    return true;
}

void World::interrupt(u8 irq) {
    if (hardware().masked[irq]) return;
    enter([irq] {
        Process* p = arch::cpu().current;
        interrupt_arrived(irq);
        p == nullptr ? schedule() : resume(*p);
    });
}

void World::quantum_ends() {
    enter([] {
        if (Process* p = arch::cpu().current; p != nullptr) make_ready(*p);
        schedule();
    });
}

void World::check_cheap() {
    const std::string complaints = hardware().complaints();
    if (!complaints.empty()) FAIL(complaints);
    Process* p = running();
    if (p == nullptr) return;
    if (p->state != Process::State::running) FAIL("the core leaves into a process that does not run");
    if (hardware().loaded != p->cr3) FAIL("the core leaves into a process whose address space is not loaded");
    if (hardware().stale_translation()) FAIL("the running process has a translation that it lost");
    hardware().stale.clear();  // what was invalidated or is mapped again is no concern any more
}

void World::check() {
    check_cheap();
    if (audit() != 0) {
        std::string all;
        for (const auto& line : hardware().audit_log) all += line + "; ";
        FAIL("audit: " << all);
    }
    if (const std::string lost = pages_lost(); !lost.empty()) FAIL(lost);
}

std::string World::pages_lost() const {
    std::size_t count[10] = {}, in_areas = 0, in_images = 0, tables = 0, own = 0;
    for (Pfn pfn = 0; pfn < pool.size(); ++pfn) {
        const PageInfo& info = pool[pfn];
        ++count[static_cast<unsigned>(info.kind)];
        if (info.kind == PageKind::area) in_areas += info.pages;
        if (info.kind == PageKind::image) in_images += info.pages;
    }
    for (const Slot& s : slots) {
        if (s.window.root() == 0) continue;
        const auto& t = hardware().window(s.window.root());
        tables += 2 + max_controls / pages_per_large;
        for (const Pfn table : t.tables) tables += table != no_page ? 1 : 0;
    }
    for (const Process& p : processes) {
        if (p.space.root() == 0) continue;
        const auto& t = hardware().space(p.space.root());
        tables += 1 + t.tables.size();
        for (const auto& [address, page] : t.pages) own += pool[page.pfn].kind == PageKind::own ? 1 : 0;
    }
    const auto of = [&count](PageKind kind) { return count[static_cast<unsigned>(kind)]; };
    std::string lost;
    if (of(PageKind::table) != tables)
        lost += "tables: " + std::to_string(of(PageKind::table)) + " not " + std::to_string(tables) + " ";
    if (of(PageKind::own) != own)
        lost += "private pages: " + std::to_string(of(PageKind::own)) + " not " + std::to_string(own) + " ";
    if (of(PageKind::area) + of(PageKind::image) + of(PageKind::body) != in_areas + in_images)
        lost += "runs and their pages differ ";
    if (of(PageKind::free_head) + of(PageKind::free_body) != pool.free_pages()) lost += "count of free pages ";
    return lost;
}

}  // namespace ant::test
