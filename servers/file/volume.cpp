#include "volume.hpp"

#include "clock.hpp"
#include "crc32c.hpp"

#include <ant/interface/block.hpp>
#include <ant/process.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ant::file_server {

namespace {

constexpr std::uint32_t superblock_offset = 1024, superblock_bytes = 1024;
constexpr ext2_ino_t journal_inode = 8;

// What this server can keep right when it writes. Anything else is mounted read-only, or not at all.
constexpr std::uint32_t incompat_readable = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |
                                            EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG |
                                            EXT4_FEATURE_INCOMPAT_64BIT | EXT2_FEATURE_INCOMPAT_META_BG |
                                            EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR;
constexpr std::uint32_t ro_compat_writable = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
                                             EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
                                             EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
                                             EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;

// ext2fs_open names a volume by a string only.
Volume* opening = nullptr;

// The superblock is two sectors, and its checksum lies in the second one: if the power fails between them, nobody opens the file
// system any more. So the checksum stays what it is, and a field that nobody uses, in the first sector as all that
// changes, gets the value with which it is right.
void keep_checksum(ext2_super_block& super) {
    if (ext2fs_has_feature_metadata_csum(&super) == 0) return;
    constexpr std::size_t place = offsetof(ext2_super_block, s_snapshot_id), bytes = sizeof super.s_snapshot_id;
    constexpr std::size_t behind = offsetof(ext2_super_block, s_checksum) - place - bytes;
    static_assert(place + bytes <= block::sector_bytes);
    super.s_snapshot_id = 0;
    const std::uint32_t before = crc32c(~0U, &super, place);
    const std::uint32_t after = crc32c_before(super.s_checksum, &super.s_snapshot_id + 1, behind);
    super.s_snapshot_id = before ^ crc32c_before(after, &super.s_snapshot_id, bytes);
}

}  // namespace

// The io_manager.
struct Io {
    static Volume& volume(io_channel channel) { return *static_cast<Volume*>(channel->private_data); }
    static std::size_t bytes_of(io_channel channel, int count) {
        return count < 0 ? static_cast<std::size_t>(-static_cast<long>(count))
                         : static_cast<std::size_t>(count) * static_cast<std::size_t>(channel->block_size);
    }
    static std::uint64_t offset_of(io_channel channel, unsigned long long block) {
        return block * static_cast<std::uint64_t>(channel->block_size);
    }
    static errcode_t open(const char*, int, io_channel* out);
    static errcode_t close(io_channel channel) {
        if (--channel->refcount == 0) std::free(channel);
        return 0;
    }
    static errcode_t set_block_size(io_channel channel, int bytes) {
        channel->block_size = bytes;
        return 0;
    }
    static errcode_t read(io_channel channel, unsigned long long block, int count, void* to) {
        const auto done =
            volume(channel).read_bytes(offset_of(channel, block), bytes_of(channel, count), static_cast<std::byte*>(to));
        return done ? 0 : code_of(done.error());
    }
    static errcode_t write(io_channel channel, unsigned long long block, int count, const void* from) {
        const auto done =
            volume(channel).write_bytes(offset_of(channel, block), bytes_of(channel, count), static_cast<const std::byte*>(from));
        return done ? 0 : code_of(done.error());
    }
    static errcode_t read_narrow(io_channel channel, unsigned long block, int count, void* to) {
        return read(channel, block, count, to);
    }
    static errcode_t write_narrow(io_channel channel, unsigned long block, int count, const void* from) {
        return write(channel, block, count, from);
    }
    static errcode_t flush(io_channel) { return 0; }
};

