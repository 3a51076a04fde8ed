#include "disk_files.hpp"

#include <linux/fcntl.h>

#include "path_calls.hpp"
#include "paths.hpp"

namespace ant::foreign {

namespace {

using Kind = OpenFile::Kind;

constexpr int from_start = 0, from_here = 1, from_end = 2;
constexpr std::size_t most_bytes = 0x7fff'f000;  // of one transfer, as Linux

bool readable(const OpenFile& file) { return (file.flags & O_ACCMODE) != O_WRONLY; }
bool writable(const OpenFile& file) { return (file.flags & O_ACCMODE) != O_RDONLY; }

std::uint32_t open_flags(int flags) {
    namespace flag = file::open_flag;
    std::uint32_t result = 0;
    const auto set = [&](int linux_flag, std::uint32_t ours) {
        if ((flags & linux_flag) != 0) result |= ours;
    };
    if ((flags & O_ACCMODE) != O_WRONLY) result |= flag::read;
    if ((flags & O_ACCMODE) != O_RDONLY) result |= flag::write;
    set(O_CREAT, flag::create);
    set(O_EXCL, flag::exclusive);
    set(O_TRUNC, flag::truncate);
    set(O_DIRECTORY, flag::directory);
    set(O_NOFOLLOW, flag::no_follow);
    set(O_SYNC, flag::sync);  // O_DSYNC is a part of it
    return result;
}

bool is_directory(const file::Status& status) { return (status.mode & 0170000) == 0040000; }

Answer transferred(const Result<std::size_t>& bytes) { return bytes ? static_cast<Answer>(*bytes) : file_failure(bytes.error()); }

Answer read_at(const OpenFile& file, std::uint64_t position, std::span<std::byte> data, std::uint32_t flags = 0) {
    if (!readable(file)) return -EBADF;
    return transferred(file.file.read(position, data.first(data.size() < most_bytes ? data.size() : most_bytes), flags));
}

Answer write_at(const OpenFile& file, std::uint64_t position, std::span<const std::byte> data) {
    if (!writable(file)) return -EBADF;
    const std::uint32_t flags = (file.flags & O_APPEND) != 0 ? file::transfer_flag::append : 0;
    return transferred(file.file.write(position, data.first(data.size() < most_bytes ? data.size() : most_bytes), flags));
}

// The file behind a descriptor, or why not.
struct Lookup {
    OpenFile* file;
    Answer error;
};
Lookup lookup(const Arguments& arguments, Answer directory, Answer otherwise) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return {nullptr, -EBADF};
    if (file->kind != Kind::file) return {nullptr, file->kind == Kind::directory ? directory : otherwise};
    return {file, 0};
}

// As the C library has it: struct dirent64 of Linux.
struct DirectoryEntry {
    std::uint64_t inode;
    std::int64_t next;
    std::uint16_t bytes;
    std::uint8_t type;
    char name[];
};
constexpr std::size_t entry_head = offsetof(DirectoryEntry, name);

std::uint8_t entry_type(std::uint32_t type) {
    constexpr std::uint8_t types[] = {0, 8, 4, 10, 2, 6, 1, 12};  // DT_* by file::Type
    return type < sizeof types ? types[type] : 0;
}

// Entries of ours into Linux's, as many as fit. -> bytes written; the position moves on.
Answer convert(OpenFile& directory, std::span<const std::byte> entries, std::span<std::byte> out) {
    std::size_t used = 0;
    while (entries.size() >= sizeof(file::Entry)) {
        const auto& entry = *reinterpret_cast<const file::Entry*>(entries.data());
        const auto* name = reinterpret_cast<const char*>(&entry + 1);
        if (entry.entry_bytes > entries.size() || sizeof entry + entry.name_bytes + 1 > entry.entry_bytes) return -EIO;
        const std::size_t bytes = (entry_head + entry.name_bytes + 1 + 7) & ~std::size_t{7};
        if (bytes > out.size() - used) break;
        auto& to = *reinterpret_cast<DirectoryEntry*>(out.data() + used);
        to.inode = entry.inode;
        to.next = static_cast<std::int64_t>(entry.cookie);
        to.bytes = static_cast<std::uint16_t>(bytes);
        to.type = entry_type(entry.type);
        __builtin_memcpy(to.name, name, entry.name_bytes);
        to.name[entry.name_bytes] = '\0';
        used += bytes;
        directory.position = entry.cookie;
        entries = entries.subspan(entry.entry_bytes);
    }
    return static_cast<Answer>(used);
}

// Linux's range, relative to anything and possibly backwards, as start and length (0: to the end).
Answer lock_range(OpenFile& file, const struct flock& wanted, file::Lock& lock) {
    long base = 0;
    if (wanted.l_whence == from_here) {
        base = position_of(file);
    } else if (wanted.l_whence == from_end) {
        const auto status = file.file.status();
        base = status ? static_cast<long>(status->size) : file_failure(status.error());
    } else if (wanted.l_whence != from_start) {
        return -EINVAL;
    }
    if (base < 0) return base;
    long start = 0;
    if (__builtin_add_overflow(base, wanted.l_start, &start)) return -EOVERFLOW;
    const long bytes = wanted.l_len;
    if (bytes < 0 && __builtin_add_overflow(start, bytes, &start)) return -EINVAL;
    if (start < 0 || bytes == INT64_MIN) return -EINVAL;
    lock.start = static_cast<std::uint64_t>(start);
    lock.bytes = static_cast<std::uint64_t>(bytes < 0 ? -bytes : bytes);
    return 0;
}

bool lock_type(int type, file::Lock& lock) {
    using file::LockType;
    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK) return false;
    lock.type = static_cast<std::uint32_t>(type == F_RDLCK   ? LockType::shared
                                           : type == F_WRLCK ? LockType::exclusive
                                                             : LockType::none);
    return true;
}

