// The trace buffer: what it keeps, how it is switched, where its memory goes.
#include "support/world.hpp"

#include <kernel/core/trace.hpp>

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::test;

namespace {

u64 action(abi::TraceAction a) { return static_cast<u64>(a); }

struct Tracing {
    ~Tracing() { trace_forget(); }
};

}  // namespace

TEST_CASE("while it is off nothing is kept, and calls take the short way", "[trace]") {
    trace_event(abi::TraceKind::interrupt, 1, 32);
    CHECK(trace_kept() == 0);
    CHECK(syscall_limit == syscall_count);
}

TEST_CASE("on begins anew, off keeps, forget gives the memory back", "[trace]") {
    World w;
    const Tracing cleans_up;
    Process& p = w.start("observer");
    const auto free = w.free_pages();
    CHECK(w.call(p, Syscall::trace, action(abi::TraceAction::on)).rdx == 0);
    CHECK(syscall_limit == 0);
    CHECK(w.free_pages() < free);
    trace_event(abi::TraceKind::failure, 7, 14, 3);
    Outcome state = w.call(p, Syscall::trace, action(abi::TraceAction::off));
    CHECK(state.rdx == 1);
    CHECK(state.rsi == 1);
    CHECK(syscall_limit == syscall_count);
    CHECK(traced(0).pid == 7);
    CHECK(traced(0).detail == 14);
    w.call(p, Syscall::trace, action(abi::TraceAction::on));
    CHECK(trace_kept() == 0);
    w.call(p, Syscall::trace, action(abi::TraceAction::forget));
    CHECK(w.free_pages() == free);
    CHECK(w.call(p, Syscall::trace, 9).error == Error::invalid_argument);
    Process& stranger = w.start("stranger", {.privileges = 0});
    CHECK(w.call(stranger, Syscall::trace, action(abi::TraceAction::on)).error == Error::denied);
}

TEST_CASE("the newest records stay, and are listed the oldest first", "[trace]") {
    World w;
    const Tracing cleans_up;
    Process& p = w.start("observer");
    REQUIRE(trace_begin());
    for (u32 n = 0; n < abi::trace_records + 10; ++n) trace_event(abi::TraceKind::call, n, 0);
    trace_end();
    CHECK(trace_kept() == abi::trace_records);
    const u64 area = w.area(p, 2);
    const Outcome listed = w.call(p, Syscall::list, static_cast<u64>(abi::ListKind::trace), area, 100);
    REQUIRE(listed.ok());
    CHECK(listed.rdx == 2 * abi::page_size / sizeof(abi::TraceRecord));
    const auto* record =
        static_cast<const abi::TraceRecord*>(machine::page(static_cast<Pfn>((area - abi::ica_base) >> page_shift)));
    CHECK(record[0].pid == 110);
    CHECK(record[1].pid == 111);
    CHECK(w.call(p, Syscall::list, static_cast<u64>(abi::ListKind::trace), area, abi::trace_records).rdx == 0);
}

TEST_CASE("no room for the buffer is an error, and tracing stays off", "[trace]") {
    World w;
    const Tracing cleans_up;
    Process& p = w.start("observer");
    std::vector<Pfn> taken;
    for (Pfn page = pool.allocate(1, PageKind::core); page != no_page; page = pool.allocate(1, PageKind::core))
        taken.push_back(page);
    CHECK(w.call(p, Syscall::trace, action(abi::TraceAction::on)).error == Error::no_memory);
    CHECK(syscall_limit == syscall_count);
    for (const Pfn page : taken) pool.release(page, 1);
}
