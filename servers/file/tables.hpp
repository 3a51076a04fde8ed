// What the file server keeps on record.
#pragma once

#include "handle_records.hpp"
#include "journal.hpp"

#include <ant/interface/file.hpp>
#include <ant/records.hpp>

namespace ant::file_server {

#ifdef FILE_VERSION
inline constexpr std::uint32_t state_format = FILE_VERSION;
#else
inline constexpr std::uint32_t state_format = HandleRecords::first;
#endif

namespace table {
inline constexpr std::uint16_t done = 1, volume = 2, journal = 3, handle = 4, lock = 5;
}

// The last operation that has changed a volume. This record is the moment at which it happened: blocks in
// transactions with a higher number do not count, and a call with this id is not done again.
struct DoneRecord {
    std::uint64_t operation;
    std::uint64_t call;
    std::int64_t value;
    std::uint32_t volume, inode;
};

struct VolumeRecord {
    std::uint32_t disk, partition;
    std::uint32_t read_only;
    std::uint32_t block_bytes;
    std::uint64_t base, bytes;      // on the disk
    std::uint64_t area;             // its transaction; 0: read-only
    std::uint32_t parent, covered;  // where it is mounted: volume and inode of the directory
    char path[56];                  // the same for people
};
static_assert(sizeof(VolumeRecord) <= record::max_data);

enum class Phase : std::uint32_t {
    running,     // operations add to the transaction
    committing,  // it is being written to the journal
    writing,     // it is in the journal; its blocks are being written to their places
};
struct JournalRecord {
    Journal::State state;
    Phase phase;
    std::uint32_t recover;  // needs_recovery is set on the disk
};

inline constexpr std::uint32_t max_handles = 1024, max_handles_of_one = 256, max_locks = 512;

struct LockRecord {
    std::uint32_t handle;  // of a lock on the whole file (flock), else 0
    std::uint32_t slot, pid;
    std::uint32_t volume, inode;
    std::uint32_t type;        // file::LockType
    std::uint64_t start, end;  // end: the first byte behind it
};

struct Tables {
    explicit Tables(const RecordStore& from)
        : store{from},
          done{store.table<DoneRecord>(table::done)},
          volumes{store.table<VolumeRecord>(table::volume)},
          journals{store.table<JournalRecord>(table::journal)},
          handles{store, store.format(), table::handle},
          locks{store.table<LockRecord>(table::lock)} {}
    static Result<Tables> create(std::uint32_t format);
    static Result<Tables> adopt(const sys::State& registered);
    Result<> change_format(std::uint32_t to);

    [[nodiscard]] DoneRecord last_done() const {
        DoneRecord last{};
        (void)done.load(0, last);
        return last;
    }

    RecordStore store;
    Records<DoneRecord> done;
    Records<VolumeRecord> volumes;
    Records<JournalRecord> journals;
    HandleRecords handles;
    Records<LockRecord> locks;

private:
    void drop_other_formats();
};

}  // namespace ant::file_server