namespace {

struct_io_manager manager = {.magic = EXT2_ET_MAGIC_IO_MANAGER,
                             .name = "volume",
                             .open = Io::open,
                             .close = Io::close,
                             .set_blksize = Io::set_block_size,
                             .read_blk = Io::read_narrow,
                             .write_blk = Io::write_narrow,
                             .flush = Io::flush,
                             .write_byte = nullptr,
                             .set_option = nullptr,
                             .get_stats = nullptr,
                             .read_blk64 = Io::read,
                             .write_blk64 = Io::write,
                             .discard = nullptr,
                             .cache_readahead = nullptr,
                             .zeroout = nullptr,
                             .reserved = {}};

}  // namespace

errcode_t Io::open(const char*, int, io_channel* out) {
    auto* const channel = static_cast<io_channel>(std::calloc(1, sizeof(struct_io_channel)));
    if (channel == nullptr) return EXT2_ET_NO_MEMORY;
    static char name[] = "volume";
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &manager;
    channel->name = name;
    channel->block_size = static_cast<int>(superblock_offset);
    channel->refcount = 1;
    channel->private_data = opening;
    *out = channel;
    return 0;
}

void Volume::use(Tables& tables, BlockCache& blocks, unsigned index) {
    tables_ = &tables;
    blocks_ = &blocks;
    index_ = index;
}

// Reading and writing for libext2fs -----------------------------------------------------------------------------

Result<const std::byte*> Volume::home(std::uint64_t offset) {
    const std::byte* const unit = ANT_TRY(blocks_->get(*disk_, index_, record_.base, offset / BlockCache::unit, record_.bytes));
    return unit + offset % BlockCache::unit;
}

Result<> Volume::read_bytes(std::uint64_t offset, std::size_t bytes, std::byte* to) {
    if (offset > record_.bytes || bytes > record_.bytes - offset) return Failure(Error::io_error);
    while (bytes != 0) {
        const std::size_t within = offset % block_bytes();
        const std::size_t part = std::min<std::size_t>(bytes, block_bytes() - within);
        const std::byte* const changed = transaction_.area() != 0 ? transaction_.find(offset / block_bytes()) : nullptr;
        std::memcpy(to, changed != nullptr ? changed + within : ANT_TRY(home(offset)), part);
        offset += part;
        to += part;
        bytes -= part;
    }
    return {};
}

Result<> Volume::write_bytes(std::uint64_t offset, std::size_t bytes, const std::byte* from) {
    if (read_only()) return Failure(Error::read_only);
    if (offset > record_.bytes || bytes > record_.bytes - offset) return Failure(Error::io_error);
    while (bytes != 0) {
        const std::uint64_t block = offset / block_bytes();
        const std::size_t within = offset % block_bytes();
        const std::size_t part = std::min<std::size_t>(bytes, block_bytes() - within);
        const std::byte* whole = from;
        if (part != block_bytes()) {
            whole = buffer_.data();
            ANT_TRY(read_bytes(block * block_bytes(), block_bytes(), buffer_.data()));
            std::memcpy(buffer_.data() + within, from, part);
        }
        if (!transaction_.write(block, whole)) return Failure(Error::no_memory);
        offset += part;
        from += part;
        bytes -= part;
    }
    return {};
}

// libext2fs's view ------------------------------------------------------------------------------------------------

Result<ext2_filsys> Volume::open_fs(int flags) {
    opening = this;
    ext2_filsys fs = nullptr;
    ANT_TRY(checked(ext2fs_open("volume", flags | EXT2_FLAG_64BITS, 0, 0, &manager, &fs)));
    fs->default_bitmap_type = EXT2FS_BMAP64_BITARRAY;  // lies as it does on the disk: a block of it is copied
    fs->priv_data = this;
    return fs;
}

Result<ext2_filsys> Volume::fs() {
    if (fs_ == nullptr) ANT_TRY(open());
    fs_->now = now_ns() / ns_per_s;
    return fs_;
}

