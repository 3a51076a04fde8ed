#include "path_calls.hpp"

#include <ant/files.hpp>

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/time_types.h>

#include "descriptors.hpp"
#include "paths.hpp"
#include "special_files.hpp"

namespace ant::foreign {

namespace {

constexpr unsigned permissions = 07777;
constexpr unsigned no_change = ~0U;  // of a user or group
constinit unsigned mask = 022;

Answer told(const Result<>& result) { return result ? 0 : file_failure(result.error()); }

// `work` with the absolute path.
template <class F>
Answer at_path(int directory, const char* path, F work) {
    PathText absolute;
    const Answer error = absolute_path(directory, path, absolute);
    return error != 0 ? error : work(absolute.text);
}

template <class F>
Answer at_paths(int from_directory, const char* from, int to_directory, const char* to, F work) {
    return at_path(from_directory, from, [&](const char* first) {
        return at_path(to_directory, to, [&](const char* second) { return told(work(first, second)); });
    });
}

file::Change nothing_changed() {
    file::Change change{};
    change.mode = change.user = change.group = file::keep_value;
    change.accessed_ns = change.modified_ns = file::keep_time;
    return change;
}

Answer change_at(int directory, const char* path, file::Change& change) {
    return at_path(directory, path, [&](const char* absolute) { return told(files::change(change, absolute)); });
}

Answer change_open(int descriptor, file::Change& change) {
    const OpenFile* file = descriptors().at(descriptor);
    if (file == nullptr) return -EBADF;
    if (file->kind != OpenFile::Kind::file && file->kind != OpenFile::Kind::directory) return -EPERM;
    return told(files::change(change, nullptr, file->file.handle()));
}

// One of utimensat's two times; false if it is none.
bool change_time(const struct __kernel_timespec& time, std::int64_t& to) {
    constexpr long now = (1L << 30) - 1, omit = (1L << 30) - 2;  // UTIME_NOW, UTIME_OMIT
    constexpr long ns_per_s = 1'000'000'000;
    if (time.tv_nsec == omit) return true;
    if (time.tv_nsec == now) {
        to = file::now_time;
        return true;
    }
    if (time.tv_nsec < 0 || time.tv_nsec >= ns_per_s) return false;
    return !__builtin_mul_overflow(time.tv_sec, ns_per_s, &to) && !__builtin_add_overflow(to, time.tv_nsec, &to);
}

}  // namespace

unsigned masked(unsigned mode) { return mode & permissions & ~mask; }

Answer call_accessat(int directory, const char* path, int mode) {
    constexpr int write_access = 2, execute_access = 1;
    if (mode < 0 || mode > 7) return -EINVAL;
    return at_path(directory, path, [mode](const char* absolute) -> Answer {
        const OpenFile special = special_file(absolute);
        if (special.kind == OpenFile::Kind::none) return told(files::access(absolute, static_cast<std::uint32_t>(mode)));
        if ((mode & execute_access) != 0) return -EACCES;
        return special.kind == OpenFile::Kind::text && (mode & write_access) != 0 ? -EROFS : 0;
    });
}

Answer call_mkdirat(int directory, const char* path, unsigned mode) {
    return at_path(directory, path, [mode](const char* absolute) { return told(files::make_directory(absolute, masked(mode))); });
}

Answer call_unlinkat(int directory, const char* path, int flags) {
    if ((flags & ~AT_REMOVEDIR) != 0) return -EINVAL;
    const std::uint32_t how = (flags & AT_REMOVEDIR) != 0 ? file::path_flag::directory : 0;
    return at_path(directory, path, [how](const char* absolute) { return told(files::remove(absolute, how)); });
}

Answer call_renameat(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) {
    if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return -EINVAL;
    const std::uint32_t how = flags != 0 ? file::path_flag::keep : 0;
    return at_paths(from_directory, from, to_directory, to,
                    [how](const char* first, const char* second) { return files::rename(first, second, how); });
}

Answer call_linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) {
    if ((flags & ~AT_SYMLINK_FOLLOW) != 0) return -EINVAL;
    const Answer done = at_paths(from_directory, from, to_directory, to, files::link);
    return done == -EISDIR ? -EPERM : done;
}

Answer call_symlinkat(const char* text, int directory, const char* path) {
    return at_path(directory, path, [text](const char* absolute) { return told(files::symbolic_link(text, absolute)); });
}

// Not terminated, and cut if it is too long.
Answer call_readlinkat(int directory, const char* path, char* result, std::size_t bytes) {
    if (bytes == 0) return -EINVAL;
    return at_path(directory, path, [&](const char* absolute) -> Answer {
        const auto target = files::read_link(absolute);
        if (!target) return file_failure(target.error());
        const std::size_t length = __builtin_strlen(target->path);
        const std::size_t copied = length < bytes ? length : bytes;
        __builtin_memcpy(result, target->path, copied);
        return static_cast<Answer>(copied);
    });
}

Answer call_chmodat(int directory, const char* path, unsigned mode) {
    file::Change change = nothing_changed();
    change.mode = mode & permissions;
    return change_at(directory, path, change);
}

Answer call_fchmod(const Arguments& arguments) {
    file::Change change = nothing_changed();
    change.mode = static_cast<unsigned>(arguments.b) & permissions;
    return change_open(arguments.descriptor(), change);
}

Answer call_chownat(int directory, const char* path, unsigned user, unsigned group, int flags) {
    static_assert(no_change == file::keep_value);
    file::Change change = nothing_changed();
    change.user = user;
    change.group = group;
    if ((flags & AT_SYMLINK_NOFOLLOW) != 0) change.flags = file::path_flag::no_follow;
    return change_at(directory, path, change);
}

Answer call_fchown(const Arguments& arguments) {
    file::Change change = nothing_changed();
    change.user = static_cast<unsigned>(arguments.b);
    change.group = static_cast<unsigned>(arguments.c);
    return change_open(arguments.descriptor(), change);
}

Answer call_utimensat(const Arguments& arguments) {
    file::Change change = nothing_changed();
    change.accessed_ns = change.modified_ns = file::now_time;
    if (arguments.c != 0) {
        const auto* times = pointer<const struct __kernel_timespec>(arguments.c);
        change.accessed_ns = change.modified_ns = file::keep_time;
        if (!change_time(times[0], change.accessed_ns) || !change_time(times[1], change.modified_ns)) return -EINVAL;
    }
    if (arguments.b == 0) return change_open(arguments.descriptor(), change);  // futimens
    if ((arguments.d & AT_SYMLINK_NOFOLLOW) != 0) change.flags = file::path_flag::no_follow;
    return change_at(arguments.descriptor(), pointer<const char>(arguments.b), change);
}

Answer call_truncate(const char* path, long size) {
    if (size < 0) return -EINVAL;
    return at_path(AT_FDCWD, path, [size](const char* absolute) -> Answer {
        const auto file = File::open(absolute, file::open_flag::write);
        return file ? told(file->truncate(static_cast<std::uint64_t>(size))) : file_failure(file.error());
    });
}

Answer call_umask(const Arguments& arguments) {
    const unsigned before = mask;
    mask = static_cast<unsigned>(arguments.a) & 0777;
    return before;
}

Answer call_sync() {
    (void)files::sync();
    return 0;
}

}  // namespace ant::foreign
