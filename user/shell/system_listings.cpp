// Listings of the machine as a whole: areas, log, boot.
#include "commands.hpp"
#include "json.hpp"
#include "records.hpp"

#include "session.hpp"

namespace ant::shell {
namespace {

using abi::ListKind;
using ull = unsigned long long;

Result<abi::SystemRecord> system_record() {
    constexpr std::uint64_t with_audit = 1;
    const Ica area = ANT_TRY(Ica::reserve(sizeof(abi::SystemRecord)));
    const auto listing = ANT_TRY(sys::list(ListKind::system, area.address(), with_audit));
    if (listing.records != 1 || listing.record_bytes != sizeof(abi::SystemRecord)) return Failure(Error::not_supported);
    return *area.as<const abi::SystemRecord>();
}

void describe(Json& json, const abi::AreaRecord& a) {
    json.begin_object();
    json.text("owner", name_of(a.owner));
    json.number("areas", a.areas);
    json.number("pages", a.pages);
    json.number("lent", a.lent);
    json.number("controls", a.controls);
    json.end_object();
}

void describe(Json& json, const abi::SystemRecord& s) {
    json.number("total_pages", s.total_pages);
    json.number("free", s.free_pages);
    json.number("zeroed_pages", s.zeroed_pages);
    json.number("high_pages", s.high_pages);
    json.number("high_free", s.high_free_pages);
    json.number("kernel_bytes", s.kernel_bytes);
    json.number("kernel_pool_bytes", s.kernel_pool_bytes);
    json.number("audit_errors", s.audit_errors);
    json.text("audit", s.audit_errors == 0 ? "ok" : "failed");
    json.number("damaged_images", s.damaged_images);
}

Result<> areas_as_json(const abi::SystemRecord& system) {
    Json json;
    json.begin_object();
    json.begin_array("owners");
    const auto listed = for_each_record<abi::AreaRecord>(ListKind::areas, [&](const abi::AreaRecord& a) { describe(json, a); });
    json.end_array();
    describe(json, system);
    json.end_object();
    json.end_line();
    return listed;
}

Result<> areas_as_text(const abi::SystemRecord& system) {
    out.write("OWNER               AREAS    PAGES   LENT  CONTROLS\n");
    ANT_TRY(for_each_record<abi::AreaRecord>(ListKind::areas, [](const abi::AreaRecord& a) {
        out.print("%-18.32s %6u %8u %6u %9u\n", a.owner, a.areas, a.pages, a.lent, a.controls);
    }));
    out.print("total=%llu free=%llu zeroed=%llu pages of 4096 bytes, core=%llu pool=%llu bytes\n",
              static_cast<ull>(system.total_pages), static_cast<ull>(system.free_pages), static_cast<ull>(system.zeroed_pages),
              static_cast<ull>(system.kernel_bytes), static_cast<ull>(system.kernel_pool_bytes));
    if (system.high_pages != 0)
        out.print("above 4 GiB: total=%llu free=%llu\n", static_cast<ull>(system.high_pages),
                  static_cast<ull>(system.high_free_pages));
    if (system.audit_errors == 0) {
        out.write("audit=ok\n");
    } else {
        out.print("audit=failed errors=%u\n", system.audit_errors);
    }
    if (system.damaged_images != 0) out.print("damaged programs in memory=%u\n", system.damaged_images);
    return {};
}

}  // namespace

int list_areas(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    const auto system = system_record();
    if (!system) return fail(system.error());
    const auto listed = as_json ? areas_as_json(*system) : areas_as_text(*system);
    if (!listed) return fail(listed.error());
    return system->audit_errors == 0 ? status::success : status::failure;
}

// The log is text, not records; the area is larger than what the core keeps of it.
int show_log(Arguments& arguments) {
    if (arguments.size() != 1) return status::show_usage;
    const auto area = Ica::reserve(8 * abi::page_size);
    if (!area) return fail(area.error());
    const auto listing = sys::list(ListKind::log, area->address());
    if (!listing) return fail(listing.error());
    const std::size_t bytes = std::min(listing->records * listing->record_bytes, area->size());
    out.write({area->as<const char>(), bytes});
    return status::success;
}

int show_boot(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    if (!as_json) {
        out.print("kernel_to_prompt_ns=%llu\n", static_cast<ull>(session->prompt_ns));
        return status::success;
    }
    Json json;
    json.begin_object();
    json.number("kernel_to_prompt_ns", session->prompt_ns);
    json.end_object();
    json.end_line();
    return status::success;
}

}  // namespace ant::shell
