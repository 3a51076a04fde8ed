#include "content.hpp"

#include "clock.hpp"

#include <algorithm>
#include <cstring>

namespace ant::file_server {

namespace {

constexpr std::uint64_t max_blocks = 0xffff'ffff;           // of a file with extents
constexpr std::uint64_t cut_step = std::uint64_t{1} << 30;  // as much as one operation has room for

}  // namespace

Result<bool> Content::is_hole(Inode& inode, std::uint64_t block) {
    Mapping mapping;
    ANT_TRY(map(volume_, number_, inode, block * volume_.block_bytes(), volume_.block_bytes(), mapping));
    return mapping.hole_bytes != 0;
}

// After this all blocks of the range are on the disk, and none counts as never written. (ext2fs_fallocate would also fill
// what lies between the range and the next extent, with whatever the disk has there.)
Result<> Content::allocate(Inode& inode, std::uint64_t first, std::uint64_t count) {
    auto* const fs = ANT_TRY(volume_.fs());
    if ((inode.i_flags & EXT4_EXTENTS_FL) == 0) return Failure(Error::not_supported);
    for (const std::uint64_t end = first + count;;) {
        Run missing{};
        std::uint64_t goal = 0;  // behind the block before
        ANT_TRY(each_run(fs, number_, inode, first != 0 ? first - 1 : 0, end, [&](const Run& run) -> Result<bool> {
            missing = run;
            if (!run.hole) goal = run.place + run.count;
            return (!run.hole && !run.unwritten) || run.first + run.count <= first;
        }));
        if (missing.first < first) {
            missing.count -= std::min(missing.count, first - missing.first);
            missing.place += first - missing.first;
            missing.first = first;
        }
        if (missing.count == 0 || (!missing.hole && !missing.unwritten)) return {};
        first = ANT_TRY(missing.hole ? fill(inode, missing, goal) : convert(inode, missing));
    }
}

// Puts new blocks into the hole, as many as lie behind each other. -> the block of the file behind them
Result<std::uint64_t> Content::fill(Inode& inode, const Run& hole, std::uint64_t goal) {
    auto* const fs = ANT_TRY(volume_.fs());
    constexpr std::uint64_t longest = EXT_INIT_MAX_LEN;
    if (goal == 0) goal = ext2fs_find_inode_goal(fs, number_, plain(inode), hole.first);
    blk64_t place = 0, count = 0;
    ANT_TRY(checked(ext2fs_new_range(fs, 0, goal, std::min(hole.count, longest), nullptr, &place, &count)));
    volume_.take_blocks(place, count);
    ANT_TRY(checked(ext2fs_iblk_add_blocks(fs, plain(inode), count)));
    const Extents extents = ANT_TRY(Extents::open(fs, number_, inode));
    (void)ext2fs_extent_goto(extents.get(), hole.first);  // the one before, or the first
    ext2fs_extent other{};
    const errcode_t code = ext2fs_extent_get(extents.get(), EXT2_EXTENT_CURRENT, &other);
    if (code != 0 && code != EXT2_ET_NO_CURRENT_NODE) return Failure(error_of(code));
    const bool joins = code == 0 && (other.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0 && other.e_lblk + other.e_len == hole.first &&
                       other.e_pblk + other.e_len == place && other.e_len + count <= longest;
    if (joins) {
        other.e_len += static_cast<std::uint32_t>(count);
        ANT_TRY(checked(ext2fs_extent_replace(extents.get(), 0, &other)));
    } else {
        ext2fs_extent fresh{place, hole.first, static_cast<std::uint32_t>(count), 0};
        const int where = code == 0 && other.e_lblk < hole.first ? EXT2_EXTENT_INSERT_AFTER : 0;
        ANT_TRY(checked(ext2fs_extent_insert(extents.get(), where, &fresh)));
        ANT_TRY(checked(ext2fs_extent_fix_parents(extents.get())));
    }
    return hole.first + count;
}

// Blocks that were reserved and never written.
Result<std::uint64_t> Content::convert(Inode& inode, const Run& run) {
    auto* const fs = ANT_TRY(volume_.fs());
    const Extents extents = ANT_TRY(Extents::open(fs, number_, inode));
    for (std::uint64_t i = 0; i < run.count; ++i)
        ANT_TRY(checked(ext2fs_extent_set_bmap(extents.get(), run.first + i, run.place + i, 0)));
    return run.first + run.count;
}

Result<> Content::put(const Mapping& mapping, Memory from) {
    return volume_.disk().write(from, std::span{mapping.extents}.first(mapping.count), false);
}

// A block that was nowhere before and is written in part: the rest of it is zeros.
Result<> Content::put_edge(Inode& inode, std::uint64_t block, std::uint64_t position, Memory from, std::uint64_t bytes) {
    const std::uint32_t size = volume_.block_bytes();
    std::memset(page_.data(), 0, size);
    std::memcpy(page_.data() + position % size, from.data(), bytes);
    Mapping mapping;
    ANT_TRY(map(volume_, number_, inode, block * size, size, mapping));
    return put(mapping, page_);
}

Result<> Content::write_part(Inode& inode, std::uint64_t position, Memory from, std::uint64_t bytes, bool in_place) {
    const std::uint64_t size = volume_.block_bytes();
    const std::uint64_t first = position / size, last = (position + bytes - 1) / size;
    const bool new_head = position % size != 0 && ANT_TRY(is_hole(inode, first));
    const bool new_tail = (position + bytes) % size != 0 && (last != first || !new_head) && ANT_TRY(is_hole(inode, last));
    ANT_TRY(allocate(inode, first, last - first + 1));
    std::uint64_t from_position = position, end = position + bytes;
    if (new_head) {
        const std::uint64_t part = std::min(bytes, size - position % size);
        ANT_TRY(put_edge(inode, first, position, from, part));
        from_position += part;
    }
    if (new_tail && end > from_position) {
        const std::uint64_t start = std::max(last * size, from_position);
        ANT_TRY(put_edge(inode, last, start, from + (start - position), end - start));
        end = start;
    }
    while (from_position < end) {
        Mapping mapping;
        ANT_TRY(map(volume_, number_, inode, from_position, end - from_position, mapping));
        if (mapping.hole_bytes != 0 || mapping.bytes == 0) return Failure(Error::io_error);
        ANT_TRY(put(mapping, from + (from_position - position)));
        from_position += mapping.bytes;
    }
    if (position + bytes > size_of(inode)) set_size(inode, position + bytes);
    touch(inode);
    return volume_.write_inode(number_, inode, in_place);
}

Result<std::uint64_t> Content::write(std::uint64_t position, Memory from, std::uint64_t bytes, bool privileged) {
    const std::uint64_t size = volume_.block_bytes();
    if (position > max_blocks * size || bytes > max_blocks * size - position) return Failure(Error::too_large);
    // The tree of extents may grow as well.
    constexpr std::uint64_t for_tree = 8;
    auto* const fs = ANT_TRY(volume_.fs());
    const std::uint64_t kept = for_tree + (privileged ? 0 : ext2fs_r_blocks_count(fs->super));
    for (bool again = false;; again = true) {
        const std::uint64_t free = volume_.free_blocks() > kept ? volume_.free_blocks() - kept : 0;
        const std::uint64_t possible =
            std::min(bytes, free * size + (free != 0 && position % size != 0 ? size - position % size : 0));
        Inode inode;
        ANT_TRY(volume_.read_inode(number_, inode));
        Mapping mapping;
        ANT_TRY(map(volume_, number_, inode, position, bytes, mapping));
        const std::uint64_t count = mapping.hole_bytes == 0 && mapping.bytes == bytes ? bytes : possible;
        if (count == 0) return Failure(Error::no_space);
        ANT_TRY(volume_.begin());
        ANT_TRY(volume_.read_inode(number_, inode));
        const auto part = write_part(inode, position, from, count, overwrites(size_of(inode), mapping, position, bytes));
        const Result<> done = part ? volume_.finish(call_, static_cast<std::int64_t>(count), number_) : Failure(part.error());
        if (done) return count;
        volume_.abort();
        if (again || done.error() != Error::no_space) return Failure(done.error());
        ANT_TRY(volume_.sync());  // what was freed can be used now
    }
}

// What lies behind the end of a file in its last block is zeros, so that a file that grows has no old bytes in it.
Result<> Content::zero_tail(Inode& inode, std::uint64_t size) {
    const std::uint64_t block = volume_.block_bytes(), within = size % block;
    if (within == 0) return {};
    Mapping mapping;
    ANT_TRY(map(volume_, number_, inode, size, block - within, mapping));
    if (mapping.hole_bytes != 0) return {};
    std::memset(page_.data(), 0, block - within);
    return put(mapping, page_);
}

Result<> Content::cut(std::uint64_t size) {
    Inode inode;
    ANT_TRY(volume_.read_inode(number_, inode));
    const std::uint64_t block = volume_.block_bytes();
    if (size < size_of(inode)) {
        auto* const fs = ANT_TRY(volume_.fs());
        ANT_TRY(checked(ext2fs_punch(fs, number_, plain(inode), nullptr, (size + block - 1) / block, ~0ULL)));
        ANT_TRY(zero_tail(inode, size));
    }
    set_size(inode, size);
    touch(inode);
    return volume_.write_inode(number_, inode);
}

Result<> Content::truncate(std::uint64_t size) {
    if (size > max_blocks * volume_.block_bytes()) return Failure(Error::too_large);
    return cut_to(size, 0);  // only the last step is the call done
}

// In steps from the end, each an operation.
Result<> Content::cut_to(std::uint64_t size, std::uint64_t call_of_steps) {
    for (;;) {
        Inode inode;
        ANT_TRY(volume_.read_inode(number_, inode));
        const std::uint64_t now = size_of(inode);
        const bool last = now <= size || now - size <= cut_step;
        ANT_TRY(volume_.operate(
            last ? call_ : call_of_steps, [&] { return cut(last ? size : now - cut_step); }, 0, number_));
        if (last) return {};
    }
}

Result<> Content::release() {
    Inode inode;
    ANT_TRY(volume_.read_inode(number_, inode));
    if (size_of(inode) > cut_step) ANT_TRY(cut_to(0, call_));
    return volume_.operate(
        call_,
        [&]() -> Result<> {
            ANT_TRY(volume_.read_inode(number_, inode));
            ANT_TRY(remove_orphan(volume_, number_, inode));
            auto* const fs = ANT_TRY(volume_.fs());
            if (ext2fs_inode_has_valid_blocks2(fs, plain(inode)) != 0)
                ANT_TRY(checked(ext2fs_punch(fs, number_, plain(inode), nullptr, 0, ~0ULL)));
            if (ext2fs_file_acl_block(fs, plain(inode)) != 0) ANT_TRY(checked(ext2fs_free_ext_attr(fs, number_, &inode)));
            const bool directory = LINUX_S_ISDIR(inode.i_mode);
            set_size(inode, 0);
            inode.i_links_count = 0;
            inode.i_dtime = static_cast<std::uint32_t>(now_ns() / ns_per_s);
            ANT_TRY(volume_.write_inode(number_, inode));
            volume_.count_inode(number_, -1, directory);
            return {};
        },
        0, number_);
}

Result<> add_orphan(Volume& volume, ext2_ino_t number, Inode& inode) {
    auto* const fs = ANT_TRY(volume.fs());
    inode.i_dtime = fs->super->s_last_orphan;
    fs->super->s_last_orphan = number;
    return volume.write_superblock();
}

Result<> remove_orphan(Volume& volume, ext2_ino_t number, Inode& inode) {
    auto* const fs = ANT_TRY(volume.fs());
    if (fs->super->s_last_orphan == number) {
        fs->super->s_last_orphan = inode.i_dtime;
        return volume.write_superblock();
    }
    ext2_ino_t before = fs->super->s_last_orphan;
    for (std::uint32_t steps = 0; before != 0 && steps < fs->super->s_inodes_count; ++steps) {
        Inode other;
        ANT_TRY(volume.read_inode(before, other));
        if (other.i_dtime == number) {
            other.i_dtime = inode.i_dtime;
            return volume.write_inode(before, other);
        }
        before = other.i_dtime;
    }
    return {};  // was not in the list
}

// Nanoseconds in the upper 30 bits of `extra`, two more bits of the seconds below (ext4, inode timestamps).
void set_time(std::uint32_t& seconds, std::uint32_t& extra, std::int64_t ns) {
    std::int64_t whole = ns / ns_per_s, rest = ns % ns_per_s;
    if (rest < 0) {
        rest += ns_per_s;
        --whole;
    }
    seconds = static_cast<std::uint32_t>(whole);
    const std::int64_t epoch = (whole - static_cast<std::int32_t>(whole)) >> 32;
    extra = static_cast<std::uint32_t>(rest << 2) | static_cast<std::uint32_t>(epoch & 3);
}

std::int64_t time_of(std::uint32_t seconds, std::uint32_t extra) {
    const std::int64_t whole = static_cast<std::int32_t>(seconds) + (static_cast<std::int64_t>(extra & 3) << 32);
    return whole * ns_per_s + (extra >> 2);
}

void touch(Inode& inode) {
    const std::int64_t now = now_ns();
    set_time(inode.i_mtime, inode.i_mtime_extra, now);
    set_time(inode.i_ctime, inode.i_ctime_extra, now);
}

}  // namespace ant::file_server