void tell_lock(struct flock& to, const file::Lock& lock) {
    if (lock.type == static_cast<std::uint32_t>(file::LockType::none)) {
        to.l_type = F_UNLCK;
        return;
    }
    to.l_type = lock.type == static_cast<std::uint32_t>(file::LockType::shared) ? F_RDLCK : F_WRLCK;
    to.l_whence = from_start;
    to.l_start = static_cast<long>(lock.start);
    to.l_len = static_cast<long>(lock.bytes);
    to.l_pid = static_cast<int>(lock.holder);
}

}  // namespace

Answer open_disk_file(int directory, const char* path, int flags, unsigned mode) {
    if ((flags & O_TMPFILE) == O_TMPFILE) return -EOPNOTSUPP;
    PathText absolute;
    if (const Answer error = absolute_path(directory, path, absolute); error != 0) return error;
    file::Status status{};
    auto opened = File::open(absolute.text, open_flags(flags), masked(mode), &status);
    if (!opened) return file_failure(opened.error());
    OpenFile file;
    file.kind = Kind::file;
    file.flags = static_cast<unsigned>(flags) & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_SYNC);
    file.file = std::move(*opened);
    if (!is_directory(status)) return descriptors().add(std::move(file), (flags & O_CLOEXEC) != 0);
    auto name = DirectoryName::of(absolute);
    if (!name) return failure(name.error());
    OpenFile folder{.kind = Kind::directory, .flags = file.flags, .file = std::move(file.file), .name = std::move(*name)};
    return descriptors().add(std::move(folder), (flags & O_CLOEXEC) != 0);
}

Answer read_disk_file(OpenFile& file, std::span<std::byte> data) {
    const Answer position = position_of(file);
    if (position < 0) return position;
    const std::uint32_t flags = file.position == file.read_end ? file::transfer_flag::read_ahead : 0;
    const Answer bytes = read_at(file, file.position, data, flags);
    if (bytes > 0) file.read_end = file.position += static_cast<std::uint64_t>(bytes);
    return bytes;
}

Answer write_disk_file(OpenFile& file, std::span<const std::byte> data) {
    const Answer bytes = write_at(file, file.position, data);
    if (bytes <= 0) return bytes;
    file.position += static_cast<std::uint64_t>(bytes);
    file.at_end = (file.flags & O_APPEND) != 0;
    return bytes;
}

// After a write at the end the server knows where that is.
Answer position_of(OpenFile& file) {
    if (file.at_end) {
        const auto status = file.file.status();
        if (!status) return file_failure(status.error());
        file.position = status->size;
        file.at_end = false;
    }
    return static_cast<Answer>(file.position);
}

