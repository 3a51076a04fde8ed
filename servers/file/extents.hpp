// Where the contents of files lie on the disk.
#pragma once

#include "volume.hpp"

namespace ant::file_server {

struct Mapping {
    std::array<Extent, cache::max_extents> extents;
    unsigned count = 0;
    std::uint64_t bytes = 0;       // of all
    std::uint64_t hole_bytes = 0;  // of these not on the disk
};

inline std::uint64_t size_of(const Inode& inode) { return inode.i_size | std::uint64_t{inode.i_size_high} << 32; }
inline void set_size(Inode& inode, std::uint64_t size) {
    inode.i_size = static_cast<std::uint32_t>(size);
    inode.i_size_high = static_cast<std::uint32_t>(size >> 32);
}

inline ext2_inode* plain(Inode& inode) { return reinterpret_cast<ext2_inode*>(&inode); }

// An extent handle that is freed.
class Extents {
public:
    static Result<Extents> open(ext2_filsys fs, ext2_ino_t number, Inode& inode) {
        ext2_extent_handle_t handle = nullptr;
        ANT_TRY(checked(ext2fs_extent_open2(fs, number, plain(inode), &handle)));
        return Extents{handle};
    }
    Extents(Extents&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    Extents& operator=(Extents&&) = delete;
    ~Extents() {
        if (handle_ != nullptr) ext2fs_extent_free(handle_);
    }
    [[nodiscard]] ext2_extent_handle_t get() const { return handle_; }

private:
    explicit Extents(ext2_extent_handle_t handle) : handle_{handle} {}
    ext2_extent_handle_t handle_;
};

// A run of a file's blocks: on the disk, reserved there, or nowhere.
struct Run {
    std::uint64_t first, count, place;
    bool hole, unwritten;
};

// f(Run) -> Result<bool>: whether to go on.
template <class F>
Result<> each_run(ext2_filsys fs, ext2_ino_t number, Inode& inode, std::uint64_t first, std::uint64_t end, F&& f);

// Where the bytes lie, as far as the extents suffice. What was reserved and never written counts as a hole.
Result<> map(Volume& volume, ext2_ino_t number, Inode& inode, std::uint64_t position, std::uint64_t bytes, Mapping& out);

// The same of an open file again and again: what libext2fs said is kept until the inode changes.
class FileMap {
public:
    Result<> use(Volume& volume, ext2_ino_t number);

    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] std::uint32_t mode() const { return mode_; }
    [[nodiscard]] std::int64_t modified_ns() const { return modified_ns_; }
    Result<> map(std::uint64_t position, std::uint64_t bytes, Mapping& out);

private:
    Result<> load(std::uint64_t first, std::uint64_t end);

    static constexpr unsigned capacity = 32;
    Volume* volume_ = nullptr;
    ext2_ino_t number_ = 0;
    std::uint32_t mode_ = 0;
    std::uint64_t changes_ = 0, size_ = 0;
    std::int64_t modified_ns_ = 0;
    std::uint64_t first_ = 0, end_ = 0;  // the blocks that the runs tell of
    unsigned count_ = 0;
    std::array<Run, capacity> runs_{};
};

// f(Run) -> Result<bool>: whether to go on.
template <class F>
Result<> each_run(ext2_filsys fs, ext2_ino_t number, Inode& inode, std::uint64_t first, std::uint64_t end, F&& f) {
    const Extents extents = ANT_TRY(Extents::open(fs, number, inode));
    ext2fs_extent extent{};
    (void)ext2fs_extent_goto(extents.get(), first);  // if nothing is there, the one before or behind
    errcode_t code = ext2fs_extent_get(extents.get(), EXT2_EXTENT_CURRENT, &extent);
    if (code == EXT2_ET_NO_CURRENT_NODE) code = EXT2_ET_EXTENT_NO_NEXT;
    while (first < end) {
        if (code != 0 && code != EXT2_ET_EXTENT_NO_NEXT) return checked(code);
        const bool more = code == 0;
        if (more && ((extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) == 0 || extent.e_lblk + extent.e_len <= first)) {
            code = ext2fs_extent_get(extents.get(), EXT2_EXTENT_NEXT_LEAF, &extent);
            continue;
        }
        Run run{first, end - first, 0, true, false};
        if (more && extent.e_lblk <= first) {
            run.hole = false;
            run.unwritten = (extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) != 0;
            run.place = extent.e_pblk + (first - extent.e_lblk);
            run.count = std::min<std::uint64_t>(run.count, extent.e_lblk + extent.e_len - first);
            if (!within(fs, run.place, run.count)) return Failure(Error::io_error);
        } else if (more) {
            run.count = std::min<std::uint64_t>(run.count, extent.e_lblk - first);
        }
        if (!ANT_TRY(f(run))) return {};
        first += run.count;
    }
    return {};
}

// Files that were made before there were extents.
template <class F>
Result<> each_run_of_old(ext2_filsys fs, ext2_ino_t number, Inode& inode, std::uint64_t first, std::uint64_t end, F&& f) {
    for (; first < end; ++first) {
        blk64_t place = 0;
        ANT_TRY(checked(ext2fs_bmap2(fs, number, plain(inode), nullptr, 0, first, nullptr, &place)));
        if (place != 0 && !within(fs, place, 1)) return Failure(Error::io_error);
        if (!ANT_TRY(f(Run{first, 1, place, place == 0, false}))) return {};
    }
    return {};
}

}  // namespace ant::file_server
