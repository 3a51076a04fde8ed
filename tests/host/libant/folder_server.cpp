#include "folder_server.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fake {

using namespace ant::file;

namespace {

Error error_now() {
    switch (errno) {
        case ENOENT:
            return Error::not_found;
        case EEXIST:
            return Error::exists;
        case EACCES:
        case EPERM:
            return Error::denied;
        case ENOTDIR:
            return Error::not_directory;
        case EISDIR:
            return Error::is_directory;
        case ENOTEMPTY:
            return Error::not_empty;
        case EFBIG:
            return Error::too_large;
        case ELOOP:
            return Error::too_many_links;
        case ENAMETOOLONG:
            return Error::name_too_long;
        case EAGAIN:
            return Error::would_block;
        default:
            return Error::invalid_argument;
    }
}

Raw value(long n) { return n < 0 ? failed(error_now()) : Raw{Error::none, static_cast<u64>(n), 0, 0, 0, 0}; }

std::int64_t ns(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

void put(Status& to, const struct stat& from) {
    to = {from.st_ino,
          static_cast<std::uint64_t>(from.st_size),
          static_cast<std::uint64_t>(from.st_blocks) * 512,
          0,
          from.st_mode,
          static_cast<std::uint32_t>(from.st_nlink),
          from.st_uid,
          from.st_gid,
          4096,
          ns(from.st_atim),
          ns(from.st_mtim),
          ns(from.st_ctim)};
}

Type type_of(unsigned char type) {
    return type == DT_DIR ? Type::directory : type == DT_REG ? Type::regular : type == DT_LNK ? Type::link : Type::unknown;
}

timespec time_of(std::int64_t ns) {
    if (ns == keep_time) return {0, UTIME_OMIT};
    if (ns == now_time) return {0, UTIME_NOW};
    return {ns / 1'000'000'000, ns % 1'000'000'000};
}

}  // namespace

Raw FolderServer::open(Open& request) {
    int flags = (request.flags & 3) == 3 ? O_RDWR : (request.flags & 3) == 2 ? O_WRONLY : O_RDONLY;
    if ((request.flags & open_flag::create) != 0) flags |= O_CREAT;
    if ((request.flags & open_flag::exclusive) != 0) flags |= O_EXCL;
    if ((request.flags & open_flag::truncate) != 0) flags |= O_TRUNC;
    if ((request.flags & open_flag::directory) != 0) flags |= O_DIRECTORY;
    if ((request.flags & open_flag::no_follow) != 0) flags |= O_NOFOLLOW;
    const int fd = ::open(host(request.path).c_str(), flags, request.mode);
    if (fd < 0) return failed(error_now());
    struct stat status {};
    fstat(fd, &status);
    auto& opened = reinterpret_cast<Opened&>(request);
    opened.handle = static_cast<std::uint32_t>(fd);
    put(opened.status, status);
    return {};
}

Raw FolderServer::transfer(const Call& call, bool read) {
    auto& request = parameters<Transfer>(call);
    const int fd = static_cast<int>(request.handle);
    auto* data = call.d != 0 ? reinterpret_cast<char*>(call.d) + request.offset : reinterpret_cast<char*>(&request + 1);
    std::size_t bytes = request.bytes;
    if (awkward && read && bytes > 4096 && random_() % 2 == 0) bytes = 4096 - request.position % 4096;  // in pieces
    const auto at = static_cast<off_t>(request.position);
    if (read && (request.flags & transfer_flag::read_ahead) != 0) ++ahead;
    if (read) return value(pread(fd, data, bytes, at));
    if ((request.flags & transfer_flag::append) == 0) return value(pwrite(fd, data, bytes, at));
    return value(pwrite(fd, data, bytes, lseek(fd, 0, SEEK_END)));
}

Raw FolderServer::list(const Call& call) {
    if (call.d == 0) return failed(Error::invalid_argument);
    const auto& request = parameters<List>(call);
    const int again = openat(static_cast<int>(request.handle), ".", O_RDONLY);
    DIR* folder = again < 0 ? nullptr : fdopendir(again);
    if (folder == nullptr) return failed(error_now());
    std::size_t used = 0;
    std::uint64_t cookie = 0;
    while (const dirent* found = readdir(folder)) {
        if (++cookie <= request.cookie) continue;
        const std::size_t length = std::strlen(found->d_name), bytes = (sizeof(Entry) + length + 1 + 7) & ~std::size_t{7};
        if (used + bytes > ant::abi::page_size) break;
        auto* entry = reinterpret_cast<Entry*>(call.d + used);
        *entry = {found->d_ino, cookie, static_cast<std::uint32_t>(type_of(found->d_type)), static_cast<std::uint16_t>(length),
                  static_cast<std::uint16_t>(bytes)};
        std::memcpy(entry + 1, found->d_name, length + 1);
        used += bytes;
    }
    closedir(folder);
    return value(static_cast<long>(used));
}

// Those of a file description: each handle is another owner.
Raw FolderServer::lock(Lock& lock) {
    struct flock wanted {};
    wanted.l_type = lock.type == 0 ? F_UNLCK : lock.type == 1 ? F_RDLCK : F_WRLCK;
    wanted.l_start = static_cast<off_t>(lock.start);
    wanted.l_len = static_cast<off_t>(lock.bytes);
    const bool test = (lock.flags & lock_flag::test) != 0;
    const int done = fcntl(static_cast<int>(lock.handle), test ? F_OFD_GETLK : F_OFD_SETLK, &wanted);
    if (done < 0 || !test) return value(done);
    lock.type = wanted.l_type == F_UNLCK ? 0 : wanted.l_type == F_RDLCK ? 1 : 2;
    lock.start = static_cast<std::uint64_t>(wanted.l_start);
    lock.bytes = static_cast<std::uint64_t>(wanted.l_len);
    lock.holder = 42;
    return {};
}

Raw FolderServer::change(const Change& change) {
    const std::string path = change.path[0] != '\0' ? host(change.path) : "/proc/self/fd/" + std::to_string(change.handle);
    if (change.mode != keep_value && chmod(path.c_str(), change.mode) < 0) return failed(error_now());
    const timespec times[] = {time_of(change.accessed_ns), time_of(change.modified_ns)};
    return value(utimensat(AT_FDCWD, path.c_str(), times, (change.flags & path_flag::no_follow) != 0 ? AT_SYMLINK_NOFOLLOW : 0));
}

Raw FolderServer::by_handle(const std::string& name, const Call& call) {
    const int fd = static_cast<int>(parameters<Handle>(call).handle);
    if (name == "close") return value(::close(fd));
    if (name == "read" || name == "write") return transfer(call, name == "read");
    if (name == "truncate") return value(ftruncate(fd, static_cast<off_t>(parameters<Truncate>(call).size)));
    if (name == "list") return list(call);
    if (name == "lock") return lock(parameters<Lock>(call));
    if (name == "sync" || name == "sync_data" || name == "sync_all") return {};
    if (name != "status") return failed(Error::bad_function);
    struct stat status {};
    if (fstat(fd, &status) < 0) return failed(error_now());
    put(parameters<Status>(call), status);
    return {};
}

Raw FolderServer::by_path(const std::string& name, const Call& call) {
    auto& two = parameters<TwoPaths>(call);
    const std::string from = host(two.from), to = host(two.to);
    if (name == "rename")
        return value(renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), (two.flags & path_flag::keep) != 0 ? 1 : 0));
    if (name == "link") {
        const int done = ::link(from.c_str(), to.c_str());
        return done < 0 && errno == EPERM ? failed(Error::is_directory) : value(done);
    }
    if (name == "symbolic_link") return value(symlink(two.from, to.c_str()));
    if (name == "change") return change(parameters<Change>(call));
    auto& one = parameters<Path>(call);
    const std::string path = host(one.path);
    if (name == "make_directory") return value(mkdir(path.c_str(), one.mode));
    if (name == "access") return value(::access(path.c_str(), static_cast<int>(one.mode)));
    if (name == "remove") return value((one.flags & path_flag::directory) != 0 ? rmdir(path.c_str()) : unlink(path.c_str()));
    if (name == "read_link") {
        char target[max_path] = {};
        const auto length = readlink(path.c_str(), target, sizeof target - 1);
        std::memcpy(parameters<Target>(call).path, target, sizeof target);
        return value(length);
    }
    if (name == "status_of") {
        struct stat status {};
        const int flags = (one.flags & path_flag::no_follow) != 0 ? AT_SYMLINK_NOFOLLOW : 0;
        if (fstatat(AT_FDCWD, path.c_str(), &status, flags) < 0) return failed(error_now());
        put(parameters<Status>(call), status);
        return {};
    }
    return by_handle(name, call);
}

Raw FolderServer::serve(const Call& call) {
    std::string name;
    for (const auto& [full, function] : Core::get().functions)
        if (function.first == (call.a & 0xffff'ffff)) name = full;
    if (!name.starts_with("file.")) return failed(Error::not_found);
    name = name.substr(5);
    ++count[name];
    if (loses_areas && call.d != 0) {
        loses_areas = false;
        Core::get().handle({Syscall::ica_release, call.d, 0, 0, 0, 0});
        return failed(Error::server_died);
    }
    Raw answer = awkward && random_() % 8 == 0 ? failed(random_() % 2 == 0 ? Error::restarted : Error::queue_full)
                 : name == "open"              ? open(parameters<Open>(call))
                                               : by_path(name, call);
    answer.rsi = call.d;  // the data ICA comes back
    return answer;
}

}  // namespace fake
