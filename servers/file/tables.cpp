#include "tables.hpp"

namespace ant::file_server {

Result<Tables> Tables::create(std::uint32_t format) {
    const Table all[] = {table_of<DoneRecord>(table::done, 1, 1), table_of<VolumeRecord>(table::volume, 1, file::max_mounts),
                         table_of<JournalRecord>(table::journal, 1, file::max_mounts),
                         HandleRecords::table(format, table::handle, max_handles),
                         table_of<LockRecord>(table::lock, 1, max_locks)};
    return Tables{ANT_TRY(RecordStore::create(format, all))};
}

Result<Tables> Tables::adopt(const sys::State& registered) {
    Tables tables{ANT_TRY(RecordStore::adopt(registered))};
    const bool complete = tables.done && tables.volumes.capacity() == file::max_mounts &&
                          tables.journals.capacity() == file::max_mounts && tables.handles.capacity() == max_handles &&
                          tables.locks;
    if (!complete || tables.store.any_damaged()) return Failure(Error::state_refused);
    tables.drop_other_formats();
    return tables;
}

// Of a change of the format that was interrupted.
void Tables::drop_other_formats() {
    for (const std::uint32_t other : {HandleRecords::first, HandleRecords::second})
        if (other != store.format()) (void)store.drop_table(table::handle, static_cast<std::uint16_t>(other));
}

Result<> Tables::change_format(std::uint32_t to) {
    if (to == store.format()) return {};
    ANT_TRY(store.add_table(HandleRecords::table(to, table::handle, max_handles)));
    HandleRecords changed{store, to, table::handle};
    for (unsigned index = 0; index < max_handles; ++index) {
        HandleRecord record;
        if (handles.load(index, record) == record::Found::good) changed.commit(index, record);
    }
    ANT_TRY(store.set_format(to));
    handles = changed;
    drop_other_formats();
    return {};
}

}  // namespace ant::file_server
