#include "tables.hpp"

namespace ant::file_server {

Result<Tables> Tables::create() {
    const Table all[] = {table_of<DoneRecord>(table::done, 1, 1), table_of<VolumeRecord>(table::volume, 1, file::max_mounts),
                         table_of<JournalRecord>(table::journal, 1, file::max_mounts),
                         table_of<HandleRecord>(table::handle, 1, max_handles), table_of<LockRecord>(table::lock, 1, max_locks)};
    return Tables{ANT_TRY(RecordStore::create(state_format, all))};
}

Result<Tables> Tables::adopt(const sys::State& registered) {
    Tables tables{ANT_TRY(RecordStore::adopt(registered))};
    const bool complete = tables.done && tables.volumes.capacity() == file::max_mounts &&
                          tables.journals.capacity() == file::max_mounts && tables.handles && tables.locks;
    if (!complete || tables.store.any_damaged()) return Failure(Error::state_refused);
    return tables;
}

}  // namespace ant::file_server