Result<> Volume::open() {
    fs_ = ANT_TRY(open_fs(read_only() ? 0 : EXT2_FLAG_RW));
    if (read_only()) return {};
    Result<> done = journal_.is_open() ? Result<>{} : resume_journal(fs_);
    if (done) done = checked(ext2fs_read_bitmaps(fs_));
    if (done) done = checked(ext2fs_allocate_block_bitmap(fs_, "quarantine", &quarantine_));
    if (done) done = find_quarantine();
    if (!done) {
        close();
        return done;
    }
    fs_->write_bitmaps = nullptr;
    fs_->block_alloc_stats = block_changed;
    fs_->block_alloc_stats_range = range_changed;
    fs_->new_range = new_range;
    block_groups_ = {};
    inode_groups_ = {};
    count_free();
    return {};
}

void Volume::close() {
    if (quarantine_ != nullptr) ext2fs_free_block_bitmap(quarantine_);
    quarantine_ = nullptr;
    if (fs_ != nullptr) ext2fs_free(fs_);
    fs_ = nullptr;
    ++openings_;
}

// The superblock is written at commits only: its sums are older than the groups' after a failure.
void Volume::count_free() {
    std::uint64_t blocks = 0;
    std::uint32_t inodes = 0;
    for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
        blocks += ext2fs_bg_free_blocks_count(fs_, group);
        inodes += ext2fs_bg_free_inodes_count(fs_, group);
    }
    ext2fs_free_blocks_count_set(fs_->super, blocks);
    fs_->super->s_free_inodes_count = inodes;
}

std::uint64_t Volume::free_blocks() { return fs_ == nullptr ? 0 : ext2fs_free_blocks_count(fs_->super); }

Result<> Volume::read_inode(ext2_ino_t number, Inode& inode) {
    auto* const fs = ANT_TRY(this->fs());
    std::memset(&inode, 0, sizeof inode);
    return checked(ext2fs_read_inode_full(fs, number, reinterpret_cast<ext2_inode*>(&inode), sizeof inode));
}

Result<> Volume::write_inode(ext2_ino_t number, Inode& inode, bool times_only) {
    ++changes_[number % changes_.size()];
    if (!times_only) needed_[number % needed_.size()] = commits_;
    return checked(ext2fs_write_inode_full(fs_, number, reinterpret_cast<ext2_inode*>(&inode), sizeof inode));
}

void Volume::count_inode(ext2_ino_t number, int change, bool directory) {
    if (change != 0) ext2fs_inode_alloc_stats2(fs_, number, change, directory ? 1 : 0);
    inode_groups_.add(ext2fs_group_of_ino(fs_, number));
}

// Blocks of files -------------------------------------------------------------------------------------------------

void Volume::block_changed(ext2_filsys fs, blk64_t block, int use) {
    auto& volume = *static_cast<Volume*>(fs->priv_data);
    volume.block_groups_.add(ext2fs_group_of_blk2(fs, block));
    if (use < 0) volume.freed_ = true;
}

// libext2fs calls it when it has gone through the range: `end` is behind it, and the count is 0. A range is one extent
// at most.
void Volume::range_changed(ext2_filsys fs, blk64_t end, blk_t, int use) {
    auto& volume = *static_cast<Volume*>(fs->priv_data);
    const dgrp_t last = ext2fs_group_of_blk2(fs, end - 1);
    const dgrp_t span = EXT_INIT_MAX_LEN / fs->super->s_blocks_per_group + 1;
    dgrp_t group = last > span ? last - span : 0;
    if (volume.taken_ != 0) group = ext2fs_group_of_blk2(fs, volume.taken_);
    for (; group <= last; ++group) volume.block_groups_.add(group);
    if (use < 0) volume.freed_ = true;
}

void Volume::take_blocks(std::uint64_t first, std::uint64_t count) {
    taken_ = first;
    ext2fs_block_alloc_stats_range(fs_, first, static_cast<blk_t>(count), 1);
    taken_ = 0;
}