Answer seek_disk_file(OpenFile& file, long offset, int whence) {
    long base = 0;
    if (whence == from_here) {
        base = position_of(file);
    } else if (whence == from_end) {
        const auto status = file.file.status();
        base = status ? static_cast<long>(status->size) : file_failure(status.error());
    } else if (whence != from_start) {
        return -EINVAL;
    }
    if (base < 0) return base;
    long position = 0;
    if (__builtin_add_overflow(base, offset, &position) || position < 0) return -EINVAL;
    file.position = static_cast<std::uint64_t>(position);
    file.at_end = false;
    return position;
}

Answer call_pread(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments, -EISDIR, -ESPIPE);
    if (file == nullptr) return error;
    if (arguments.d < 0) return -EINVAL;
    return read_at(*file, static_cast<std::uint64_t>(arguments.d),
                   {pointer<std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)});
}

Answer call_pwrite(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments, -EBADF, -ESPIPE);
    if (file == nullptr) return error;
    if (arguments.d < 0) return -EINVAL;
    return write_at(*file, static_cast<std::uint64_t>(arguments.d),
                    {pointer<const std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)});
}

Answer call_getdents(const Arguments& arguments) {
    static constinit Ica area{};
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != Kind::directory) return -ENOTDIR;
    if (!area) {
        auto reserved = Ica::reserve(abi::page_size);
        if (!reserved) return failure(reserved.error());
        area = std::move(*reserved);
    }
    const auto filled = file->file.list(area, file->position);
    if (!filled) return file_failure(filled.error());
    if (*filled == 0) return 0;
    const Answer bytes =
        convert(*file, area.bytes().first(*filled), {pointer<std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)});
    return bytes == 0 ? -EINVAL : bytes;  // not one of them fits
}

Answer call_ftruncate(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments, -EINVAL, -EINVAL);
    if (file == nullptr) return error;
    if (arguments.b < 0 || !writable(*file)) return -EINVAL;
    const auto done = file->file.truncate(static_cast<std::uint64_t>(arguments.b));
    return done ? 0 : file_failure(done.error());
}

Answer call_fsync(const Arguments& arguments, bool data_only) {
    const OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != Kind::file && file->kind != Kind::directory) return -EINVAL;
    const auto done = data_only ? file->file.sync_data() : file->file.sync();
    return done ? 0 : file_failure(done.error());
}

// Two errors mean something of their own here.
Answer lock_failure(Error error) {
    if (error == Error::busy) return -EDEADLK;
    if (error == Error::too_many) return -ENOLCK;
    return file_failure(error);
}

Answer record_lock(OpenFile& file, int command, long argument) {
    auto& wanted = *pointer<struct flock>(argument);
    if (file.kind != Kind::file) return -EINVAL;
    file::Lock lock{};
    if (!lock_type(wanted.l_type, lock)) return -EINVAL;
    if (command != F_GETLK && wanted.l_type == F_RDLCK && !readable(file)) return -EBADF;
    if (command != F_GETLK && wanted.l_type == F_WRLCK && !writable(file)) return -EBADF;
    if (const Answer error = lock_range(file, wanted, lock); error != 0) return error;
    lock.flags = command == F_GETLK ? file::lock_flag::test : command == F_SETLKW ? file::lock_flag::wait : 0;
    const auto done = file.file.lock(lock);
    if (!done) return lock_failure(done.error());
    if (command == F_GETLK) tell_lock(wanted, *done);
    return 0;
}

Answer call_flock(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != Kind::file && file->kind != Kind::directory) return -EINVAL;
    file::Lock lock{};
    const int operation = static_cast<int>(arguments.b) & ~LOCK_NB;
    const int type = operation == LOCK_SH ? F_RDLCK : operation == LOCK_EX ? F_WRLCK : operation == LOCK_UN ? F_UNLCK : -1;
    if (!lock_type(type, lock)) return -EINVAL;
    lock.flags = file::lock_flag::whole | ((arguments.b & LOCK_NB) == 0 ? file::lock_flag::wait : 0);
    const auto done = file->file.lock(lock);
    return done ? 0 : lock_failure(done.error());
}

}  // namespace ant::foreign
