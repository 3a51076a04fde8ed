// cache: the buffer cache server (P-ipc 5).
#include "server.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/areas_back.hpp>
#include <ant/ica.hpp>
#include <ant/interface/cache.hpp>
#include <ant/server.hpp>

#include <array>
#include <bit>
#include <new>

ANT_MANIFEST(.version = ant::cache_server::state_format, .name = "cache", .priority = 18,
             .state_writes = ant::cache_server::state_format, .state_reads = 1 | ant::cache_server::format::readable,
             .deadline_us = 250'000, .quota_pages = 8192, .quota_calls = 128, .restart = 1, .callees = "disk guardian console");

namespace ant::cache_server {

namespace {

// Built by main(), in memory that costs the program's file nothing.
template <class T>
struct Later {
    alignas(T) std::byte bytes[sizeof(T)];
};
constinit Later<Cache> memory{};
Server* server = nullptr;

// Of the quota, one half is for blocks; the other one is for areas of requests.
unsigned default_blocks() { return ant_manifest.manifest.quota_pages / 2; }

// Life ------------------------------------------------------------------------------------------------

std::optional<RecordStore> store;

State tables() { return {store->table<DiskRecord>(table::disk), {*store, store->format()}}; }

void create_store() {
    const std::uint32_t format = server->write_format();
    const Table wanted[] = {table_of<DiskRecord>(table::disk, 1, cache::max_disks), DirtyRecords::table(format, default_blocks()),
                            table_of<BlocksRecord>(table::blocks, 1, 1)};
    auto created = RecordStore::create(format, wanted);
    if (!created) panic("no state: %s", error_text(created.error()));
    store = *created;
}

template <class T>
std::span<T> reserve(std::size_t count) {
    auto area = Ica::reserve(count * sizeof(T));  // NOLINT(bugprone-sizeof-expression): of pointers as well
    if (!area) panic("no memory for the table of blocks: %s", error_text(area.error()));
    return {reinterpret_cast<T*>(area->detach()), count};
}

// `left`: by a process before; none: empty ones.
void begin(std::span<Block> left) {
    const State state = tables();
    const unsigned limit = state.dirty.capacity();
    const std::span<Block> blocks = left.empty() ? reserve<Block>(limit) : left;
    store->table<BlocksRecord>(table::blocks)
        .commit(0, {reinterpret_cast<std::uint64_t>(blocks.data()), limit, BlocksRecord::as_now});
    the_cache().start(state, blocks, reserve<Block*>(std::bit_ceil(limit)));
}

void start() {
    create_store();
    begin({});
}

// Blocks of the disks that are known.
class Plausible {
public:
    explicit Plausible(const State& state) {
        state.disks.each([this](unsigned disk, const DiskRecord& record) {
            if (disk < counts_.size()) counts_[disk] = (record.bytes + block_bytes - 1) / block_bytes;
        });
    }
    bool operator()(Key key) const { return disk_of(key) < counts_.size() && number_of(key) < counts_[disk_of(key)]; }

private:
    std::array<std::uint64_t, cache::max_disks> counts_{};
};

// The blocks of the process before, if it was sound at its end and has the same layout. Only the clean ones are left as they are.
std::span<Block> blocks_left() {
    BlocksRecord record{};
    const State state = tables();
    const auto records = store->table<BlocksRecord>(table::blocks);
    if (server->registered() != abi::Registered::replaced || !records || records.load(0, record) != record::Found::good ||
        record.layout != BlocksRecord::as_now || record.count != state.dirty.capacity())
        return {};
    const auto area = sys::ica_info(record.area);
    if (!area || area->pages * abi::page_size < record.count * sizeof(Block)) return {};
    const Plausible plausible{state};
    const std::span<Block> blocks{reinterpret_cast<Block*>(record.area), record.count};
    for (Block& block : blocks)
        if (block.page != 0 && (block.state != BlockState::clean || !plausible(block.key))) block = {};  // most have no page
    return blocks;
}

// Releases all that the process before had, but records, dirty blocks, and these. False: what the records say cannot be.
bool sweep(std::span<const Block> left) {
    const State state = tables();
    if (!state.disks || !state.dirty) return false;
    AreaKeeper keeper;
    bool good = true;
    const Plausible plausible{state};
    store->for_each_area([&keeper](std::uint64_t area) { keeper.keep(area); });
    state.dirty.each([&](unsigned, const DirtyRecord& record) {
        good = good && plausible(record.key);
        keeper.keep(record.page);
    });
    if (!left.empty()) keeper.keep(reinterpret_cast<std::uint64_t>(left.data()));
    for (const Block& block : left)
        if (block.page != 0) keeper.keep(block.page);
    return good && keeper.sweep().has_value();
}

// Nobody may go on with a disk whose newest contents are lost: all numbers that may have been given are used up.
void retire_numbers(const std::optional<RecordStore>& before) {
    DiskRecord lost{};
    lost.unit = ~0U;
    lost.gone = 1;
    unsigned count = before ? 0 : cache::max_disks / 2;
    const auto records = before ? before->table<DiskRecord>(table::disk) : Records<DiskRecord>{};
    for (unsigned n = 0; n < records.capacity(); ++n)
        if (DiskRecord disk; records.load(n, disk) != record::Found::none) count = n + 1;
    for (unsigned n = 0; n < count; ++n) tables().disks.commit(n, lost);
}

// What cannot be trusted is not written to a disk.
void start_clean() {
    log("the state is damaged: what was not on the disks is lost");
    const std::optional<RecordStore> before = store;
    create_store();
    retire_numbers(before);
    (void)sweep({});
}

// A change of the format that was interrupted.
void drop_other_format() {
    for (const std::uint32_t other : {format::first, format::second})
        if (other != store->format()) (void)store->drop_table(table::dirty, static_cast<std::uint16_t>(other));
}

Result<> change_format(std::uint32_t to) {
    if (to == store->format()) return {};
    const DirtyRecords now{*store, store->format()};
    ANT_TRY(store->add_table(DirtyRecords::table(to, now.capacity())));
    DirtyRecords changed{*store, to};
    now.each([&changed](unsigned index, const DirtyRecord& record) { changed.commit(index, record); });
    ANT_TRY(store->set_format(to));
    drop_other_format();
    return {};
}

// The format of the program before while on probation, then our own.
void settle() {
    if (const auto changed = change_format(server->write_format()); !changed)
        return log("the state stays in format %u: %s", store->format(), error_text(changed.error()));
    the_cache().format_changed(tables());
}

// The same after a failure as in a planned replacement, but that in this one nobody has written where he should not.
void restore(sys::State registered) {
    auto left = RecordStore::adopt(registered);
    if (left) store = *left;
    const bool failed = server->registered() == abi::Registered::restarted;
    if (registered.address == 0) return start();
    if (!left || (failed && store->any_damaged())) {
        start_clean();
        return begin({});
    }
    drop_other_format();
    std::span<Block> blocks = blocks_left();
    if (!sweep(blocks)) {
        blocks = {};
        if (!sweep({})) start_clean();
    }
    begin(blocks);
    settle();
}

// Requests -----------------------------------------------------------------------------------------------

Outcome outcome_of(const std::optional<Answer>& answer) {
    if (!answer) return Call::defer();
    Outcome outcome = answer->error;
    outcome.value = answer->value;
    if (answer->area != 0) outcome.data = {answer->area, abi::DataMode::move};
    return outcome;
}

constexpr auto mode_number(abi::DataMode mode) { return static_cast<std::uint32_t>(mode); }

Outcome transfer(Call call, RequestKind kind) {
    const std::uint32_t flags = call.frame().flags;
    if ((flags & abi::flag::data_list) != 0) return with_areas_back(call, Error::invalid_argument);  // several are not taken
    const std::uint32_t mode = flags & abi::flag::data_mask;
    if (call.data() == 0) return call.redelivered() ? Error::restarted : Error::invalid_argument;
    const auto area = sys::ica_info(call.data());
    if (!area) return area.error();
    const bool owned = mode == mode_number(abi::DataMode::move);
    return outcome_of(
        the_cache().transfer(kind, {call.control(), &call.params<cache::Access>(), call.data(), area->pages * abi::page_size,
                                    owned, mode != mode_number(abi::DataMode::lend_read), call.redelivered()}));
}

Outcome on_read(Call call) { return transfer(call, RequestKind::read); }
Outcome on_write(Call call) { return transfer(call, RequestKind::write); }
Outcome on_flush(Call call) {
    return outcome_of(the_cache().flush(RequestKind::flush, call.control(), call.params<cache::DiskId>()));
}
Outcome on_forget(Call call) {
    return outcome_of(the_cache().flush(RequestKind::forget, call.control(), call.params<cache::DiskId>()));
}
Outcome on_disks(Call call) {
    if (call.parameter_bytes() < sizeof(cache::Disks)) return Error::invalid_argument;
    return outcome_of(the_cache().find_disks(call.control()));
}
Outcome on_statistics(Call call) { return call.reply_with(the_cache().statistics()); }

Outcome on_result(const CallResult& result) {
    if (result.relayed()) return result.passed_on();
    const bool known =
        the_cache().result(result.control, result.error, reinterpret_cast<const void*>(result.control + abi::parameter_base));
    if (!known && result.data != 0) (void)sys::ica_release(result.data);
    return {};
}

}  // namespace

Cache& the_cache() { return reinterpret_cast<Cache&>(memory); }

}  // namespace ant::cache_server

int main() {
    using namespace ant;
    using namespace ant::cache_server;
    static Server own{startup().name};
    server = &own;
    new (&memory) Cache;
    own.on(cache::disks, on_disks);
    own.on(cache::read, on_read);
    own.on(cache::write, on_write);
    own.on(cache::flush, on_flush);
    own.on(cache::forget, on_forget);
    own.on(cache::statistics, on_statistics);
    own.on_other_result(on_result);
    own.before_receive([] { return the_cache().work(); });
    own.redeliver_deferred();
    own.on_start(start);
    own.on_restore(restore);
    own.on_settled(settle);
    panic("cannot serve: %s", error_text(own.run()));
}