// A free run of at most `count` blocks in [from, to), the first one.
Result<std::uint64_t> Volume::find_free(std::uint64_t from, std::uint64_t to, std::uint64_t count, std::uint64_t& found) {
    for (blk64_t start = from; start < to;) {
        if (ext2fs_find_first_zero_block_bitmap2(fs_->block_map, start, to - 1, &start) != 0) break;
        const blk64_t last = std::min<blk64_t>(start + count, to) - 1;
        blk64_t end;
        if (ext2fs_find_first_set_block_bitmap2(fs_->block_map, start, last, &end) != 0) end = last + 1;
        if (quarantined_) {
            blk64_t held;
            if (ext2fs_find_first_set_block_bitmap2(quarantine_, start, end - 1, &held) == 0) {
                if (held == start) {
                    if (ext2fs_find_first_zero_block_bitmap2(quarantine_, start, end - 1, &start) != 0) start = end;
                    continue;
                }
                end = held;
            }
        }
        found = end - start;
        return start;
    }
    return Failure(Error::no_space);
}

errcode_t Volume::new_range(ext2_filsys fs, int flags, blk64_t goal, blk64_t count, blk64_t* start, blk64_t* found) {
    Volume& volume = *static_cast<Volume*>(fs->priv_data);
    const blk64_t first = fs->super->s_first_data_block, end = ext2fs_blocks_count(fs->super);
    std::uint64_t length = 0;
    if (goal < first || goal >= end) goal = first;
    if ((flags & EXT2_NEWRANGE_FIXED_GOAL) != 0) {
        const auto at = volume.find_free(goal, std::min(goal + count, end), count, length);
        if (!at || *at != goal || length < count) return EXT2_ET_BLOCK_ALLOC_FAIL;
        *start = goal;
        *found = count;
        return 0;
    }
    auto at = volume.find_free(goal, end, count, length);
    if (!at && goal > first) at = volume.find_free(first, goal, count, length);
    if (!at) return EXT2_ET_BLOCK_ALLOC_FAIL;
    *start = *at;
    *found = length;
    return 0;
}

// Blocks that are free now and were not when the journal's last transaction was committed: if the power fails, they are what
// they were then.
void Volume::quarantine_freed(unsigned group, const std::byte* before, const std::byte* after) {
    const std::uint64_t first = ext2fs_group_first_block2(fs_, group);
    const std::uint64_t count = ext2fs_group_last_block2(fs_, group) - first + 1;
    constexpr unsigned bits = 64;
    for (std::uint64_t at = 0; at < count; at += bits) {
        std::uint64_t old, now;
        __builtin_memcpy(&old, before + at / 8, sizeof old);  // no call
        __builtin_memcpy(&now, after + at / 8, sizeof now);
        for (std::uint64_t freed = old & ~now; freed != 0; freed &= freed - 1) {
            const std::uint64_t bit = at + static_cast<unsigned>(__builtin_ctzll(freed));
            if (bit >= count) break;
            ext2fs_mark_block_bitmap2(quarantine_, first + bit);
            quarantined_ = true;
        }
    }
}

Result<> Volume::find_quarantine() {
    quarantined_ = false;
    if (transaction_.used() == 0) return {};
    for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
        const std::uint64_t block = ext2fs_block_bitmap_loc(fs_, group);
        if (const std::byte* const now = transaction_.find(block); now != nullptr)
            quarantine_freed(group, ANT_TRY(home(block * block_bytes())), now);
    }
    return {};
}

// Operations --------------------------------------------------------------------------------------------------------

Result<> Volume::begin() {
    if (read_only()) return Failure(Error::read_only);
    constexpr unsigned room = Transaction::capacity / 2;  // for one operation
    const unsigned limit = std::min(Transaction::capacity - room, journal_.max_blocks() / 2);
    if (journal_record_.phase != Phase::running || transaction_.used() >= limit) ANT_TRY(commit_journal());
    ANT_TRY(fs());
    const DoneRecord done = tables_->last_done();
    transaction_.begin(done.operation + 1);
    freed_ = false;
    return {};
}

