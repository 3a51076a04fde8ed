// The contents of files: where they lie on the disk, writing, truncating.
#pragma once

#include "extents.hpp"

namespace ant::file_server {

class Content {
public:
    // `call`: what is on record as done with the operation.
    Content(Volume& volume, ext2_ino_t number, std::uint64_t call, Memory page)
        : volume_{volume}, number_{number}, call_{call}, page_{page} {}

    // All of it is on the disk already, and the file stays as long as it is.
    [[nodiscard]] static bool overwrites(std::uint64_t size, const Mapping& mapping, std::uint64_t position,
                                         std::uint64_t bytes) {
        return mapping.hole_bytes == 0 && mapping.bytes == bytes && bytes <= size && position <= size - bytes;
    }
    // -> bytes written: fewer if the volume is full.
    Result<std::uint64_t> write(std::uint64_t position, Memory from, std::uint64_t bytes, bool privileged);
    Result<> truncate(std::uint64_t size);
    // The inode has no name and no handle any more.
    Result<> release();

private:
    Result<> write_part(Inode& inode, std::uint64_t position, Memory from, std::uint64_t bytes, bool in_place);
    Result<> allocate(Inode& inode, std::uint64_t first, std::uint64_t count);
    Result<std::uint64_t> fill(Inode& inode, const Run& hole, std::uint64_t goal);
    Result<std::uint64_t> convert(Inode& inode, const Run& run);
    Result<> put(const Mapping& mapping, Memory from);
    Result<> put_edge(Inode& inode, std::uint64_t block, std::uint64_t position, Memory from, std::uint64_t bytes);
    Result<bool> is_hole(Inode& inode, std::uint64_t block);
    Result<> cut_to(std::uint64_t size, std::uint64_t call_of_steps);
    Result<> cut(std::uint64_t size);
    Result<> zero_tail(Inode& inode, std::uint64_t size);

    Volume& volume_;
    ext2_ino_t number_;
    std::uint64_t call_;
    Memory page_;  // one block to work on
};

void set_time(std::uint32_t& seconds, std::uint32_t& extra, std::int64_t ns);
std::int64_t time_of(std::uint32_t seconds, std::uint32_t extra);
void touch(Inode& inode);  // modified and changed now

// The list of inodes without a name that are still there: e2fsck and the next mount finish them.
Result<> add_orphan(Volume& volume, ext2_ino_t number, Inode& inode);
Result<> remove_orphan(Volume& volume, ext2_ino_t number, Inode& inode);

}  // namespace ant::file_server
