#include "file_status.hpp"

#include <ant/files.hpp>

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "paths.hpp"
#include "special_files.hpp"

namespace ant::foreign {

namespace {

using Kind = OpenFile::Kind;

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr long ext4_magic = 0xef53;

unsigned mode_of(Kind kind) {
    switch (kind) {
        case Kind::socket:
            return file_type::socket | 0777;
        case Kind::text:
            return file_type::regular | 0444;
        case Kind::none:
        case Kind::terminal:
        case Kind::null:
        case Kind::zero:
        case Kind::random:
        case Kind::file:
        case Kind::directory:
            break;
    }
    return file_type::character_device | 0666;
}

void put_special(struct stat& status, const OpenFile& file) {
    status = {};
    status.st_mode = mode_of(file.kind);
    status.st_nlink = 1;
    status.st_ino = static_cast<unsigned long>(file.kind);
    status.st_size = static_cast<long>(file.text.size());
    status.st_blksize = abi::page_size;
    if ((status.st_mode & file_type::mask) == file_type::character_device) status.st_rdev = static_cast<unsigned long>(file.kind);
}

struct Time {
    std::int64_t seconds, ns;
};
Time time_of(std::int64_t ns) {
    const std::int64_t rest = (ns % ns_per_s + ns_per_s) % ns_per_s;
    return {(ns - rest) / ns_per_s, rest};
}

void put_status(struct stat& status, const file::Status& from) {
    const Time accessed = time_of(from.accessed_ns), modified = time_of(from.modified_ns), changed = time_of(from.changed_ns);
    status = {};
    status.st_dev = from.device + 1;  // 0 is that of the special files
    status.st_ino = from.inode;
    status.st_nlink = from.links;
    status.st_mode = from.mode;
    status.st_uid = from.user;
    status.st_gid = from.group;
    status.st_size = static_cast<long>(from.size);
    status.st_blksize = from.block_bytes;
    status.st_blocks = static_cast<long>(from.allocated_bytes / 512);
    status.st_atime = static_cast<unsigned long>(accessed.seconds);
    status.st_atime_nsec = static_cast<unsigned long>(accessed.ns);
    status.st_mtime = static_cast<unsigned long>(modified.seconds);
    status.st_mtime_nsec = static_cast<unsigned long>(modified.ns);
    status.st_ctime = static_cast<unsigned long>(changed.seconds);
    status.st_ctime_nsec = static_cast<unsigned long>(changed.ns);
}

// What there is without a file server.
bool put_special(struct stat& status, std::string_view path) {
    const OpenFile file = special_file(path);
    const bool directory = path == "/" || path == "/dev" || path == "/etc";
    if (file.kind == Kind::none && !directory) return false;
    put_special(status, file);
    if (directory) status.st_mode = file_type::directory | 0555;
    return true;
}

Answer status_at(int directory, const char* path, int flags, struct stat& status) {
    if (path != nullptr && *path == '\0' && (flags & AT_EMPTY_PATH) != 0) {
        const OpenFile* file = descriptors().at(directory);
        return file == nullptr ? -EBADF : status_of(*file, status);
    }
    PathText absolute;
    if (const Answer error = absolute_path(directory, path, absolute); error != 0) return error;
    if (special_file(absolute.text).kind != Kind::none && put_special(status, absolute.text)) return 0;
    const auto known = files::status(absolute.text, (flags & AT_SYMLINK_NOFOLLOW) != 0 ? file::path_flag::no_follow : 0);
    if (!known) return put_special(status, absolute.text) ? 0 : file_failure(known.error());
    put_status(status, *known);
    return 0;
}

struct statx_timestamp timestamp(unsigned long seconds, unsigned long ns) {
    return {static_cast<__s64>(seconds), static_cast<__u32>(ns), 0};
}

void put_extended(struct statx& to, const struct stat& from) {
    to = {};
    to.stx_mask = STATX_BASIC_STATS;
    to.stx_blksize = static_cast<__u32>(from.st_blksize);
    to.stx_nlink = static_cast<__u32>(from.st_nlink);
    to.stx_uid = from.st_uid;
    to.stx_gid = from.st_gid;
    to.stx_mode = static_cast<__u16>(from.st_mode);
    to.stx_ino = from.st_ino;
    to.stx_size = static_cast<__u64>(from.st_size);
    to.stx_blocks = static_cast<__u64>(from.st_blocks);
    to.stx_atime = timestamp(from.st_atime, from.st_atime_nsec);
    to.stx_mtime = timestamp(from.st_mtime, from.st_mtime_nsec);
    to.stx_ctime = timestamp(from.st_ctime, from.st_ctime_nsec);
    to.stx_rdev_minor = static_cast<__u32>(from.st_rdev);
    to.stx_dev_minor = static_cast<__u32>(from.st_dev);
}

Answer space_at(const char* path, long result) {
    const auto space = files::space(path);
    if (!space) return file_failure(space.error());
    auto& status = *pointer<struct statfs>(result);
    status = {};
    status.f_type = ext4_magic;
    status.f_bsize = status.f_frsize = static_cast<long>(space->block_bytes);
    status.f_blocks = static_cast<long>(space->blocks);
    status.f_bfree = status.f_bavail = static_cast<long>(space->free_blocks);
    status.f_files = static_cast<long>(space->files);
    status.f_ffree = static_cast<long>(space->free_files);
    status.f_namelen = file::max_name;
    return 0;
}

}  // namespace

Answer status_of(const OpenFile& file, struct stat& status) {
    if (file.kind != Kind::file && file.kind != Kind::directory) {
        put_special(status, file);
        return 0;
    }
    const auto known = file.file.status();
    if (!known) return file_failure(known.error());
    put_status(status, *known);
    return 0;
}

Answer call_fstat(const Arguments& arguments) {
    const OpenFile* file = descriptors().at(arguments.descriptor());
    return file == nullptr ? -EBADF : status_of(*file, *pointer<struct stat>(arguments.b));
}

Answer call_fstatat(int directory, const char* path, long result, int flags) {
    return status_at(directory, path, flags, *pointer<struct stat>(result));
}

Answer call_statx(const Arguments& arguments) {
    struct stat status {};
    const Answer error =
        status_at(arguments.descriptor(), pointer<const char>(arguments.b), static_cast<int>(arguments.c), status);
    if (error == 0) put_extended(*pointer<struct statx>(arguments.e), status);
    return error;
}

Answer call_statfs(const char* path, long result) {
    PathText absolute;
    const Answer error = absolute_path(AT_FDCWD, path, absolute);
    return error != 0 ? error : space_at(absolute.text, result);
}

// The file server tells the space of a path: that of the mount which the file is on.
Answer call_fstatfs(const Arguments& arguments) {
    const OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != Kind::file && file->kind != Kind::directory) return -ENOSYS;
    const auto status = file->file.status();
    if (!status) return file_failure(status.error());
    const auto mounts = files::mounts();
    if (!mounts) return file_failure(mounts.error());
    if (status->device >= mounts->count || status->device >= file::max_mounts) return -EIO;
    return space_at(mounts->mount[status->device].path, arguments.b);
}

}  // namespace ant::foreign