Result<> Volume::finish(std::uint64_t call, std::int64_t value, std::uint32_t inode) {
    ANT_TRY(write_groups());
    if (transaction_.used() > journal_.max_blocks()) return Failure(Error::no_memory);
    const DoneRecord done = tables_->last_done();
    if (transaction_.changed() && dirty_since_ == 0) dirty_since_ = now_ns();
    tables_->done.commit(0, {done.operation + 1, call, value, index_, inode});
    transaction_.commit();
    return {};
}

void Volume::abort() {
    transaction_.abort();
    close();
}

Result<> Volume::write_groups() {
    ANT_TRY(block_groups_.take([this](unsigned group) { return write_block_bitmap(group); }));
    return inode_groups_.take([this](unsigned group) { return write_inode_bitmap(group); });
}

Result<> Volume::write_block_bitmap(unsigned group) {
    if (ext2fs_has_group_desc_csum(fs_) != 0 && ext2fs_bg_flags_test(fs_, group, EXT2_BG_BLOCK_UNINIT) != 0) return {};
    const std::uint32_t bits = fs_->super->s_blocks_per_group;
    const std::uint64_t place = ext2fs_block_bitmap_loc(fs_, group) * block_bytes();
    const std::uint64_t first = ext2fs_group_first_block2(fs_, group), count = ext2fs_group_last_block2(fs_, group) - first + 1;
    auto* const bitmap = reinterpret_cast<char*>(buffer_.data());
    std::memset(bitmap, 0xff, block_bytes());
    ANT_TRY(checked(ext2fs_get_block_bitmap_range2(fs_->block_map, first, bits, bitmap)));
    for (std::uint64_t bit = count; bit < bits; ++bit)
        ext2fs_set_bit(static_cast<unsigned>(bit), bitmap);  // behind the volume's end
    if (freed_) {
        const std::byte* before = transaction_.find(place / block_bytes());
        if (before == nullptr) before = ANT_TRY(home(place));
        quarantine_freed(group, before, buffer_.data());
    }
    ext2fs_block_bitmap_csum_set(fs_, group, bitmap, static_cast<int>(bits / 8));
    ANT_TRY(write_bytes(place, block_bytes(), buffer_.data()));
    return write_descriptor(group);
}

Result<> Volume::write_inode_bitmap(unsigned group) {
    if (ext2fs_has_group_desc_csum(fs_) != 0 && ext2fs_bg_flags_test(fs_, group, EXT2_BG_INODE_UNINIT) != 0) return {};
    const std::uint32_t bits = fs_->super->s_inodes_per_group;
    auto* const bitmap = reinterpret_cast<char*>(buffer_.data());
    std::memset(bitmap, 0xff, block_bytes());
    ANT_TRY(checked(ext2fs_get_inode_bitmap_range2(fs_->inode_map, group * bits + 1, bits, bitmap)));
    ext2fs_inode_bitmap_csum_set(fs_, group, bitmap, static_cast<int>(bits / 8));
    ANT_TRY(write_bytes(ext2fs_inode_bitmap_loc(fs_, group) * block_bytes(), block_bytes(), buffer_.data()));
    return write_descriptor(group);
}

Result<> Volume::write_descriptor(unsigned group) {
    ext2fs_group_desc_csum_set(fs_, group);
    const dgrp_t index = group / EXT2_DESC_PER_BLOCK(fs_->super);
    const std::uint64_t place = ext2fs_descriptor_block_loc2(fs_, fs_->super->s_first_data_block, index);
    const auto* const descriptors = reinterpret_cast<const std::byte*>(fs_->group_desc) + std::size_t{index} * block_bytes();
    return write_bytes(place * block_bytes(), block_bytes(), descriptors);
}

Result<> Volume::write_superblock() {
    fs_->super->s_wtime = static_cast<std::uint32_t>(now_ns() / ns_per_s);
    ext2fs_set_feature_journal_needs_recovery(fs_->super);
    keep_checksum(*fs_->super);
    return write_bytes(superblock_offset, superblock_bytes, reinterpret_cast<const std::byte*>(fs_->super));
}

