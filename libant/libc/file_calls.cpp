#include "file_calls.hpp"

#include <asm/ioctls.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/uio.h>

#include "descriptors.hpp"
#include "random.hpp"
#include "socket_calls.hpp"
#include "special_files.hpp"
#include "terminal.hpp"

namespace ant::foreign {

namespace {

using Kind = OpenFile::Kind;

constexpr int max_vectors = 1024;

// File types of st_mode.
namespace file_type {
constexpr unsigned character_device = 0020000, directory = 0040000, regular = 0100000, socket = 0140000, mask = 0170000;
}

Answer read_text(OpenFile& file, std::span<std::byte> out) {
    const std::string_view rest = file.text.substr(file.position < file.text.size() ? file.position : file.text.size());
    const std::size_t bytes = rest.size() < out.size() ? rest.size() : out.size();
    __builtin_memcpy(out.data(), rest.data(), bytes);
    file.position += bytes;
    return static_cast<Answer>(bytes);
}

Answer read_file(OpenFile& file, std::span<std::byte> out) {
    switch (file.kind) {
        case Kind::none:
            return -EBADF;
        case Kind::null:
            return 0;
        case Kind::text:
            return read_text(file, out);
        case Kind::socket:
            return receive(file, out, 0, nullptr);
        case Kind::terminal:
            return terminal().read({reinterpret_cast<char*>(out.data()), out.size()}, (file.flags & O_NONBLOCK) == 0);
        case Kind::zero:
            __builtin_memset(out.data(), 0, out.size());
            return static_cast<Answer>(out.size());
        case Kind::random:
            fill_random(out);
            return static_cast<Answer>(out.size());
    }
    return -EBADF;
}

Answer write_file(OpenFile& file, std::span<const std::byte> data) {
    switch (file.kind) {
        case Kind::none:
        case Kind::text:
            return -EBADF;
        case Kind::null:
        case Kind::zero:
        case Kind::random:
            return static_cast<Answer>(data.size());
        case Kind::socket:
            return send(file, data, 0, nullptr);
        case Kind::terminal:
            return terminal().write({reinterpret_cast<const char*>(data.data()), data.size()});
    }
    return -EBADF;
}

// readv and writev: piece by piece until one is not taken whole. What was done before an error counts.
template <class Byte>
Answer each_vector(const Arguments& arguments, Answer (*transfer)(OpenFile&, std::span<Byte>)) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (arguments.c < 0 || arguments.c > max_vectors) return -EINVAL;
    const auto* vectors = pointer<const struct iovec>(arguments.b);
    Answer total = 0;
    for (long i = 0; i < arguments.c; ++i) {
        if (vectors[i].iov_len == 0) continue;
        const Answer done = transfer(*file, {static_cast<Byte*>(vectors[i].iov_base), vectors[i].iov_len});
        if (done < 0) return total != 0 ? total : done;
        total += done;
        if (static_cast<std::size_t>(done) < vectors[i].iov_len) break;
    }
    return total;
}

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
            break;
    }
    return file_type::character_device | 0666;
}

void fill_status(struct stat& status, const OpenFile& file) {
    status = {};
    status.st_mode = mode_of(file.kind);
    status.st_nlink = 1;
    status.st_ino = static_cast<unsigned long>(file.kind);
    status.st_size = static_cast<long>(file.text.size());
    status.st_blksize = abi::page_size;
    if ((status.st_mode & file_type::mask) == file_type::character_device) status.st_rdev = static_cast<unsigned long>(file.kind);
}

Answer set_non_blocking(OpenFile& file, bool on) {
    if (file.kind == Kind::socket) {
        const auto set = file.socket.set_option(inet::Option::non_blocking, on ? 1 : 0);
        if (!set) return failure(set.error());
    }
    file.flags = on ? file.flags | O_NONBLOCK : file.flags & ~static_cast<unsigned>(O_NONBLOCK);
    return 0;
}

Answer terminal_control(OpenFile& file, unsigned request, long argument) {
    if (file.kind != Kind::terminal) return -ENOTTY;
    switch (request) {
        case TIOCGWINSZ:
            return terminal().size(*pointer<winsize_linux>(argument));
        case TCGETS:
            *pointer<struct termios>(argument) = terminal().attributes();
            return 0;
        case TCSETS:
        case TCSETSW:
        case TCSETSF:
            terminal().set_attributes(*pointer<const struct termios>(argument));
            return 0;
        default:
            return -ENOTTY;
    }
}

Answer bytes_pending(OpenFile& file, int& bytes) {
    switch (file.kind) {
        case Kind::socket: {
            const auto pending = file.socket.option(inet::Option::pending_bytes);
            if (!pending) return failure(pending.error());
            bytes = static_cast<int>(*pending);
            return 0;
        }
        case Kind::terminal:
            (void)terminal().readable();
            bytes = static_cast<int>(terminal().pending());
            return 0;
        case Kind::text:
            bytes = static_cast<int>(file.text.size() - file.position);
            return 0;
        case Kind::none:
        case Kind::null:
        case Kind::zero:
        case Kind::random:
            break;
    }
    return -ENOTTY;
}

}  // namespace

