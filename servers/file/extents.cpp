#include "extents.hpp"

#include "content.hpp"

#include <algorithm>

namespace ant::file_server {

namespace {

// Adds what of the run belongs to the bytes from `position` on. False: no room.
bool add(Mapping& out, const Volume& volume, const Run& run, std::uint64_t position, std::uint64_t bytes) {
    const std::uint64_t block = volume.block_bytes();
    const std::uint64_t from = position + out.bytes, offset = from - run.first * block;
    const std::uint64_t count = std::min(run.count * block - offset, bytes - out.bytes);
    const bool nowhere = run.hole || run.unwritten;
    const std::uint64_t place = nowhere ? cache::hole : volume.position_of(run.place) + offset;
    Extent* const last = out.count != 0 ? &out.extents[out.count - 1] : nullptr;
    const bool joins = last != nullptr && (nowhere ? last->position == cache::hole
                                                   : last->position != cache::hole && last->position + last->bytes == place);
    if (!joins && out.count == out.extents.size()) return false;
    if (joins)
        last->bytes += count;
    else
        out.extents[out.count++] = {place, count};
    out.bytes += count;
    if (nowhere) out.hole_bytes += count;
    return true;
}

template <class F>
Result<> runs_of(ext2_filsys fs, ext2_ino_t number, Inode& inode, std::uint64_t first, std::uint64_t end, F&& f) {
    if ((inode.i_flags & EXT4_EXTENTS_FL) == 0) return each_run_of_old(fs, number, inode, first, end, f);
    return each_run(fs, number, inode, first, end, f);
}

}  // namespace

Result<> map(Volume& volume, ext2_ino_t number, Inode& inode, std::uint64_t position, std::uint64_t bytes, Mapping& out) {
    const std::uint64_t block = volume.block_bytes();
    out.count = 0;
    out.bytes = out.hole_bytes = 0;
    return runs_of(ANT_TRY(volume.fs()), number, inode, position / block, (position + bytes + block - 1) / block,
                   [&](const Run& run) -> Result<bool> { return add(out, volume, run, position, bytes); });
}

Result<> FileMap::use(Volume& volume, ext2_ino_t number) {
    if (volume_ == &volume && number_ == number && changes_ == volume.changes(number)) return {};
    volume_ = nullptr;
    Inode inode;
    ANT_TRY(volume.read_inode(number, inode));
    volume_ = &volume;
    number_ = number;
    mode_ = inode.i_mode;
    size_ = size_of(inode);
    modified_ns_ = time_of(inode.i_mtime, inode.i_mtime_extra);
    first_ = end_ = 0;
    count_ = 0;
    changes_ = volume.changes(number);
    return {};
}

Result<> FileMap::load(std::uint64_t first, std::uint64_t end) {
    Inode inode;
    ANT_TRY(volume_->read_inode(number_, inode));
    const std::uint64_t block = volume_->block_bytes();
    first_ = end_ = first;
    count_ = 0;
    return runs_of(ANT_TRY(volume_->fs()), number_, inode, first, std::max(end, (size_ + block - 1) / block),
                   [&](const Run& run) -> Result<bool> {
                       runs_[count_++] = run;
                       end_ = run.first + run.count;
                       return count_ < capacity;
                   });
}

Result<> FileMap::map(std::uint64_t position, std::uint64_t bytes, Mapping& out) {
    const std::uint64_t block = volume_->block_bytes();
    const std::uint64_t first = position / block, end = (position + bytes + block - 1) / block;
    out.count = 0;
    out.bytes = out.hole_bytes = 0;
    if (first < first_ || end > end_) ANT_TRY(load(first, end));
    for (unsigned i = 0; i < count_ && out.bytes < bytes; ++i) {
        Run run = runs_[i];
        if (run.first + run.count <= first) continue;
        if (!add(out, *volume_, run, position, bytes)) break;
    }
    return {};
}

}  // namespace ant::file_server