// Journal -----------------------------------------------------------------------------------------------------------

Result<> Volume::record_phase(Phase phase) {
    journal_record_.phase = phase;
    tables_->journals.commit(index_, journal_record_);
    return {};
}

// Straight on the disk, past the journal: whether somebody has to look into that.
Result<> Volume::mark_recover(bool on) {
    if ((journal_record_.recover != 0) == on) return {};
    const std::uint64_t unit = superblock_offset / block_bytes() * block_bytes();
    std::memcpy(buffer_.data(), ANT_TRY(home(unit)), block_bytes());
    auto* const super = reinterpret_cast<ext2_super_block*>(buffer_.data() + (superblock_offset - unit));
    if (on)
        ext2fs_set_feature_journal_needs_recovery(super);
    else
        ext2fs_clear_feature_journal_needs_recovery(super);
    keep_checksum(*super);
    ANT_TRY(disk_->write({buffer_.address(), 0}, Extent{record_.base + unit, block_bytes()}, true));
    blocks_->update(index_, unit, buffer_.data(), block_bytes());
    journal_record_.recover = on ? 1 : 0;
    tables_->journals.commit(index_, journal_record_);
    return {};
}

// What was written and freed again is nobody's: replaying it could hit what the block is used for next.
void Volume::drop_freed() {
    transaction_.each([this](unsigned entry, std::uint64_t block) {
        if (block >= fs_->super->s_first_data_block && ext2fs_test_block_bitmap2(fs_->block_map, block) == 0)
            transaction_.drop(entry);
    });
}

Result<> Volume::commit_journal() {
    if (journal_record_.phase == Phase::writing) ANT_TRY(write_home());
    if (!dirty()) return {};
    ANT_TRY(fs());
    ANT_TRY(mark_recover(true));
    if (journal_record_.phase == Phase::running) {
        const DoneRecord done = tables_->last_done();
        transaction_.begin(done.operation + 1);
        const Result<> written = write_superblock();
        if (!written) {
            abort();
            return written;
        }
        tables_->done.commit(0, {done.operation + 1, done.call, done.value, done.volume, done.inode});
        transaction_.commit();
        drop_freed();
        ANT_TRY(record_phase(Phase::committing));
    }
    static std::array<Journal::Block, Transaction::capacity> list;
    unsigned count = 0;
    transaction_.each([&](unsigned entry, std::uint64_t block) { list[count++] = {block, transaction_.memory(entry)}; });
    static std::array<std::uint64_t, Transaction::capacity> revoked;
    unsigned revoked_count = 0;
    for (unsigned i = 0; i < last_count_; ++i)
        if (ext2fs_test_block_bitmap2(fs_->block_map, last_blocks_[i]) == 0) revoked[revoked_count++] = last_blocks_[i];
    ANT_TRY(
        journal_.commit(journal_record_.state, std::span{list}.first(count), std::span{revoked}.first(revoked_count), now_ns()));
    last_count_ = 0;
    for (unsigned i = 0; i < count; ++i) last_blocks_[last_count_++] = list[i].number;
    ANT_TRY(record_phase(Phase::writing));
    return write_home();
}

// The transaction is in the journal: its blocks go to their places, in as few transfers as their order in memory allows.
Result<> Volume::write_home() {
    std::array<Extent, cache::max_extents> extents;
    unsigned count = 0, first = 0;
    const auto flush = [&]() -> Result<> {
        if (count != 0) ANT_TRY(disk_->write(transaction_.memory(first), std::span{extents}.first(count), false));
        count = 0;
        return {};
    };
    Result<> done;
    transaction_.each([&](unsigned entry, std::uint64_t block) {
        if (done && (count == extents.size() || entry != first + count)) done = flush();
        if (!done) return;
        if (count == 0) first = entry;
        extents[count++] = {position_of(block), block_bytes()};
        blocks_->update(index_, block * block_bytes(), transaction_.memory(entry).data(), block_bytes());
    });
    if (done) done = flush();
    ANT_TRY(done);
    transaction_.each([this](unsigned entry, std::uint64_t) { transaction_.drop(entry); });
    ++commits_;
    dirty_since_ = 0;
    if (quarantined_) ext2fs_clear_block_bitmap(quarantine_);
    quarantined_ = false;
    return record_phase(Phase::running);
}

