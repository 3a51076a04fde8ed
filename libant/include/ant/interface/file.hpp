// Functions of the file server ("file"). Paths are absolute, with NUL; `.`, `..`, repeated slashes and symbolic links are
// followed by the server. Whoever calls is the user of its process (Frame::user_id); 0 may do everything.
// A handle belongs to the slot that opened it and is closed when that ends. It survives the server's replacement and failure.
// There is no file position in the server: each transfer says where, so that a call that is delivered again does the same again.
// Errors: not_found, exists, denied, too_many, no_space, not_directory, is_directory, not_empty, read_only, too_large, io_error,
// cross_device, too_many_links, name_too_long, busy, would_block (lock).
#pragma once

#include <ant/function.hpp>

#include <cstdint>

namespace ant::file {

inline constexpr unsigned max_path = 1024;  // with NUL
inline constexpr unsigned max_name = 255;

enum class Type : std::uint32_t { unknown, regular, directory, link, character, block, fifo, socket };
struct Status {
    std::uint64_t inode, size, allocated_bytes;
    std::uint32_t device;  // number of the mount
    std::uint32_t mode;    // as in the inode: type and permissions, S_IFREG | 0644
    std::uint32_t links, user, group;
    std::uint32_t block_bytes;
    std::int64_t accessed_ns, modified_ns, changed_ns;  // since 1970
};

namespace open_flag {
inline constexpr std::uint32_t read = 1 << 0, write = 1 << 1;
inline constexpr std::uint32_t create = 1 << 2, exclusive = 1 << 3, truncate = 1 << 4;
inline constexpr std::uint32_t directory = 1 << 5;  // not_directory if it is none
inline constexpr std::uint32_t no_follow = 1 << 6;  // a symbolic link at the end of the path is an error (too_many_links)
inline constexpr std::uint32_t sync = 1 << 7;       // each write is on the disk when answered
}  // namespace open_flag
struct Open {
    std::uint32_t flags;  // open_flag
    std::uint32_t mode;   // permissions of a new file, umask applied
    char path[max_path];
};
struct Opened {
    std::uint32_t handle;
    std::uint32_t reserved;
    Status status;
};
struct Handle {  // close, sync, sync_data, status
    std::uint32_t handle;
    std::uint32_t reserved;
};

namespace transfer_flag {
inline constexpr std::uint32_t append =
    1 << 0;  // write: at the end, whatever `position` says. Done once, also if delivered again
inline constexpr std::uint32_t read_ahead = 1 << 1;  // read: the reader goes on behind this
inline constexpr std::uint32_t sequential = 1 << 2;  // no direct return: the answer comes back through every server (P-ipc 3)
}  // namespace transfer_flag
// read, write: `bytes` of the data ICA from `offset`; the file from `position`. The data ICA is moved with the request and comes
// back with the answer (also with an error, unless that is server_died or restarted). -> value = bytes; read: fewer only at the
// end of the file (0: nothing there) or if the file is in too many pieces: then there is more, write: fewer if the disk is full.
// The answer of a read may come straight from the cache or the disk driver (direct return).
// Small ones need no area: without one, up to inline_bytes lie behind this structure in the parameter area.
struct Transfer {
    std::uint32_t handle;
    std::uint32_t flags;
    std::uint64_t position;
    std::uint32_t offset, bytes;
};
inline constexpr std::uint32_t inline_bytes = 2048;

struct Truncate {
    std::uint32_t handle;
    std::uint32_t reserved;
    std::uint64_t size;
};
// list: fills the data ICA (moved; comes back) with Entries from cookie on; -> value = bytes filled, 0 at the end.
struct List {
    std::uint32_t handle;
    std::uint32_t reserved;
    std::uint64_t cookie;  // 0 = from the start; then that of the last entry seen
};
struct Entry {  // followed by the name with NUL; the next one begins at the next multiple of 8
    std::uint64_t inode;
    std::uint64_t cookie;
    std::uint32_t type;  // Type
    std::uint16_t name_bytes, entry_bytes;
};

namespace path_flag {
inline constexpr std::uint32_t no_follow = 1 << 0;  // status, set_*: of a link itself
inline constexpr std::uint32_t directory = 1 << 1;  // remove: a directory (rmdir), otherwise anything else (unlink)
inline constexpr std::uint32_t keep = 1 << 2;       // rename: `exists` if the new name is there (RENAME_NOREPLACE)
}  // namespace path_flag
struct Path {  // status_of, remove, make_directory (mode), read_link, access (mode: 4 read, 2 write, 1 execute, 0 exists)
    std::uint32_t flags;
    std::uint32_t mode;
    char path[max_path];
};
struct TwoPaths {  // rename, link: from an existing one to a new one; symbolic_link: `from` is the text of the link
    std::uint32_t flags;
    std::uint32_t reserved;
    char from[max_path], to[max_path];
};
struct Target {
    char path[max_path];
};
// What is not to be changed is `keep_value`.
inline constexpr std::uint32_t keep_value = ~std::uint32_t{0};
inline constexpr std::int64_t keep_time = INT64_MIN, now_time = INT64_MIN + 1;
struct Change {  // chmod, chown, utimensat; by path, or of an open file if path is empty
    std::uint32_t flags;
    std::uint32_t handle;
    std::uint32_t mode, user, group;
    std::uint32_t reserved;
    std::int64_t accessed_ns, modified_ns;
    char path[max_path];
};

// POSIX record locks: they belong to the slot, not to the handle, and go with it or when it closes any handle of the file.
enum class LockType : std::uint32_t { none, shared, exclusive };
namespace lock_flag {
inline constexpr std::uint32_t wait = 1 << 0;   // otherwise would_block
inline constexpr std::uint32_t test = 1 << 1;   // only tells: the answer is the lock in the way, or type none
inline constexpr std::uint32_t whole = 1 << 2;  // flock: belongs to the handle; independent of the others
}  // namespace lock_flag
struct Lock {
    std::uint32_t handle;
    std::uint32_t flags;
    std::uint32_t type;          // LockType
    std::uint32_t holder;        // of the answer to test: the pid
    std::uint64_t start, bytes;  // bytes 0: to the end, however far that moves
};

struct Space {  // statfs
    std::uint64_t block_bytes, blocks, free_blocks, files, free_files;
    std::uint32_t device, read_only;
    char type[8];  // "ext4"
};
struct Mount {  // disk of the cache; partition 0 = the whole disk, else its number in the MBR or GPT
    std::uint32_t disk;
    std::uint32_t partition;
    std::uint32_t read_only;
    std::uint32_t reserved;
    char path[max_path];  // an existing directory; "/" first
};
inline constexpr unsigned max_mounts = 8;
struct MountRecord {
    std::uint32_t disk, partition, read_only, reserved;
    char type[8], path[64];
    std::uint64_t bytes, free_bytes;
};
struct Mounts {
    std::uint32_t count, reserved;
    MountRecord mount[max_mounts];
};

enum class Op : std::uint16_t {
    open = 1,
    close,
    read,
    write,
    truncate,
    sync,
    sync_data,
    status,
    list,
    lock,
    status_of,
    access,
    make_directory,
    remove,
    rename,
    link,
    symbolic_link,
    read_link,
    change,
    space,
    mount,
    unmount,
    mounts,
    sync_all,
};

// Every call may be delivered again: what it did is on record with its answer, or doing it again changes nothing.
// All may wait for the disk.
inline constexpr Function<Open, Opened> open{"open", static_cast<std::uint16_t>(Op::open), call::waits};
inline constexpr Function<Handle> close{"close", static_cast<std::uint16_t>(Op::close), call::waits};
inline constexpr Function<Transfer> read{"read", static_cast<std::uint16_t>(Op::read), call::waits | call::data};
inline constexpr Function<Transfer> write{"write", static_cast<std::uint16_t>(Op::write), call::waits | call::data};
inline constexpr Function<Truncate> truncate{"truncate", static_cast<std::uint16_t>(Op::truncate), call::waits};
inline constexpr Function<Handle> sync{"sync", static_cast<std::uint16_t>(Op::sync), call::waits};
inline constexpr Function<Handle> sync_data{"sync_data", static_cast<std::uint16_t>(Op::sync_data), call::waits};
inline constexpr Function<Handle, Status> status{"status", static_cast<std::uint16_t>(Op::status), call::waits};
inline constexpr Function<List> list{"list", static_cast<std::uint16_t>(Op::list), call::waits | call::data};
inline constexpr Function<Lock, Lock> lock{"lock", static_cast<std::uint16_t>(Op::lock), call::waits};
inline constexpr Function<Path, Status> status_of{"status_of", static_cast<std::uint16_t>(Op::status_of), call::waits};
inline constexpr Function<Path> access{"access", static_cast<std::uint16_t>(Op::access), call::waits};
inline constexpr Function<Path> make_directory{"make_directory", static_cast<std::uint16_t>(Op::make_directory), call::waits};
inline constexpr Function<Path> remove{"remove", static_cast<std::uint16_t>(Op::remove), call::waits};
inline constexpr Function<TwoPaths> rename{"rename", static_cast<std::uint16_t>(Op::rename), call::waits};
inline constexpr Function<TwoPaths> link{"link", static_cast<std::uint16_t>(Op::link), call::waits};
inline constexpr Function<TwoPaths> symbolic_link{"symbolic_link", static_cast<std::uint16_t>(Op::symbolic_link), call::waits};
inline constexpr Function<Path, Target> read_link{"read_link", static_cast<std::uint16_t>(Op::read_link), call::waits};
inline constexpr Function<Change> change{"change", static_cast<std::uint16_t>(Op::change), call::waits};
inline constexpr Function<Path, Space> space{"space", static_cast<std::uint16_t>(Op::space), call::waits};
inline constexpr Function<Mount> mount{"mount", static_cast<std::uint16_t>(Op::mount),
                                       call::waits | abi::function_attribute::privileged};
inline constexpr Function<Path> unmount{"unmount", static_cast<std::uint16_t>(Op::unmount),
                                        call::waits | abi::function_attribute::privileged};
inline constexpr Function<Nothing, Mounts> mounts{"mounts", static_cast<std::uint16_t>(Op::mounts), call::waits};
inline constexpr Function<Nothing> sync_all{"sync_all", static_cast<std::uint16_t>(Op::sync_all), call::waits};

}  // namespace ant::file
