// Files and directories, over the functions of the file server.
//
// Data lies in an area that is moved with each call and comes back with its answer. Whoever uses areas of its own
// (`read_area`, `write_area`) has nothing copied; the other calls copy once, between the caller's memory and an area kept for
// that. A file server that fails comes back and gets the calls again: what is said here to be done is done.
#pragma once

#include <ant/client.hpp>
#include <ant/interface/file.hpp>

#include <span>

namespace ant {

class File {
public:
    File() = default;
    File(File&& other) noexcept : handle_{std::exchange(other.handle_, none)} {}
    File& operator=(File&& other) noexcept {
        if (this != &other) {
            (void)close();
            handle_ = std::exchange(other.handle_, none);
        }
        return *this;
    }
    ~File() { (void)close(); }

    // Flags are file::open_flag; `status`, if given, is filled. The path is absolute.
    static Result<File> open(const char* path, std::uint32_t flags, std::uint32_t mode = 0644, file::Status* status = nullptr);
    Result<> close();

    explicit operator bool() const { return handle_ != none; }
    [[nodiscard]] std::uint32_t handle() const { return handle_; }

    // From `position`. Flags: read_ahead. -> bytes, fewer than asked for only at the end of the file
    [[nodiscard]] Result<std::size_t> read(std::uint64_t position, std::span<std::byte> data, std::uint32_t flags = 0) const;
    // -> bytes, fewer only if the disk is full. Flags: append (then the position says nothing)
    [[nodiscard]] Result<std::size_t> write(std::uint64_t position, std::span<const std::byte> data,
                                            std::uint32_t flags = 0) const;

    // No copy: `bytes` of the area from `offset`; flags are file::transfer_flag. Without a server the area may be lost: then
    // it is empty afterwards. -> bytes; of a read, 0 only at the end of the file: it may come in pieces
    Result<std::size_t> read_area(Ica& area, std::size_t offset, std::size_t bytes, std::uint64_t position,
                                  std::uint32_t flags = 0) const;
    Result<std::size_t> write_area(Ica& area, std::size_t offset, std::size_t bytes, std::uint64_t position,
                                   std::uint32_t flags = 0) const;
    // Of a directory: fills the area with file::Entry from `cookie` on. -> bytes, 0 at the end
    Result<std::size_t> list(Ica& area, std::uint64_t cookie) const;

    [[nodiscard]] Result<> truncate(std::uint64_t size) const;
    [[nodiscard]] Result<> sync() const;
    [[nodiscard]] Result<> sync_data() const;
    [[nodiscard]] Result<file::Status> status() const;
    // -> with lock_flag::test the lock in the way
    [[nodiscard]] Result<file::Lock> lock(file::Lock lock) const;  // `handle` is filled in

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    explicit File(std::uint32_t handle) : handle_{handle} {}
    std::uint32_t handle_ = none;
};

// The entries of a directory, one after the other.
class Directory {
public:
    static Result<Directory> open(const char* path);
    // Valid until the next call. nullptr at the end.
    Result<const file::Entry*> next();
    static const char* name(const file::Entry& entry) { return reinterpret_cast<const char*>(&entry + 1); }

private:
    File file_;
    Ica area_;
    std::size_t at_ = 0, filled_ = 0;
    std::uint64_t cookie_ = 0;
};

// What works on paths. Flags are file::path_flag.
namespace files {

Result<file::Status> status(const char* path, std::uint32_t flags = 0);
Result<> access(const char* path, std::uint32_t mode);  // 4 read, 2 write, 1 execute, 0 exists
Result<> make_directory(const char* path, std::uint32_t mode = 0755);
Result<> remove(const char* path, std::uint32_t flags = 0);
Result<> rename(const char* from, const char* to, std::uint32_t flags = 0);
Result<> link(const char* from, const char* to);
Result<> symbolic_link(const char* text, const char* path);
Result<file::Target> read_link(const char* path);
// An open file if there is no path.
Result<> change(file::Change& change, const char* path, std::uint32_t handle = 0);
Result<file::Space> space(const char* path);
Result<> mount(const char* path, std::uint32_t disk, std::uint32_t partition, bool read_only);
Result<> unmount(const char* path);
Result<file::Mounts> mounts();
Result<> sync();

}  // namespace files

}  // namespace ant
