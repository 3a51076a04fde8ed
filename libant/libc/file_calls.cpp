#include "file_calls.hpp"

#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/uio.h>

#include "descriptors.hpp"
#include "disk_files.hpp"
#include "random.hpp"
#include "socket_calls.hpp"
#include "special_files.hpp"
#include "terminal.hpp"

namespace ant::foreign {

namespace {

using Kind = OpenFile::Kind;

constexpr int max_vectors = 1024;

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
        case Kind::file:
            return read_disk_file(file, out);
        case Kind::directory:
            return -EISDIR;
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
        case Kind::directory:
            return -EBADF;
        case Kind::file:
            return write_disk_file(file, data);
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

// The C library's streams come in two short vectors: their own buffer and what did not fit. For a file that is one transfer,
// through here.
constinit std::byte gathered[4096] = {};

bool gathers(const Arguments& arguments) {
    const OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr || file->kind != Kind::file || arguments.c < 2 || arguments.c > max_vectors) return false;
    const auto* vectors = pointer<const struct iovec>(arguments.b);
    std::size_t total = 0;
    for (long i = 0; i < arguments.c; ++i) {
        if (vectors[i].iov_len > sizeof gathered - total) return false;
        total += vectors[i].iov_len;
    }
    return true;
}

Answer read_scattered(const Arguments& arguments) {
    const auto* vectors = pointer<const struct iovec>(arguments.b);
    std::size_t total = 0, done = 0;
    for (long i = 0; i < arguments.c; ++i) total += vectors[i].iov_len;
    const Answer bytes = read_disk_file(*descriptors().at(arguments.descriptor()), {gathered, total});
    for (long i = 0; bytes > 0 && i < arguments.c; ++i) {
        const std::size_t left = static_cast<std::size_t>(bytes) - done;
        const std::size_t piece = vectors[i].iov_len < left ? vectors[i].iov_len : left;
        if (piece != 0) __builtin_memcpy(vectors[i].iov_base, gathered + done, piece);
        done += piece;
    }
    return bytes;
}

Answer write_gathered(const Arguments& arguments) {
    const auto* vectors = pointer<const struct iovec>(arguments.b);
    std::size_t total = 0;
    for (long i = 0; i < arguments.c; ++i) {
        if (vectors[i].iov_len == 0) continue;
        __builtin_memcpy(gathered + total, vectors[i].iov_base, vectors[i].iov_len);
        total += vectors[i].iov_len;
    }
    return write_disk_file(*descriptors().at(arguments.descriptor()), {gathered, total});
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
        case Kind::file: {
            const Answer position = position_of(file);
            const auto status = file.file.status();
            if (position < 0 || !status) return position < 0 ? position : file_failure(status.error());
            const std::uint64_t left = status->size > file.position ? status->size - file.position : 0;
            bytes = static_cast<int>(left < INT32_MAX ? left : INT32_MAX);
            return 0;
        }
        case Kind::directory:
        case Kind::none:
        case Kind::null:
        case Kind::zero:
        case Kind::random:
            break;
    }
    return -ENOTTY;
}

}  // namespace

Answer call_openat(int directory, const char* path, int flags, unsigned mode) {
    OpenFile file = special_file(path);
    if (file.kind == Kind::none) return open_disk_file(directory, path, flags, mode);
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

Answer call_readv(const Arguments& arguments) {
    return gathers(arguments) ? read_scattered(arguments) : each_vector<std::byte>(arguments, read_file);
}
Answer call_writev(const Arguments& arguments) {
    return gathers(arguments) ? write_gathered(arguments) : each_vector<const std::byte>(arguments, write_file);
}

Answer call_lseek(const Arguments& arguments) {
    constexpr int from_start = 0, from_here = 1, from_end = 2;
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind == Kind::file || file->kind == Kind::directory)
        return seek_disk_file(*file, arguments.b, static_cast<int>(arguments.c));
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
            if (file->kind == Kind::file)
                file->flags = (file->flags & ~O_APPEND) | (static_cast<unsigned>(arguments.c) & O_APPEND);
            return set_non_blocking(*file, (arguments.c & O_NONBLOCK) != 0);
        case F_GETLK:
        case F_SETLK:
        case F_SETLKW:
            return record_lock(*file, static_cast<int>(arguments.b), arguments.c);
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

Answer call_getrandom(const Arguments& arguments) {
    fill_random({pointer<std::byte>(arguments.a), static_cast<std::size_t>(arguments.b)});
    return arguments.b;
}

}  // namespace ant::foreign