Result<> Volume::sync() {
    if (!read_only() && dirty()) return commit_journal();  // its flush takes the data along
    return disk_->flush();
}

// Times alone can wait.
Result<> Volume::sync_data(ext2_ino_t number) { return needed_[number % needed_.size()] == commits_ ? sync() : disk_->flush(); }

Result<> Volume::clean() {
    if (read_only()) return {};
    ANT_TRY(sync());
    ANT_TRY(journal_.clear(journal_record_.state));
    last_count_ = 0;
    ANT_TRY(record_phase(Phase::running));
    ANT_TRY(fs());
    return mark_recover(false);
}

// Mounting ----------------------------------------------------------------------------------------------------------

Result<> Volume::reserve_buffers() {
    if (!buffer_) buffer_ = ANT_TRY(Ica::reserve(cache::block_bytes));
    return {};
}

Result<> Volume::look_at_superblock() {
    record_.block_bytes = superblock_bytes;
    ANT_TRY(disk_->read({buffer_.address(), 0}, Extent{record_.base + superblock_offset, superblock_bytes}));
    const auto& super = *reinterpret_cast<const ext2_super_block*>(buffer_.data());
    if (super.s_magic != EXT2_SUPER_MAGIC) return Failure(Error::not_found);
    constexpr unsigned max_log = 2;
    if (super.s_log_block_size > max_log) return Failure(Error::not_supported);
    record_.block_bytes = superblock_bytes << super.s_log_block_size;
    const std::uint64_t bytes = ext2fs_blocks_count(const_cast<ext2_super_block*>(&super)) * block_bytes();
    if (bytes > record_.bytes) return Failure(Error::io_error);  // the disk is shorter than its file system
    record_.bytes = bytes;
    if ((super.s_feature_incompat & ~incompat_readable) != 0) return Failure(Error::not_supported);
    const bool writable = (super.s_feature_ro_compat & ~ro_compat_writable) == 0 &&
                          (super.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) != 0 &&
                          super.s_journal_inum == journal_inode &&
                          (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_EXTENTS) != 0 && (super.s_state & EXT2_ERROR_FS) == 0;
    if (!writable && !read_only()) log("disk %u partition %u: mounted read-only", record_.disk, record_.partition);
    if (!writable) record_.read_only = 1;
    return {};
}

Result<> Volume::open_journal(ext2_filsys fs) {
    std::array<Journal::Run, 64> runs{};
    unsigned count = 0;
    ext2_extent_handle_t handle;
    ANT_TRY(checked(ext2fs_extent_open(fs, journal_inode, &handle)));
    ext2fs_extent extent;
    errcode_t code = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);
    for (; code == 0; code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent)) {
        if ((extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) == 0) continue;
        if (count == runs.size() || (extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) != 0) break;
        if (!within(fs, extent.e_pblk, extent.e_len)) break;
        runs[count++] = {static_cast<std::uint32_t>(extent.e_lblk), extent.e_len, position_of(extent.e_pblk)};
    }
    ext2fs_extent_free(handle);
    if (code != EXT2_ET_EXTENT_NO_NEXT) return Failure(Error::not_supported);
    return journal_.open(*disk_, std::span{runs}.first(count), block_bytes());
}

