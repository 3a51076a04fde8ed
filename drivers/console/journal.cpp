#include "journal.hpp"

#include <ant/ica.hpp>
#include <ant/interface/console.hpp>
#include <ant/state.hpp>

#include <array>
#include <cstring>

namespace ant::console {
namespace {

constexpr std::uint16_t progress_kind = 1;

// Output between two copies of the screen: as much is written to it again after a failure.
constexpr std::uint32_t checkpoint_interval = 2048;
static_assert(checkpoint_interval + max_text <= sizeof State::output.bytes);

std::uint32_t sum_of(const Screen& screen) { return state_checksum(&screen, screen.bytes()); }
void copy(Screen& to, const Screen& from) { std::memcpy(&to, &from, from.bytes()); }

}  // namespace

Journal::Journal(const RecordStore& store, const Progress& progress)
    : store_{store}, records_{store.table<Progress>(progress_kind)}, progress_{progress} {}

Result<Journal> Journal::create() {
    Ica area = ANT_TRY(Ica::reserve(sizeof(State)));
    const std::array tables{table_of<Progress>(progress_kind, 1, 1)};
    Journal journal{ANT_TRY(RecordStore::create(state_format, tables)), Progress{.state = area.address()}};
    journal.commit();
    (void)area.detach();  // it belongs to the slot, not to this process
    return journal;
}

Result<Journal> Journal::adopt(const sys::State& registered) {
    const RecordStore store = ANT_TRY(RecordStore::adopt(registered));
    const auto records = store.table<Progress>(progress_kind);
    Progress progress;
    if (!records || records.any_damaged() || records.load(0, progress) != record::Found::good)
        return Failure(Error::state_refused);
    const auto area = sys::ica_info(progress.state);
    if (!area || area->pages != pages_for(sizeof(State))) return Failure(Error::state_refused);
    return Journal{store, progress};
}

void Journal::keep_areas(AreaKeeper& keeper) const {
    keeper.keep(progress_.state);
    store_.for_each_area([&keeper](std::uint64_t area) { keeper.keep(area); });
}

void Journal::checkpoint() {
    State& s = state();
    const std::uint32_t other = progress_.checkpoint ^ 1;
    copy(s.checkpoint[other], s.screen);
    progress_.checkpoint = other;
    progress_.checkpoint_tail = s.output.tail;
    progress_.checkpoint_sum = sum_of(s.screen);
    commit();
}

bool Journal::rebuild() {
    State& s = state();
    auto& output = s.output;
    output.tail = progress_.output_tail;
    if (!output.consistent() || !s.input.consistent()) return false;
    const Screen& last = s.checkpoint[progress_.checkpoint & 1];
    if (!last.consistent() || sum_of(last) != progress_.checkpoint_sum) return false;
    copy(s.screen, last);
    if (output.tail - progress_.checkpoint_tail > sizeof output.bytes) return false;
    for (std::uint32_t at = progress_.checkpoint_tail; at != output.tail; ++at)
        s.screen.write({&output.bytes[at % sizeof output.bytes], 1});
    return true;
}

bool Journal::append(std::uint64_t call, std::string_view text) {
    State& s = state();
    auto& output = s.output;
    if (s.serial == 0) output.head = output.tail;  // nobody else takes it out
    if (text.size() > output.space()) return false;
    const auto count = static_cast<std::uint32_t>(text.size());
    if (output.tail - progress_.checkpoint_tail >= checkpoint_interval) checkpoint();
    output.store(text);
    progress_.output_tail = output.tail + count;
    progress_.last_write = call;
    commit();
    output.tail = progress_.output_tail;
    s.screen.write(text);
    return true;
}

void Journal::take(std::uint64_t call, std::uint32_t count) {
    State& s = state();
    progress_.last_read = call;
    progress_.input_head = s.input.head;
    progress_.read_count = count;
    commit();
    s.input.drop(count);
}

void Journal::take_back() {
    auto& input = state().input;
    if (input.head != progress_.input_head + progress_.read_count) return;
    if (input.tail - progress_.input_head <= sizeof input.bytes) input.head = progress_.input_head;
}

}  // namespace ant::console
