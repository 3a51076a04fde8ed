// bench memory: what the core and the whole system take. bench boot: when the prompt was there.
#include "memory.hpp"

#include "figures.hpp"

#include <ant/console.hpp>
#include <ant/process.hpp>

#include <string_view>

namespace ant::bench {
namespace {

template <class Record, class Take>
Result<> each(abi::ListKind kind, const Ica& area, Take take) {
    for (std::uint64_t start = 0;;) {
        const auto listing = ANT_TRY(sys::list(kind, area.address(), start));
        if (listing.records == 0) return {};
        for (std::size_t i = 0; i < listing.records; ++i)
            take(*reinterpret_cast<const Record*>(area.data() + i * listing.record_bytes));
        start += listing.records;
    }
}

// Private pages of this very process, which is not there when the prompt waits.
Result<std::uint64_t> own_pages(const Ica& area) {
    const auto listing = ANT_TRY(sys::list(abi::ListKind::processes, area.address()));
    for (std::size_t i = 0; i < listing.records; ++i) {
        const auto& record = *reinterpret_cast<const abi::ProcessRecord*>(area.data() + i * listing.record_bytes);
        if (record.pid == startup().pid) return record.private_pages + area.pages();
    }
    return Failure(Error::not_found);
}

Result<> measure_pages() {
    const Records records = ANT_TRY(Records::make());
    const Ica area = ANT_TRY(Ica::reserve(16 * abi::page_size));
    const auto system = ANT_TRY(records.system());
    const std::uint64_t own = ANT_TRY(own_pages(area)) + records.area().pages();
    const std::uint64_t used = system.kernel_bytes + (system.total_pages - system.free_pages - own) * abi::page_size;
    print_figure("memory.kernel", "bytes", system.kernel_bytes + system.kernel_pool_bytes);
    print_figure("memory.kernel.text", "bytes", system.kernel_constant_bytes);
    print_figure("memory.system", "bytes", used);
    console::print(
        "note memory.kernel is the core's image and its tables; memory.kernel.text is its text and constants, without the "
        "names of its functions for panics, which lie in the boot archive; memory.system is all memory that is not free, "
        "programs of the boot archive and the core with its descriptors of pages included\n");
    console::print(
        "note pages that the core gives out: %lu bytes, free %lu bytes; beside them, the core's image, descriptors and first "
        "tables: %lu bytes\n",
        system.total_pages * abi::page_size, system.free_pages * abi::page_size, system.kernel_bytes);
    return {};
}

// What is a server's own: the private pages of its process, and its areas. Programs' text is shared, and not in it.
Result<> measure_servers() {
    const Ica servers = ANT_TRY(Ica::reserve(16 * abi::page_size)), processes = ANT_TRY(Ica::reserve(16 * abi::page_size));
    return each<abi::ServerRecord>(abi::ListKind::servers, servers, [&](const abi::ServerRecord& server) {
        if (server.pid == startup().pid) return;
        std::uint64_t pages = server.area_pages;
        (void)each<abi::ProcessRecord>(abi::ListKind::processes, processes, [&](const abi::ProcessRecord& process) {
            if (process.pid == server.pid) pages += process.private_pages;
        });
        char id[64];
        format(id, sizeof id, "memory.%.32s", server.name);
        print_figure(id, "bytes", pages * abi::page_size);
    });
}

// When each process of the boot was created: the phases of the way to the prompt.
Result<> measure_starts() {
    const Ica area = ANT_TRY(Ica::reserve(16 * abi::page_size));
    return each<abi::ProcessRecord>(abi::ListKind::processes, area, [&](const abi::ProcessRecord& process) {
        if (process.pid == startup().pid) return;
        char id[64];
        format(id, sizeof id, "boot.created.%.32s", process.name);
        print_figure(id, "ns", process.started_ns);
    });
}

// Number behind `before` in the log; the shell writes that line with its first prompt.
Result<std::uint64_t> number_in_log(std::string_view log, std::string_view before) {
    const auto at = log.find(before);
    if (at == std::string_view::npos) return Failure(Error::not_found);
    std::uint64_t value = 0;
    for (const char c : log.substr(at + before.size())) {
        if (c < '0' || c > '9') break;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

Result<> measure_prompt() {
    const Ica area = ANT_TRY(Ica::reserve(16 * abi::page_size));
    const auto listing = ANT_TRY(sys::list(abi::ListKind::log, area.address()));
    // The counter was 0 at power-on; the clock is at the core's entry.
    print_figure("boot.power_on_to_core", "ns", ticks_to_ns(time_stamp()) - clock_ns());
    print_figure("boot.kernel_to_prompt", "ns", ANT_TRY(number_in_log({area.as<const char>(), listing.records}, "prompt at ")));
    return {};
}

int report(const char* name, const Result<>& measured) {
    if (measured) return 0;
    console::print("bench %s: %s\n", name, error_text(measured.error()));
    return 1;
}

}  // namespace

int measure_memory() {
    auto measured = measure_pages();
    if (measured) measured = measure_servers();
    return report("memory", measured);
}
int measure_boot() {
    auto measured = measure_prompt();
    if (measured) measured = measure_starts();
    return report("boot", measured);
}

}  // namespace ant::bench