// Somebody else's may have another checksum than the one on the disk: that is kept, unless more in its sector has changed.
Result<> Volume::settle_superblock(Memory contents) {
    constexpr std::size_t second = block::sector_bytes, sum = offsetof(ext2_super_block, s_checksum);
    const std::byte* const now = ANT_TRY(home(superblock_offset));
    std::byte* const next = contents.data() + superblock_offset % block_bytes();
    if (std::memcmp(now + second, next + second, sum - second) != 0) return {};
    std::memcpy(next + sum, now + sum, superblock_bytes - sum);
    keep_checksum(*reinterpret_cast<ext2_super_block*>(next));
    return {};
}

Result<> Volume::replay() {
    ANT_TRY(journal_.replay([this](std::uint64_t block, Memory contents) -> Result<> {
        if (block >= record_.bytes / block_bytes()) return Failure(Error::io_error);
        if (block == superblock_offset / block_bytes()) ANT_TRY(settle_superblock(contents));
        return disk_->write(contents, Extent{position_of(block), block_bytes()});
    }));
    ANT_TRY(disk_->flush());
    blocks_->forget(index_);
    return {};
}

Result<> Volume::mount(Disk& disk, VolumeRecord record) {
    disk_ = &disk;
    record_ = record;
    journal_record_ = {};
    const auto go = [this]() -> Result<> {
        ANT_TRY(reserve_buffers());
        ANT_TRY(look_at_superblock());
        auto* const fs = ANT_TRY(open_fs(0));
        const bool journaled = ext2fs_has_feature_journal(fs->super) != 0;
        const bool recover = ext2fs_has_feature_journal_needs_recovery(fs->super) != 0;
        const bool sums = ext2fs_has_feature_metadata_csum(fs->super) != 0, bits64 = ext2fs_has_feature_64bit(fs->super) != 0;
        const bool usable = fs->group_desc_count <= Groups::max;
        const Result<> opened = journaled ? open_journal(fs) : Result<>{};
        ext2fs_free(fs);
        if (recover || !read_only()) ANT_TRY(opened);
        if (recover) ANT_TRY(replay());
        if (!usable) record_.read_only = 1;
        if (!read_only()) {
            journal_record_ = {ANT_TRY(journal_.begin(sums, bits64)), Phase::running, recover ? 1u : 0u};
            Ica area = ANT_TRY(Transaction::reserve(block_bytes()));
            record_.area = area.detach();
            transaction_.use(record_.area, block_bytes(), 0);
        }
        tables_->journals.commit(index_, journal_record_);
        ANT_TRY(open());
        tables_->volumes.commit(index_, record_);
        return {};
    };
    const Result<> done = go();
    if (!done) {
        close();
        if (record_.area != 0) (void)sys::ica_release(record_.area);
        record_ = {};
        disk_ = nullptr;
        transaction_ = {};
        blocks_->forget(index_);
    }
    return done;
}

Result<> Volume::resume(Disk& disk, const VolumeRecord& record) {
    disk_ = &disk;
    record_ = record;
    ANT_TRY(reserve_buffers());
    if (read_only()) return {};
    const DoneRecord done = tables_->last_done();
    transaction_.use(record_.area, block_bytes(), done.operation);
    if (dirty()) dirty_since_ = now_ns();
    needed_.fill(commits_);  // not known
    if (tables_->journals.load(index_, journal_record_) != record::Found::good) return Failure(Error::state_refused);
    return {};
}

Result<> Volume::resume_journal(ext2_filsys fs) {
    ANT_TRY(open_journal(fs));
    last_count_ = 0;
    return journal_.each_block(journal_record_.state.last, [this](std::uint64_t block) {
        if (last_count_ < last_blocks_.size()) last_blocks_[last_count_++] = block;
    });
}

Result<> Volume::unmount() {
    ANT_TRY(clean());
    close();
    tables_->volumes.erase(index_);
    tables_->journals.erase(index_);
    if (record_.area != 0) ANT_TRY(sys::ica_release(record_.area));
    record_ = {};
    disk_ = nullptr;
    transaction_ = {};
    blocks_->forget(index_);
    return {};
}

}  // namespace ant::file_server
