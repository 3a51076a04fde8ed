#include "listing.hpp"

#include "areas.hpp"
#include "audit.hpp"
#include "images.hpp"
#include "lifecycle.hpp"
#include "scheduler.hpp"
#include "history.hpp"
#include "trace.hpp"

#include <algorithm>
#include <cstring>

namespace ant::core {

namespace {

// Appends records to an area, skipping the first `skip`.
template <class T>
class Writer {
public:
    Writer(Pfn area, u64 skip)
        : out_{static_cast<T*>(machine::page(area))}, room_{u64{pool[area].pages} * page_size / sizeof(T)}, skip_{skip} {}
    // The next record is not wanted: it need not be made.
    [[nodiscard]] bool passes_over() {
        if (skip_ == 0) return count_ == room_;
        --skip_;
        return true;
    }
    // To be filled in, all of it: it is not cleared.
    [[nodiscard]] T& next() { return out_[count_++]; }
    void put(const T& record) {
        if (!passes_over()) std::memcpy(&next(), &record, sizeof record);
    }
    [[nodiscard]] Listed listed() const { return {count_, sizeof(T)}; }

private:
    T* out_;
    u64 room_;
    u64 skip_;
    u32 count_ = 0;
};

abi::ProcessState state_of(const Process& p) {
    switch (p.state) {
        case Process::State::free:
        case Process::State::loading:
        case Process::State::ending:
            return abi::ProcessState::ending;
        case Process::State::ready:
            return abi::ProcessState::ready;
        case Process::State::running:
            return abi::ProcessState::running;
        case Process::State::receiving:
            return abi::ProcessState::receiving;
        case Process::State::calling:
            return abi::ProcessState::calling;
        case Process::State::waiting:
            return abi::ProcessState::waiting;
        case Process::State::registering:
            return abi::ProcessState::registering;
        case Process::State::handing_over:
            return abi::ProcessState::handing_over;
    }
    return abi::ProcessState::ending;
}

constexpr char no_name[abi::name_bytes] = {};

Listed list_processes(Pfn area, u64 start) {
    Writer<abi::ProcessRecord> writer{area, start};
    for (const Process& p : processes) {
        if (p.state == Process::State::free || p.state == Process::State::loading || writer.passes_over()) continue;
        abi::ProcessRecord& r = writer.next();
        r.pid = p.pid;
        const Slot* slot = p.slot != nullptr ? p.slot : replaced_slot(p);
        r.slot = slot != nullptr ? slot->id() : 0;
        r.user_id = slot != nullptr ? slot->user_id : 0;
        std::memcpy(r.name, slot != nullptr ? slot->name : no_name, sizeof r.name);
        r.priority = p.own_priority;
        r.state = static_cast<u32>(state_of(p));
        r.private_pages = p.private_pages;
        r.version = p.version;
        r.flags = p.flags;
        r.cpu_ns = machine::ticks_to_ns(cpu_ticks_of(p, machine::now()));
        r.started_ns = machine::ticks_to_ns(p.started - boot_facts.boot_tsc);
        std::memcpy(r.program, p.program, sizeof r.program);
    }
    return writer.listed();
}

Listed list_servers(Pfn area, u64 start) {
    Writer<abi::ServerRecord> writer{area, start};
    for (const Slot& s : slots) {
        if (!s.alive || writer.passes_over()) continue;
        abi::ServerRecord& r = writer.next();
        r.slot = s.id();
        r.vacant = s.process == nullptr ? 1 : 0;
        r.pid = s.process != nullptr ? s.process->pid : 0;
        r.version = s.process != nullptr ? s.process->version : s.failure.version;
        std::memcpy(r.program, s.process != nullptr ? s.process->program : s.failure.program, sizeof r.program);
        r.failures = s.failures;
        r.probation = s.probation.on ? 1 : 0;
        r.deadline_us = s.watch.deadline_us;
        r.quota_pages = s.quota_pages;
        r.over_quota = s.watch.over_quota;
        r.replacements = s.replacements;
        r.queued = s.queued;
        r.current = s.current != nullptr ? 1 : 0;
        r.deferred = s.deferred_count;
        r.results = s.result_count;
        r.areas = s.area_count;
        r.area_pages = s.area_pages;
        r.functions = s.function_count;
        r.controls = s.control_count;
        r.state_format = s.state_format;
        r.device = s.device;
        r.state_area = s.state_area == no_page ? 0 : address_of(s.state_area);
        r.calls_served = s.calls_served;
        std::memcpy(r.name, s.name, sizeof r.name);
    }
    return writer.listed();
}

Listed list_areas(Pfn area, u64 start) {
    Writer<abi::AreaRecord> writer{area, start};
    for (const Slot& s : slots) {
        if (!s.alive) continue;
        abi::AreaRecord r{};
        r.areas = s.area_count;
        r.pages = s.area_pages;
        r.lent = s.lent_count;
        r.controls = s.control_count;
        std::memcpy(r.owner, s.name, sizeof r.owner);
        writer.put(r);
    }
    abi::AreaRecord core{}, free{};
    copy_name(core.owner, "core");
    copy_name(free.owner, "free");
    for (Pfn p = 0; p < pool.size(); ++p) {
        const PageInfo& info = pool[p];
        const bool orphan = info.kind == PageKind::area && info.owner == PageInfo::no_owner;
        if (orphan || info.kind == PageKind::image) {
            ++core.areas;
            core.pages += info.pages;
        } else if (info.kind == PageKind::table || info.kind == PageKind::core) {
            ++core.pages;
        }
    }
    for (const Control& c : made_controls())
        if (c.state == Control::State::free) ++core.controls;
    free.pages = static_cast<u32>(pool.free_pages());
    writer.put(core);
    writer.put(free);
    return writer.listed();
}

Listed list_faults(Pfn area, u64 start) {
    u32 kept = fault_count < max_fault_records ? fault_count : max_fault_records;
    if (start >> 63 != 0) {
        const u32 number = static_cast<u32>(start);
        kept = std::min(kept, number < fault_count ? fault_count - number : 0);
        start = 0;
    }
    Writer<abi::FaultRecord> writer{area, start};
    for (u32 i = fault_count - kept; i != fault_count; ++i) writer.put(fault_records[i % max_fault_records]);
    return writer.listed();
}

Listed list_history(Pfn area, u64 start) {
    Writer<abi::ReplaceResult> writer{area, start};
    const u32 kept = history_count < max_history ? history_count : max_history;
    for (u32 i = history_count - kept; i != history_count; ++i) writer.put(history[i % max_history]);
    return writer.listed();
}

Listed list_functions(Pfn area, u64 start) {
    Writer<abi::FunctionRecord> writer{area, start};
    for (const Function& f : functions) {
        if (f.id == 0) continue;
        abi::FunctionRecord r{};
        r.id = f.id;
        r.op = f.op;
        r.provided = f.slot != nullptr ? 1 : 0;
        r.slot = f.slot != nullptr ? f.slot->id() : 0;
        std::memcpy(r.name, f.name, sizeof r.name);
        writer.put(r);
    }
    return writer.listed();
}

// The oldest records that were asked for may be gone by then: a list of what goes on has no fixed beginning.
Listed list_trace(Pfn area, u64 start) {
    Writer<abi::TraceRecord> writer{area, 0};
    const u64 room = u64{pool[area].pages} * page_size / sizeof(abi::TraceRecord);
    const u64 kept = trace_kept();
    for (u64 n = start; n < kept && n - start < room; ++n) writer.put(traced(static_cast<u32>(n)));
    return writer.listed();
}

Listed list_system(Pfn area, bool with_audit) {
    Writer<abi::SystemRecord> writer{area, 0};
    abi::SystemRecord r{};
    const auto& cpu = arch::cpu();
    r.total_pages = pool.total_pages();
    r.free_pages = pool.free_pages();
    r.zeroed_pages = pool.zeroed_pages();
    r.high_pages = pool.total_high();
    r.high_free_pages = pool.free_high();
    r.uptime_ns = machine::ticks_to_ns(machine::now() - boot_facts.boot_tsc);
    r.idle_ns = machine::ticks_to_ns(cpu.idle_ticks);
    r.tsc_khz = boot_facts.tsc_khz;
    r.interrupts = cpu.counters.interrupts;
    r.cr3_writes = cpu.counters.cr3_writes;
    r.invalidations = cpu.counters.invalidations;
    r.msr_writes = cpu.counters.msr_writes;
    r.fpu_switches = cpu.counters.fpu_switches;
    machine::describe(r);
    if (with_audit) {
        r.audit_errors = audit();
        for (Image& image : images)
            if (image.first != no_page) (void)intact(image);
    }
    r.damaged_images = damaged_images;
    writer.put(r);
    return writer.listed();
}

}  // namespace

Result<Listed> list_records(Slot& slot, abi::ListKind kind, u64 address, u64 start) {
    const Pfn area = ANT_TRY(owned_area(slot, address));
    // A borrower reads it while it is lent; nobody else writes.
    switch (kind) {
        case abi::ListKind::processes:
            return list_processes(area, start);
        case abi::ListKind::servers:
            return list_servers(area, start);
        case abi::ListKind::areas:
            return list_areas(area, start);
        case abi::ListKind::faults:
            return list_faults(area, start);
        case abi::ListKind::history:
            return list_history(area, start);
        case abi::ListKind::functions:
            return list_functions(area, start);
        case abi::ListKind::trace:
            return list_trace(area, start);
        case abi::ListKind::system:
            return list_system(area, start == 1);
        case abi::ListKind::log:
            return Listed{machine::copy_log(machine::page(area), u64{pool[area].pages} * page_size, start), 1};
    }
    return Failure(Error::invalid_argument);
}

}  // namespace ant::core
