// Volume: one mounted ext4 file system. libext2fs works on it through an io_manager that reads from the running
// transaction and the disk and writes into the transaction only; libext2fs's own memory is a cache over these,
// thrown away whenever an operation fails half way.
#pragma once

#include "block_cache.hpp"
#include "ext2.hpp"
#include "tables.hpp"
#include "transaction.hpp"

#include <algorithm>

namespace ant::file_server {

using Inode = ext2_inode_large;

// A set of block groups.
class Groups {
public:
    static constexpr unsigned max = 8192;  // 1 TiB in blocks of 4 KiB

    void add(unsigned group) {
        words_[group / bits] |= std::uint64_t{1} << group % bits;
        last_ = std::max(last_, group / bits + 1);
    }
    // f(group) -> Result<>
    template <class F>
    Result<> take(F&& f) {
        for (; last_ != 0; --last_)
            for (std::uint64_t& word = words_[last_ - 1]; word != 0; word &= word - 1)
                ANT_TRY(f((last_ - 1) * bits + static_cast<unsigned>(__builtin_ctzll(word))));
        return {};
    }

private:
    static constexpr unsigned bits = 64;
    unsigned last_ = 0;  // words in use
    std::array<std::uint64_t, max / bits> words_{};
};

class Volume {
public:
    // `index`: of its records.
    void use(Tables& tables, BlockCache& blocks, unsigned index);

    [[nodiscard]] bool mounted() const { return disk_ != nullptr; }
    // A fresh mount: replays the journal. `record` says where; the rest of it is filled in and committed.
    Result<> mount(Disk& disk, VolumeRecord record);
    // After another process: goes on where that stopped. The disk is not asked before it must be.
    Result<> resume(Disk& disk, const VolumeRecord& record);
    Result<> unmount();

    [[nodiscard]] unsigned index() const { return index_; }
    [[nodiscard]] const VolumeRecord& record() const { return record_; }
    [[nodiscard]] bool read_only() const { return record_.read_only != 0; }
    [[nodiscard]] Disk& disk() const { return *disk_; }
    [[nodiscard]] std::uint32_t block_bytes() const { return record_.block_bytes; }
    // On the disk.
    [[nodiscard]] std::uint64_t position_of(std::uint64_t block) const { return record_.base + block * block_bytes(); }

    // libext2fs's view, opened anew if an operation failed before.
    Result<ext2_filsys> fs();
    Result<> read_inode(ext2_ino_t number, Inode& inode);
    // Within an operation. `times_only`: nothing has changed that is needed to find the contents.
    Result<> write_inode(ext2_ino_t number, Inode& inode, bool times_only = false);
    // Also within one: blocks from free ones.
    void take_blocks(std::uint64_t first, std::uint64_t count);
    void count_inode(ext2_ino_t number, int change, bool directory);
    // Also at every commit to the journal; within an operation if the list of orphans has changed.
    Result<> write_superblock();
    // Grows with every change to this inode (and to some others): what is derived from it is good as long as this is the same.
    [[nodiscard]] std::uint64_t changes(ext2_ino_t number) const { return openings_ + changes_[number % changes_.size()]; }

    // An operation: begin, changes through libext2fs, finish. All or nothing.
    Result<> begin();
    Result<> finish(std::uint64_t call, std::int64_t value, std::uint32_t inode);
    void abort();
    template <class F>
    Result<> operate(std::uint64_t call, F&& change, std::int64_t value = 0, std::uint32_t inode = 0) {
        ANT_TRY(begin());
        Result<> done = change();
        if (done) done = finish(call, value, inode);
        if (!done) abort();
        return done;
    }

    // What has been done is on the medium.
    Result<> sync();
    // So much of it that the contents of this file are.
    Result<> sync_data(ext2_ino_t number);
    // And the file system is marked clean.
    Result<> clean();
    // Something has changed since the last commit.
    [[nodiscard]] bool dirty() const { return transaction_.used() != 0; }
    [[nodiscard]] std::int64_t dirty_since() const { return dirty_since_; }
    [[nodiscard]] std::uint64_t free_blocks();

private:
    friend struct Io;

    Result<> read_bytes(std::uint64_t offset, std::size_t bytes, std::byte* to);
    Result<> write_bytes(std::uint64_t offset, std::size_t bytes, const std::byte* from);
    Result<const std::byte*> home(std::uint64_t offset);  // what the disk has, to the end of its cache unit

    Result<> look_at_superblock();
    Result<ext2_filsys> open_fs(int flags);
    Result<> open();
    void close();
    Result<> open_journal(ext2_filsys fs);
    Result<> resume_journal(ext2_filsys fs);
    Result<> replay();
    Result<> settle_superblock(Memory contents);
    Result<> check_features(const ext2_super_block& super) const;
    void count_free();
    Result<> find_quarantine();
    void quarantine_freed(unsigned group, const std::byte* before, const std::byte* after);

    Result<> write_groups();
    Result<> write_block_bitmap(unsigned group);
    Result<> write_inode_bitmap(unsigned group);
    Result<> write_descriptor(unsigned group);
    Result<> mark_recover(bool on);
    Result<> commit_journal();
    Result<> write_home();
    void drop_freed();
    Result<> record_phase(Phase phase);
    Result<> reserve_buffers();

    static void block_changed(ext2_filsys fs, blk64_t block, int use);
    static void range_changed(ext2_filsys fs, blk64_t end, blk_t count, int use);
    static errcode_t new_range(ext2_filsys fs, int flags, blk64_t goal, blk64_t count, blk64_t* start, blk64_t* found);
    Result<std::uint64_t> find_free(std::uint64_t from, std::uint64_t to, std::uint64_t count, std::uint64_t& found);

    Tables* tables_ = nullptr;
    BlockCache* blocks_ = nullptr;
    unsigned index_ = 0;
    Disk* disk_ = nullptr;
    VolumeRecord record_{};
    JournalRecord journal_record_{};
    Journal journal_;
    Transaction transaction_;
    ext2_filsys fs_ = nullptr;
    ext2fs_block_bitmap quarantine_ = nullptr;  // freed since the last commit to the journal: not to be overwritten yet
    bool quarantined_ = false;
    bool freed_ = false;                       // the running operation has freed blocks
    std::uint64_t taken_ = 0;                  // the first of the blocks that are being taken; 0: not known
    std::uint64_t commits_ = 1;                // to the journal
    std::array<std::uint64_t, 256> needed_{};  // by inode: `commits_` when something changed without which its data is not found
    Groups block_groups_, inode_groups_;       // whose bitmaps and descriptors have changed
    std::array<std::uint64_t, Transaction::capacity> last_blocks_{};  // of the last transaction in the journal
    unsigned last_count_ = 0;
    std::uint64_t openings_ = 1;  // of libext2fs's view
    std::array<std::uint64_t, 256> changes_{};
    std::int64_t dirty_since_ = 0;
    Ica buffer_;  // one block to work on
};

}  // namespace ant::file_server