Answer call_open(const char* path, int flags) {
    OpenFile file = special_file(path);
    if (file.kind == Kind::none) return (flags & O_CREAT) != 0 ? -EROFS : -ENOENT;
    if (file.kind == Kind::text && (flags & O_ACCMODE) != O_RDONLY) return -EROFS;
    if ((flags & O_DIRECTORY) != 0) return -ENOTDIR;
    file.flags = static_cast<unsigned>(flags) & (O_ACCMODE | O_NONBLOCK);
    return descriptors().add(std::move(file), (flags & O_CLOEXEC) != 0);
}

Answer call_close(const Arguments& arguments) { return descriptors().close(arguments.descriptor()); }

Answer call_read(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    return read_file(*file, {pointer<std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)});
}

Answer call_write(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    return write_file(*file, {pointer<const std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)});
}

Answer call_readv(const Arguments& arguments) { return each_vector<std::byte>(arguments, read_file); }
Answer call_writev(const Arguments& arguments) { return each_vector<const std::byte>(arguments, write_file); }

Answer call_lseek(const Arguments& arguments) {
    constexpr int from_start = 0, from_here = 1, from_end = 2;
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != Kind::text) return -ESPIPE;
    const int whence = static_cast<int>(arguments.c);
    if (whence != from_start && whence != from_here && whence != from_end) return -EINVAL;
    const long base = whence == from_start  ? 0
                      : whence == from_here ? static_cast<long>(file->position)
                                            : static_cast<long>(file->text.size());
    long position = 0;
    if (__builtin_add_overflow(base, arguments.b, &position) || position < 0) return -EINVAL;
    file->position = static_cast<std::size_t>(position);
    return position;
}

Answer call_fcntl(const Arguments& arguments) {
    const int descriptor = arguments.descriptor();
    OpenFile* file = descriptors().at(descriptor);
    if (file == nullptr) return -EBADF;
    switch (arguments.b) {
        case F_DUPFD:
            return descriptors().duplicate(descriptor, static_cast<int>(arguments.c), false);
        case F_DUPFD_CLOEXEC:
            return descriptors().duplicate(descriptor, static_cast<int>(arguments.c), true);
        case F_GETFD:
            return descriptors().close_on_exec(descriptor) ? FD_CLOEXEC : 0;
        case F_SETFD:
            descriptors().set_close_on_exec(descriptor, (arguments.c & FD_CLOEXEC) != 0);
            return 0;
        case F_GETFL:
            return file->flags;
        case F_SETFL:
            return set_non_blocking(*file, (arguments.c & O_NONBLOCK) != 0);
        default:
            return -EINVAL;
    }
}

Answer call_ioctl(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    switch (static_cast<unsigned>(arguments.b)) {
        case FIONBIO:
            return set_non_blocking(*file, *pointer<const int>(arguments.c) != 0);
        case FIONREAD:
            return bytes_pending(*file, *pointer<int>(arguments.c));
        default:
            return terminal_control(*file, static_cast<unsigned>(arguments.b), arguments.c);
    }
}

Answer call_dup(const Arguments& arguments) { return descriptors().duplicate(arguments.descriptor(), 0, false); }

Answer call_dup2(const Arguments& arguments) {
    return descriptors().duplicate_to(arguments.descriptor(), static_cast<int>(arguments.b), false);
}

Answer call_dup3(const Arguments& arguments) {
    if (arguments.a == arguments.b) return -EINVAL;
    return descriptors().duplicate_to(arguments.descriptor(), static_cast<int>(arguments.b), (arguments.c & O_CLOEXEC) != 0);
}

Answer call_fstat(const Arguments& arguments) {
    const OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    fill_status(*pointer<struct stat>(arguments.b), *file);
    return 0;
}

Answer call_stat(const char* path, long result) {
    const std::string_view name{path};
    auto& status = *pointer<struct stat>(result);
    const OpenFile file = special_file(name);
    const bool directory = name == "/" || name == "." || name == "/dev" || name == "/etc";
    if (file.kind == Kind::none && !directory) return -ENOENT;
    fill_status(status, file);
    if (directory) status.st_mode = file_type::directory | 0555;
    return 0;
}

Answer call_newfstatat(const Arguments& arguments) {
    const char* path = pointer<const char>(arguments.b);
    if ((arguments.d & AT_EMPTY_PATH) != 0 && *path == '\0') return call_fstat({arguments.a, arguments.c, 0, 0, 0, 0});
    return call_stat(path, arguments.c);
}

Answer call_access(const char* path, int mode) {
    constexpr int write_access = 2, execute_access = 1;
    const OpenFile file = special_file(path);
    if (file.kind == Kind::none) return -ENOENT;
    if ((mode & execute_access) != 0) return -EACCES;
    return file.kind == Kind::text && (mode & write_access) != 0 ? -EROFS : 0;
}

Answer call_getrandom(const Arguments& arguments) {
    fill_random({pointer<std::byte>(arguments.a), static_cast<std::size_t>(arguments.b)});
    return arguments.b;
}

Answer call_getcwd(const Arguments& arguments) {
    constexpr char root[] = "/";
    if (static_cast<std::size_t>(arguments.b) < sizeof root) return -ERANGE;
    __builtin_memcpy(pointer<char>(arguments.a), root, sizeof root);
    return sizeof root;
}

}  // namespace ant::foreign
