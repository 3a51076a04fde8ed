#include "state.hpp"

#include <ant/process.hpp>
#include <ant/server.hpp>
#include <ant/state.hpp>

namespace ant::guardian_server {
namespace {

enum Kind : std::uint16_t { kind_root = 1, kind_program, kind_slot, kind_start, kind_operation, kind_file };
constexpr std::uint16_t layout = 1;

constexpr Table tables[] = {
    table_of<Root>(kind_root, layout, 1),
    table_of<ProgramRecord>(kind_program, layout, max_programs + max_loaded),
    table_of<SlotRecord>(kind_slot, layout, max_slots),
    table_of<StartRecord>(kind_start, layout, max_starts),
    table_of<OperationRecord>(kind_operation, layout, max_operations),
    table_of<FileRecord>(kind_file, layout, max_jobs),
};

}  // namespace

Result<> State::create() {
    store_ = ANT_TRY(RecordStore::create(state_format, tables));
    find_tables();
    return {};
}

Result<> State::adopt(const sys::State& registered) {
    store_ = ANT_TRY(RecordStore::adopt(registered));
    find_tables();
    if (roots_.capacity() == 0 || roots_.load(0, root) != Records<Root>::Found::good) return Failure(Error::state_refused);
    if (root.catalogue.bytes != sizeof(Catalogue) || root.journal.bytes != sizeof(Journal)) return Failure(Error::state_refused);
    if (state_checksum(&catalogue(), sizeof(Catalogue)) != root.catalogue_check) return Failure(Error::state_refused);
    if (store_->any_damaged()) log("some of its records are damaged and count as lost");
    return {};
}

void State::find_tables() {
    roots_ = store_->table<Root>(kind_root);
    programs = store_->table<ProgramRecord>(kind_program);
    slots = store_->table<SlotRecord>(kind_slot);
    starts = store_->table<StartRecord>(kind_start);
    operations = store_->table<OperationRecord>(kind_operation);
    files = store_->table<FileRecord>(kind_file);
}

void State::sweep() const {
    AreaKeeper keeper;
    for (const AreaBytes& area : {root.catalogue, root.listings, root.journal}) keeper.keep(area.address);
    programs.each([&](unsigned index, const ProgramRecord& record) {
        if (index >= max_programs) keeper.keep(record.file.address);
    });
    if (const auto swept = keeper.sweep(); !swept) log("areas of the guardian before stay: %s", error_text(swept.error()));
}

}  // namespace ant::guardian_server
